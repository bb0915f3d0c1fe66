"""What other software is given of night radiance: its maps, with the words that describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion_assets.publishing.publication import Band, Publication
from fusion_assets.systems.night_radiance import versions
from fusion_assets.systems.night_radiance.palettes import PALETTES

if TYPE_CHECKING:
    import datetime as dt

    from fusion_assets.study import Study

_UNIT = "nW/cm2/sr"


def _products(study: Study) -> tuple[str, ...]:
    from fusion_assets.systems.night_radiance.section import use_of

    return use_of(study).optics.product, use_of(study).lights.product


def _span(study: Study, year: int) -> tuple[dt.date, dt.date]:
    from fusion_assets.systems.night_radiance.imagery_requests import window_of

    return window_of(year)


MAPS = Publication(
    name="radiance",
    title="Night radiance",
    text=(
        "Radiance of a year's nights on fine pixels. A map has as much light as the product has in its own cells of 15 "
        "arc seconds; where it lies within and between them is inferred from day imagery, and was not measured. Errors "
        "were measured at the size of the cells only. Read a pixel with its interval, and sum over areas of several "
        "cells where you can. No licence is stated for the maps; the sources ask for acknowledgement."
    ),
    asset_title="Night radiance with its interval",
    lineage=(
        "Lights of the year on the product's own cells, shared among fine pixels by what a model learnt from day "
        "imagery one scale up, and conserved through the sensor's point spread function."
    ),
    keywords=("night lights", "radiance", "VIIRS", "downscaling"),
    asset="radiance_map",
    report="radiance_report",
    bands=(
        Band("radiance", "Radiance of the year's nights, 0 or more; NaN is no data", PALETTES["radiance"], _UNIT),
        Band("low", "Low end of the 90 % interval of the pixel", PALETTES["low"], _UNIT),
        Band("high", "High end of the 90 % interval of the pixel", PALETTES["high"], _UNIT),
        Band(
            "imagery_effect",
            "Natural logarithm of what day imagery multiplied the deblurred lights by; 0 where it did nothing",
            PALETTES["imagery_effect"],
        ),
    ),
    thumbnail=("radiance",),
    products=_products,
    span=_span,
    version=versions.STAC,
)
