"""The way from the CRS of a file of districts to degrees of WGS84."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import EDGE_STEP_METRES, is_of_earth, normal_crs, unproject
from fusion_assets.study.district_table import DistrictTable
from fusion_assets.study.mistakes import Problem, Problems, shown, wrong
from fusion_assets.study.outline_checks import is_lonlat

_MOST_EDGES = 1e6
_KNOWN = "a CRS that PROJ knows, of the Earth, in degrees or on a map"
_SAY = "say which it is: ogr2ogr -a_srs EPSG:4326 districts.gpkg FILE (or the code of its CRS)"


def to_degrees(table: DistrictTable, file: str) -> Callable[[BaseGeometry, str], BaseGeometry]:
    """What brings outlines of the file to degrees of WGS84; raises PydanticCustomError where that is not known."""
    file = shown(file)
    if not table.crs:
        raise wrong(f"are from {file}, which does not say its CRS", _KNOWN, _SAY)
    try:
        crs = pyproj.CRS.from_user_input(table.crs)
        spelling = normal_crs(crs)
    except (FusionError, TypeError, pyproj.exceptions.CRSError):
        raise wrong(f"are from {file}, whose CRS is {shown(table.crs)}", _KNOWN, _SAY) from None
    if crs.name.lower().startswith("undefined") or crs.name.lower() == "unknown":
        raise wrong(f"are from {file}, whose CRS is {shown(crs.name)}", _KNOWN, _SAY)
    if is_lonlat(crs):
        return lambda shape, _: shape
    if not (crs.is_projected or crs.is_geographic) or not is_of_earth(spelling):
        raise wrong(
            f"are from {file}, whose CRS is {shown(crs.name)}", _KNOWN, "ogr2ogr -t_srs EPSG:4326 out.gpkg FILE"
        )
    step = EDGE_STEP_METRES / crs.axis_info[0].unit_conversion_factor if crs.is_projected else 360.0

    def turned(shape: BaseGeometry, place: str) -> BaseGeometry:
        length = shapely.length(shape)
        if not (math.isfinite(length) and length / step < _MOST_EDGES):
            raise Problems(
                [Problem(place, f"has an edge of {length:g} units", "coordinates of its CRS", f"check it: {crs.name}")]
            )
        return unproject(shape, spelling) if shape.geom_type in ("Polygon", "MultiPolygon") else shape

    return turned
