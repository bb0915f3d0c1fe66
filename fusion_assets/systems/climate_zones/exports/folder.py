"""All files of a map for other software, in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fusion_assets.errors import FusionError
from fusion_assets.storage.simulation import MARK, NOTICE, is_marked
from fusion_assets.systems.climate_zones.exports.canopy import write_canopy_parameters
from fusion_assets.systems.climate_zones.exports.kmz import write_kmz
from fusion_assets.systems.climate_zones.exports.qgis import write_style
from fusion_assets.systems.climate_zones.exports.w2w import NUMBERINGS, write_w2w
from fusion_assets.systems.climate_zones.exports.wrf_domain import Bounds
from fusion_assets.systems.climate_zones.exports.wudapt import write_wudapt

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.study import Study

NAMES = ("wudapt.tif", "wudapt.qml", "map.kmz", "canopy.csv", "w2w.tif")
"""Of the files; the last is not always there."""
_INSET = 0.05
"""Share of a region's width and height by which the domain that is tried ends within it on each side."""


class Sheet(NamedTuple):
    """What is said of a map.

    Attributes:
        title: for people.
        region: west, south, east and north of the region in degrees.
        domain: of WRF: likewise, or the path of its geo_em file; None: whatever lies well within the region.
        synthetic: whether it is made from a simulated archive.
        numbering: of the file for W2W.
        calibration: what is said of its calibration, where that is to be known of the map.
    """

    title: str
    region: Bounds
    domain: Bounds | Path | None
    synthetic: bool
    numbering: str = NUMBERINGS[0]
    calibration: str = ""


def sheet_of(study: Study, region: str, year: int, tags: Mapping[str, str], domain: Bounds | Path | None) -> Sheet:
    """What is said of a stored map.

    Args:
        study: whose map.
        region: of it.
        year: of it.
        tags: of it.
        domain: of WRF.
    """
    title = f"Local climate zones of {study.region(region).called}, {year}"
    calibration = str(tags.get("calibration", ""))
    return Sheet(title, study.polygon(region).bounds, domain, is_marked(tags), calibration=calibration)


def write_exports(folder: Path, raster: xr.Dataset, sheet: Sheet) -> dict[str, str]:
    """Write the files.

    Args:
        folder: that they are put into.
        raster: the map, as for `codes_of`.
        sheet: what is said of it.

    Returns:
        `without_w2w`, where there is no file for W2W: why not.

    Raises:
        FusionError: no map of zones; or the domain that is asked for is not covered.
    """
    marks = [NOTICE if sheet.synthetic else "", f"{sheet.calibration.capitalize()}." if sheet.calibration else ""]
    caveat = " ".join(filter(None, marks))
    tags = {"TIFFTAG_IMAGEDESCRIPTION": " ".join(filter(None, [caveat, sheet.title]))}
    tags |= (MARK if sheet.synthetic else {}) | ({"calibration": sheet.calibration} if sheet.calibration else {})
    write_wudapt(folder / "wudapt.tif", raster, tags)
    title = f"SYNTHETIC {sheet.title}" if sheet.synthetic else sheet.title
    write_kmz(folder / "map.kmz", raster, title, caveat)
    write_style(folder / "wudapt.qml")
    write_canopy_parameters(folder / "canopy.csv")
    try:
        write_w2w(folder / "w2w.tif", raster, sheet.domain or _within(sheet.region), sheet.numbering, tags)
    except FusionError as error:
        if sheet.domain is not None:
            raise
        remedy = "name a domain without gaps (climate_zones.map.domain, or --domain)"
        return {"without_w2w": f"no w2w.tif: {error.found}; {remedy}"}
    return {}


def _within(bounds: Bounds) -> Bounds:
    west, south, east, north = bounds
    right, up = _INSET * (east - west), _INSET * (north - south)
    return west + right, south + up, east - right, north - up
