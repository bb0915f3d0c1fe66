"""Coordinate reference systems: one spelling for each, and the way to and from degrees."""

from __future__ import annotations

import functools
import math
import re
import warnings
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError

EDGE_STEP_DEGREES = 0.01
"""Longest edge of a polygon before it is reprojected; a straight edge then strays from its curve by under 0.1 m."""
EDGE_STEP_METRES = 10_000.0
"""Likewise of an edge that is straight in a projected CRS: in degrees it then strays by 2 m, far less than a pixel."""
_LONGEST = 20_000
"""Characters of a CRS; WKT has some thousand."""
# PROJ opens the grids that a CRS names, wherever they lie, and whatever they are.
_NAMES_A_PATH = re.compile(
    r"""(grids|init|file|catalog)\s*=\s*[^\s"]*[/~\\] | PARAMETERFILE\s*\[[^]]*,\s*"[^"]*[/~\\]
    | "PROJ4_GRIDS"\s*,\s*"[^"]*[/~\\] | "value"\s*:\s*"[^"]*[/~\\]""",
    re.VERBOSE | re.IGNORECASE,
)
_EARTH = (6378137.0, 6356752.314)
_UNLIKE_EARTH = 0.005
"""Share by which an axis of an ellipsoid may differ; spheres do by 0.3 %."""
_DEGREES = 1e-4


@functools.lru_cache(maxsize=256)
def normal_crs(crs: Any) -> str:
    """One spelling for a CRS: its authority code if it has one, else its PROJ string if that is lossless, else WKT.

    Raises:
        FusionError: when pyproj cannot read it.
    """
    try:
        if isinstance(crs, str) and (len(crs) > _LONGEST or _NAMES_A_PATH.search(crs)):
            raise pyproj.exceptions.CRSError("it is too long, or names a file")
        parsed = pyproj.CRS.from_user_input(crs)
    except (pyproj.exceptions.ProjError, RecursionError, OverflowError):
        raise FusionError(
            f"{str(crs)[:80]!r} is not a coordinate reference system",
            "a code that PROJ knows, such as EPSG:32645 or ESRI:54009, a PROJ string or WKT",
            "look the code up on https://epsg.io",
        ) from None
    authority = parsed.to_authority()
    if authority is not None and _alike(parsed, pyproj.CRS.from_authority(*authority)):
        return ":".join(authority)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # to_proj4 warns on every call; the comparison below decides
            proj4 = parsed.to_proj4()
        lossless = pyproj.CRS.from_user_input(proj4).equals(parsed, ignore_axis_order=True)
    except pyproj.exceptions.CRSError:  # one that PROJ strings cannot say
        lossless = False
    return proj4 if lossless else parsed.to_wkt()


def _alike(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Whether two CRSs count from the same meridian and in the same direction, which PROJ's search leaves out."""
    starts = {crs.prime_meridian.longitude if crs.prime_meridian else 0.0 for crs in (one, other)}
    turned = {any(axis.direction == "west" for axis in crs.axis_info) for crs in (one, other)}
    return len(starts) == len(turned) == 1


@functools.lru_cache(maxsize=64)
def to_lonlat(crs: str) -> pyproj.Transformer:
    """Transformer from a CRS (x, y) to WGS84 degrees (longitude, latitude)."""
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


@functools.lru_cache(maxsize=64)
def from_lonlat(crs: str) -> pyproj.Transformer:
    """Transformer from WGS84 degrees (longitude, latitude) to a CRS (x, y)."""
    return pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)


def is_of_earth(crs: str) -> bool:
    """Whether a CRS has an ellipsoid like Earth's, and degrees of WGS84 can be brought to it and back."""
    ellipsoid = pyproj.CRS.from_user_input(crs).ellipsoid
    axes = (ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre) if ellipsoid else (math.nan, math.nan)
    if not all(abs(axis / earth - 1) <= _UNLIKE_EARTH for axis, earth in zip(axes, _EARTH, strict=True)):
        return False
    try:
        return bool(from_lonlat(crs) and to_lonlat(crs))
    except pyproj.exceptions.ProjError:
        return False


def comes_back(crs: str, longitude: float, latitude: float) -> bool:
    """Whether a place can be projected and found again. Far from where some projections are made for, it is elsewhere.

    Args:
        crs: that `is_of_earth`.
        longitude: degrees.
        latitude: degrees.
    """
    found, parallel = to_lonlat(crs).transform(*from_lonlat(crs).transform(longitude, latitude))
    turned = ((found - longitude + 180) % 360 - 180) * math.cos(math.radians(latitude))
    return bool(abs(turned) < _DEGREES and abs(parallel - latitude) < _DEGREES)


def project(geometry_lonlat: BaseGeometry, crs: str) -> BaseGeometry:
    """Reproject polygons from WGS84 degrees, their edges densified first to `EDGE_STEP_DEGREES`."""
    transformer = from_lonlat(crs)
    return shapely.transform(
        _dense(geometry_lonlat), lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    )


def unproject(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """Reproject polygons to WGS84 degrees; edges that are straight on a map are densified to `EDGE_STEP_METRES`.

    Args:
        geometry: in the CRS, x before y.
        crs: that `is_of_earth`.
    """
    parsed, transformer = pyproj.CRS.from_user_input(crs), to_lonlat(crs)
    if parsed.is_projected:
        geometry = _dense(geometry, EDGE_STEP_METRES / parsed.axis_info[0].unit_conversion_factor)
    return shapely.transform(
        geometry, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    )


def _dense(geometry: BaseGeometry, step: float = EDGE_STEP_DEGREES) -> BaseGeometry:
    """What `shapely.segmentize` makes of polygons, to the bit, in time that grows with their length, not its square."""
    kind, points, (rings, *parts) = shapely.to_ragged_array([shapely.force_2d(geometry)])
    steps = np.diff(points, axis=0, append=points[-1:])
    steps[rings[1:] - 1] = 0.0  # no edge leads from one ring to the next
    lengths = np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 1] * steps[:, 1])
    counts = np.maximum(np.ceil(lengths / step), 1).astype(int)
    starts = np.concatenate([[0], np.cumsum(counts)])
    origin = np.repeat(np.arange(len(points)), counts)
    number = np.arange(starts[-1]) - starts[origin]
    share = number * (lengths / counts)[origin] / np.where(lengths > 0, lengths, 1.0)[origin]
    dense = points[origin] + share[:, None] * steps[origin]
    return shapely.from_ragged_array(kind, dense, (starts[rings], *parts))[0]
