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
    vectors = study.vectors
    return (*(study.use(role).product for role in roles_of(study)), *(vectors.products if vectors else ()))


def _span(study: Study, year: int) -> tuple[dt.date, dt.date]:
    vectors, windows = study.vectors, [study.window(role, year) for role in study.feature_roles]
    first, last = zip(*windows, *([vectors.span(year)] if vectors else []), strict=True)
    return min(first), max(last)


MAPS = Publication(
    name="built_up",
    title="Built-up land",
    text=(
        "Yearly maps of built-up land: probability and class of every pixel. Agreement with the labels that they were "
        "learnt from is not accuracy, and counting pixels of two years is no measure of change: take areas from the "
        "trend of the study. No licence is stated for the maps; the sources ask for acknowledgement."
    ),
    asset_title="Probability of built-up land",
    lineage=(
        "Median composites of {scenes}, put side by side on one grid and classified by a model learnt from the labels."
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
            "1 built-up, 0 not built-up: probability against the threshold `fusion:threshold`; 255 is no data",
            PALETTES["built_up"],
        ),
    ),
    thumbnail=("built_up",),
    products=_products,
    span=_span,
    thumbnails="stac/thumbnails",
    version=versions.STAC,
)

CHANGE = Publication(
    name="built_up_change",
    title="Change of built-up land",
    text=(
        "Where built-up land changed from the first to the last year of the study. A class is named only where its "
        "probability reaches 0.8, whatever the errors of two years have in common, and as far as the probabilities are "
        "calibrated, which is relative to the labels. Counting pixels is no estimate of change: take that from the "
        "trend of the study. No licence is stated for the maps; the sources ask for acknowledgement."
    ),
    asset_title="Confidence in the change",
    lineage="The maps of all years of the study, compared pixel by pixel.",
    keywords=("built-up", "settlement", "change"),
    asset="built_up_change",
    report="built_up_report",
    bands=(
        Band(
            "change",
            "0 cannot tell, 1 stable, not built-up, 2 stable, built-up, 3 gained, 4 lost; 255 is no data",
            PALETTES["change"],
        ),
        Band(
            "confidence",
            "Least probability of the likeliest class, 0 to 1, also where it does not suffice; NaN is no data",
            PALETTES["confidence"],
        ),
    ),
    thumbnail=("change",),
    products=_products,
    span=lambda study, _: (_span(study, min(study.prediction_years))[0], _span(study, max(study.prediction_years))[1]),
    version=versions.STAC,
    yearly=False,
)
