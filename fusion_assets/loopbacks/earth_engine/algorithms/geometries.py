"""Geometries: constructors, simple measures and relations. Edges are straight in the geometry's CRS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyproj
import shapely

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import WORLD, Projection
from fusion_assets.loopbacks.earth_engine.values import Geometry

_ELLIPSOID = pyproj.Geod(ellps="WGS84")


@algorithm("ErrorMargin")
def error_margin(value: float | None, unit: str) -> float | None:
    """How exact a geometry must be; nothing here depends on it."""
    return value


def _made(shape: Any, crs: Projection | None, geodesic: bool | None = None) -> Geometry:
    """A shape in a projection's pixel coordinates, as one in the coordinates of its CRS."""
    if crs is None:
        return Geometry(shape, WORLD, True if geodesic is None else geodesic)
    a, b, c, d, e, f = crs.transform
    moved = shapely.transform(
        shape, lambda p: np.column_stack([a * p[:, 0] + b * p[:, 1] + c, d * p[:, 0] + e * p[:, 1] + f])
    )
    return Geometry(moved, crs.crs, bool(geodesic))


def _pairs(coordinates: Any) -> list:
    """Coordinates as pairs, from pairs or a flat list of numbers."""
    if coordinates and isinstance(coordinates[0], int | float):
        return [coordinates[i : i + 2] for i in range(0, len(coordinates), 2)]
    return coordinates


@algorithm("GeometryConstructors.Point")
def point(coordinates: list, crs: Projection | None) -> Geometry:
    """A point."""
    return _made(shapely.Point(coordinates), crs)


@algorithm("GeometryConstructors.MultiPoint")
def multi_point(coordinates: list, crs: Projection | None) -> Geometry:
    """Several points."""
    return _made(shapely.MultiPoint(_pairs(coordinates)), crs)


@algorithm("GeometryConstructors.LineString")
def line(coordinates: list, crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """A line."""
    return _made(shapely.LineString(_pairs(coordinates)), crs, geodesic)


@algorithm("GeometryConstructors.LinearRing")
def ring(coordinates: list, crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """A closed line."""
    return _made(shapely.LinearRing(_pairs(coordinates)), crs, geodesic)


@algorithm("GeometryConstructors.Polygon")
def polygon(coordinates: list, crs: Projection | None, geodesic: bool | None, error: Any, even_odd: bool) -> Geometry:
    """A polygon: rings, the first around the others."""
    rings = (
        [_pairs(coordinates)]
        if not isinstance(coordinates[0], list) or not isinstance(coordinates[0][0], list)
        else coordinates
    )
    return _made(shapely.Polygon(rings[0], rings[1:]), crs, geodesic)


@algorithm("GeometryConstructors.MultiPolygon")
def multi_polygon(
    coordinates: list, crs: Projection | None, geodesic: bool | None, error: Any, even_odd: bool
) -> Geometry:
    """Several polygons."""
    return _made(shapely.MultiPolygon([(p[0], p[1:]) for p in coordinates]), crs, geodesic)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(coordinates: list, crs: Projection | None, geodesic: bool | None, even_odd: bool) -> Geometry:
    """A box between two corners."""
    (x0, y0), (x1, y1) = _pairs(coordinates)
    return _made(shapely.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """A box of longitudes and latitudes."""
    return _made(shapely.box(west, south, east, north), None, False)


@algorithm("GeometryConstructors.MultiGeometry")
def multi_geometry(geometries: list, crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Several geometries."""
    return Geometry(shapely.GeometryCollection([g.lonlat for g in geometries]))


@algorithm("Geometry.bounds")
def bounds(geometry: Geometry, error: Any, proj: Projection | None) -> Geometry:
    """The box around a geometry, in longitude and latitude or in a projection's CRS."""
    crs = proj.crs if proj else WORLD
    return Geometry(shapely.box(*geometry.in_crs(crs).bounds), crs, False)


@algorithm("Geometry.centroid")
def centroid(geometry: Geometry, error: Any, proj: Projection | None) -> Geometry:
    """The centre of gravity, in degrees."""
    return Geometry(geometry.lonlat.centroid)


@algorithm("Geometry.area")
def area(geometry: Geometry, error: Any, proj: Projection | None) -> float:
    """Square metres on the ellipsoid, or in the units of a projection."""
    if proj is not None:
        return geometry.in_crs(proj.crs).area
    return abs(_ELLIPSOID.geometry_area_perimeter(geometry.lonlat)[0])


@algorithm("Geometry.buffer")
def buffer(geometry: Geometry, distance: float, error: Any, proj: Projection | None) -> Geometry:
    """Grown by metres, in an equidistant projection around the centroid."""
    if proj is not None:
        raise ServiceError("Geometry.buffer: this loopback service knows no projection here.")
    middle = geometry.lonlat.centroid
    local = f"+proj=aeqd +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84 +units=m"
    return Geometry(Geometry(geometry.in_crs(local).buffer(distance), local).lonlat)


@algorithm("Geometry.coordinates")
def coordinates_of(geometry: Geometry) -> list:
    """Nested lists of coordinates."""
    return _listed(shapely.geometry.mapping(geometry.shape)["coordinates"])


@algorithm("Geometry.type")
def kind_of(geometry: Geometry) -> str:
    """Name of the kind."""
    return "LinearRing" if geometry.shape is None else geometry.shape.geom_type


@algorithm("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether it is the whole world."""
    return geometry.shape is None


@algorithm("Geometry.projection")
def projection_of(geometry: Geometry) -> Projection:
    """CRS of the coordinates."""
    return Projection(geometry.crs)


@algorithm("Geometry.transform")
def transformed(geometry: Geometry, proj: Projection, error: Any, geodesic: Any) -> Geometry:
    """The same shape in another CRS."""
    return Geometry(geometry.in_crs(proj.crs), proj.crs, False)


def _relation(test: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    return lambda one, other, error, proj: bool(test(one.lonlat, other.lonlat))


def _combination(make: Callable[[Any, Any], Any]) -> Callable[..., Geometry]:
    return lambda one, other, error, proj: Geometry(make(one.lonlat, other.lonlat))


ALGORITHMS["Geometry.intersects"] = _relation(shapely.intersects)
ALGORITHMS["Geometry.contains"] = _relation(shapely.contains)
ALGORITHMS["Geometry.containedIn"] = _relation(shapely.within)
ALGORITHMS["Geometry.disjoint"] = _relation(shapely.disjoint)
ALGORITHMS["Geometry.intersection"] = _combination(shapely.intersection)
ALGORITHMS["Geometry.union"] = _combination(shapely.union)
ALGORITHMS["Geometry.difference"] = _combination(shapely.difference)


def _listed(nested: Any) -> Any:
    return [_listed(item) for item in nested] if isinstance(nested, list | tuple) else nested
