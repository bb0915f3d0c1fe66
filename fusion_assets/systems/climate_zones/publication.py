"""What other software is given of local climate zones: the maps, with the words that describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion_assets.publishing.publication import Band, Publication
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.legend import PALETTES

if TYPE_CHECKING:
    import datetime as dt

    from fusion_assets.study import ProductUse, Study


def _products(study: Study) -> tuple[str, ...]:
    return tuple(use.product for use in _uses(study))


def _span(study: Study, year: int) -> tuple[dt.date, dt.date]:
    from fusion_assets.systems.climate_zones.imagery_requests import window_of

    first, last = zip(*(window_of(study, each, year) for each in _uses(study)), strict=True)
    return min(first), max(last)


def _uses(study: Study) -> tuple[ProductUse, ...]:
    from fusion_assets.systems.climate_zones.section import reads_radar, use_of

    use = use_of(study)
    return (use.sentinel2, use.sentinel1) if reads_radar(study) else (use.sentinel2,)


def warning_of(study: Study) -> str:
    """What is to be known of all maps of a study; empty where there is nothing."""
    from fusion_assets.systems.climate_zones.section import use_of

    if use_of(study).weights_file is None:
        return ""
    from fusion_assets.systems.climate_zones.published_network import NAME, NOT_CALIBRATED

    return (
        f"Maps are made by {NAME} with {NOT_CALIBRATED}: probabilities are as the network gives them, there are no "
        "sets, and nothing that is said of calibration holds for these maps."
    )


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
    warning=warning_of,
    version=versions.STAC,
)
