"""What other software is given of built-up land: its maps, with the words that describe them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from fusion_assets.publishing.publication import Band, Publication
from fusion_assets.study.provenance import roles_of
from fusion_assets.systems.built_up import versions
from fusion_assets.systems.built_up.palettes import PALETTES

if TYPE_CHECKING:
    from fusion_assets.study import Study


def _products(study: Study) -> tuple[str, ...]:
    return tuple(study.use(role).product for role in roles_of(study))


def _span(study: Study, year: int) -> tuple[dt.date, dt.date]:
    first, last = zip(*(study.window(role, year) for role in study.feature_roles), strict=True)
    return min(first), max(last)


MAPS = Publication(
    name="built_up",
    title="Built-up land",
    text=(
        "Yearly maps of built-up land: probability and class of every pixel. Agreement with the labels that they were "
        "learnt from is not accuracy, and counting pixels of two years is no measure of change: take areas from the "
        "trend of the study. NaN is no data. No licence is stated for the maps; the sources ask for acknowledgement."
    ),
    asset_title="Probability and class of built-up land",
    lineage=(
        "Median composites of {scenes} scenes, put side by side on one grid and classified by a model learnt from the "
        "labels."
    ),
    keywords=("built-up", "settlement", "land cover"),
    asset="built_up_prediction",
    report="built_up_report",
    bands=(
        Band(
            "probability",
            "Probability that the pixel is built-up, 0 to 1; NaN is no data (a feature is missing, or outside)",
            PALETTES["probability"],
        ),
        Band(
            "built_up",
            "1 built-up, 0 not built-up: probability against the threshold `fusion:threshold`; NaN is no data",
            PALETTES["built_up"],
            {0: ("not_built_up", "Not built-up"), 1: ("built_up", "Built-up")},
        ),
    ),
    thumbnail=("built_up",),
    products=_products,
    span=_span,
    thumbnails="stac/thumbnails",
    version=versions.STAC,
)
