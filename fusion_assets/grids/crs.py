"""Coordinate reference systems: one spelling for each, and the way to and from degrees."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError

EDGE_STEP_DEGREES = 0.01
"""Longest edge of a polygon before it is reprojected; a straight edge then strays from its curve by under 0.1 m."""


@functools.lru_cache(maxsize=256)
def normal_crs(crs: Any) -> str:
    """One spelling for a CRS: its authority code if it has one, else its PROJ string if that is lossless, else WKT.

    Raises:
        FusionError: when pyproj cannot read it.
    """
    try:
        parsed = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError:
        raise FusionError(
            f"{str(crs)[:80]!r} is not a coordinate reference system",
            "a code that PROJ knows, such as EPSG:32645 or ESRI:54009, a PROJ string or WKT",
            "look the code up on https://epsg.io",
        ) from None
    authority = parsed.to_authority()
    if authority is not None:
        return ":".join(authority)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # to_proj4 warns on every call; the comparison below decides
            proj4 = parsed.to_proj4()
        lossless = pyproj.CRS.from_user_input(proj4).equals(parsed, ignore_axis_order=True)
    except pyproj.exceptions.CRSError:  # one that PROJ strings cannot say
        lossless = False
    return proj4 if lossless else parsed.to_wkt()


@functools.lru_cache(maxsize=64)
def to_lonlat(crs: str) -> pyproj.Transformer:
    """Transformer from a CRS (x, y) to WGS84 degrees (longitude, latitude)."""
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


@functools.lru_cache(maxsize=64)
def from_lonlat(crs: str) -> pyproj.Transformer:
    """Transformer from WGS84 degrees (longitude, latitude) to a CRS (x, y)."""
    return pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)


def project(geometry_lonlat: BaseGeometry, crs: str) -> BaseGeometry:
    """Reproject a geometry from WGS84 degrees, its edges densified first to `EDGE_STEP_DEGREES`."""
    dense = shapely.segmentize(geometry_lonlat, EDGE_STEP_DEGREES)
    transformer = from_lonlat(crs)
    return shapely.transform(dense, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1])))
