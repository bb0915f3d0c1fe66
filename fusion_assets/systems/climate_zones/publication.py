"""What other software is given of local climate zones: the maps, with the words that describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion_assets.publishing.publication import Band, Publication
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.legend import PALETTES

if TYPE_CHECKING:
    import datetime as dt

    from fusion_assets.study import Study


def _products(study: Study) -> tuple[str, ...]:
    from fusion_assets.systems.climate_zones.section import use_of

    return use_of(study).sentinel2.product, use_of(study).sentinel1.product


def _span(study: Study, year: int) -> tuple[dt.date, dt.date]:
    from fusion_assets.systems.climate_zones.imagery_requests import window_of
    from fusion_assets.systems.climate_zones.section import use_of

    use = use_of(study)
    first, last = zip(*(window_of(study, each, year) for each in (use.sentinel2, use.sentinel1)), strict=True)
    return min(first), max(last)


MAPS = Publication(
    name="lcz",
    title="Local climate zones",
    text=(
        "Local climate zones of Stewart and Oke (2012), each that of the 320 m around the middle of a cell. In cities "
        "that networks have not seen a third to a half of the zones are wrong: read a cell with its probability and "
        "with the size of its set, which are calibrated on such cities. Counting cells of two years is no measure of "
        "change. No licence is stated for the maps; the sources ask for acknowledgement."
    ),
    asset_title="How sure the zones are",
    lineage="Median composites of {scenes}, classified patch by patch by a network learnt from labelled cities.",
    keywords=("local climate zones", "LCZ", "urban climate", "land cover"),
    asset="lcz_map",
    bands=(
        Band("lcz", "1 to 10 are LCZ 1 to 10, 11 to 17 are LCZ A to G; 255 is no data", PALETTES["lcz"]),
        Band("probability", "Calibrated probability of the zone, 0 to 1; NaN is no data", PALETTES["probability"]),
        Band("set_size", "Zones in the set that holds the true one in nine of ten cells", PALETTES["set_size"]),
        Band("entropy", "Of the calibrated probabilities: 0 one zone is sure, 1 any may be", PALETTES["entropy"]),
    ),
    thumbnail=("lcz",),
    products=_products,
    span=_span,
    version=versions.STAC,
)
