"""Geometries: constructors, simple measures and relations. Edges are straight in the geometry's CRS."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pyproj
import shapely

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, REFUSED, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import WORLD, Projection
from fusion_assets.loopbacks.earth_engine.values import Geometry

_ELLIPSOID = pyproj.Geod(ellps="WGS84")


@algorithm("ErrorMargin")
def error_margin(value: float | None, unit: str) -> dict[str, Any]:
    """How exact a geometry must be; nothing here depends on it."""
    return {"unit": unit, "value": value}


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
    shape = shapely.Polygon(rings[0], rings[1:])
    _interior_inside([shape], even_odd, "Polygon")
    return _made(shape, crs, geodesic)


@algorithm("GeometryConstructors.MultiPolygon")
def multi_polygon(
    coordinates: list, crs: Projection | None, geodesic: bool | None, error: Any, even_odd: bool
) -> Geometry:
    """Several polygons."""
    shape = shapely.MultiPolygon([(p[0], p[1:]) for p in coordinates])
    _interior_inside(shape.geoms, even_odd, "MultiPolygon")
    return _made(shape, crs, geodesic)


def _interior_inside(shapes: Any, even_odd: bool, kind: str) -> None:
    """Refuse polygons that are all of the world but what is drawn: those to the left of whose edges is the outside."""
    if not even_odd and not all(shape.exterior.is_ccw for shape in shapes):
        raise ServiceError(
            f"GeometryConstructors.{kind}: this loopback service does not know polygons whose interior is outside "
            "their ring (evenOdd false, drawn clockwise)."
        )


@algorithm("GeometryConstructors.MultiLineString")
def multi_line(coordinates: list, crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Several lines."""
    return _made(shapely.MultiLineString([_pairs(line) for line in coordinates]), crs, geodesic)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(coordinates: list, crs: Projection | None, geodesic: bool | None, even_odd: bool) -> Geometry:
    """A box between two corners."""
    (x0, y0), (x1, y1) = _pairs(coordinates)
    return _made(shapely.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """A box of longitudes and latitudes."""
    return _made(shapely.box(west, south, east, north), None, False)


@algorithm("GeometryConstructors.MultiGeometry", refuses=("crs", "geodesic"))
def multi_geometry(geometries: list, crs: Projection | None, geodesic: bool | None, error: Any) -> Geometry:
    """Several geometries."""
    return Geometry(shapely.GeometryCollection([g.lonlat for g in geometries]))


@algorithm("Geometry.bounds")
def bounds(geometry: Geometry, error: Any, proj: Projection | None) -> Geometry:
    """The box around a geometry, in longitude and latitude or in a projection's CRS."""
    crs = proj.crs if proj else WORLD
    return Geometry(shapely.box(*geometry.in_crs(crs).bounds), crs, False)


@algorithm("Geometry.centroid", refuses=("proj",))
def centroid(geometry: Geometry, error: Any, proj: Projection | None) -> Geometry:
    """The centre of gravity, in degrees."""
    return Geometry(geometry.lonlat.centroid)


@algorithm("Geometry.area")
def area(geometry: Geometry, error: Any, proj: Projection | None) -> float:
    """Square metres on the ellipsoid, or in the units of a projection."""
    if proj is not None:
        return geometry.in_crs(proj.crs).area
    return abs(_ELLIPSOID.geometry_area_perimeter(geometry.lonlat)[0])


@algorithm("Geometry.buffer", refuses=("proj",))
def buffer(geometry: Geometry, distance: float, error: Any, proj: Projection | None) -> Geometry:
    """Grown by metres, in an equidistant projection around the centroid."""
    middle = geometry.lonlat.centroid
    local = f"+proj=aeqd +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84 +units=m"
    return Geometry(Geometry(geometry.in_crs(local).buffer(distance), local).lonlat)


@algorithm("Geometry.coordinates")
def coordinates_of(geometry: Geometry) -> list:
    """Nested lists of coordinates."""
    return _listed(shapely.geometry.mapping(geometry.shape)["coordinates"])


def _listed(nested: Any) -> Any:
    return [_listed(item) for item in nested] if isinstance(nested, list | tuple) else nested


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


@algorithm("Geometry.transform", refuses=("geodesic",))
def transformed(geometry: Geometry, proj: Projection, error: Any, geodesic: Any) -> Geometry:
    """The same shape in another CRS."""
    return Geometry(geometry.in_crs(proj.crs), proj.crs, False)


def _relation(test: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    return lambda one, other, error, proj: bool(test(one.lonlat, other.lonlat))


def _combination(make: Callable[[Any, Any], Any]) -> Callable[..., Geometry]:
    return lambda one, other, error, proj: Geometry(make(one.lonlat, other.lonlat))


def _metres(one: Any, other: Any) -> float:
    """Metres between the nearest points of two shapes in degrees, of which one at least is a point."""
    if "Point" not in (one.geom_type, other.geom_type):
        raise ServiceError("Geometry.distance: this loopback service knows distances from a point only.")
    point, shape = (one, other) if one.geom_type == "Point" else (other, one)
    local = Geometry(shape).in_crs(f"+proj=aeqd +lat_0={point.y} +lon_0={point.x} +datum=WGS84 +units=m")
    return float(shapely.distance(shapely.Point(0, 0), local))


@algorithm("Geometry.distance", refuses=("proj", "spherical"))
def distance(one: Geometry, other: Geometry, error: Any, proj: Any, spherical: bool) -> float:
    """Metres between two geometries, one of them a point."""
    return _metres(one.lonlat, other.lonlat)


@algorithm("Geometry.withinDistance", refuses=("proj",))
def within_distance(one: Geometry, other: Geometry, limit: float, error: Any, proj: Any) -> bool:
    """Whether two geometries, one of them a point, are at most so many metres apart."""
    return _metres(one.lonlat, other.lonlat) <= limit


def _along(shape: Any) -> float:
    """Length of lines, on the ellipsoid."""
    return float(_ELLIPSOID.geometry_length(shape))


@algorithm("Geometry.length", refuses=("proj",))
def length(geometry: Geometry, error: Any, proj: Any) -> float:
    """Metres along lines; 0 for polygons and points."""
    shape = geometry.lonlat
    return _along(shape) if "Line" in shape.geom_type or shape.geom_type == "LinearRing" else 0.0


@algorithm("Geometry.perimeter", refuses=("proj",))
def perimeter(geometry: Geometry, error: Any, proj: Any) -> float:
    """Metres around polygons; 0 for lines and points."""
    shape = geometry.lonlat
    return _along(shape.boundary) if "Polygon" in shape.geom_type else 0.0


@algorithm("Geometry.geometries")
def geometries_of(geometry: Geometry) -> list[Geometry]:
    """The parts of a geometry of several, or the one."""
    if geometry.shape is None:
        return [geometry]
    return [
        Geometry(part, geometry.crs, geometry.geodesic) for part in getattr(geometry.shape, "geoms", [geometry.shape])
    ]


@algorithm("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def is_geodesic(geometry: Geometry) -> bool:
    """Whether edges are great circles."""
    return geometry.geodesic


@algorithm("Geometry.convexHull", refuses=("proj",))
def convex_hull(geometry: Geometry, error: Any, proj: Any) -> Geometry:
    """The smallest convex shape around a geometry."""
    return Geometry(geometry.lonlat.convex_hull)


@algorithm("Geometry.dissolve", refuses=("proj",))
def dissolve(geometry: Geometry, error: Any, proj: Any) -> Geometry:
    """Parts joined where they touch."""
    return Geometry(shapely.union_all([geometry.lonlat]))


_RELATIONS = {
    "intersects": shapely.intersects, "contains": shapely.contains, "containedIn": shapely.within,
    "disjoint": shapely.disjoint,
}  # fmt: skip
_COMBINATIONS = {
    "intersection": shapely.intersection, "union": shapely.union, "difference": shapely.difference,
    "symmetricDifference": shapely.symmetric_difference,
}  # fmt: skip
for _name, _test in _RELATIONS.items():
    algorithm(f"Geometry.{_name}", refuses=("proj",))(_relation(_test))
for _name, _make in _COMBINATIONS.items():
    algorithm(f"Geometry.{_name}", refuses=("proj",))(_combination(_make))


def _on_features(name: str, returns_shape: bool, operands: int) -> None:
    """The algorithm of the same name on features: the first keeps its properties."""
    function = ALGORITHMS[f"Geometry.{name}"]

    def apply(*given: Any) -> Any:
        shapes = [item.geometry if item.geometry is not None else Geometry(None) for item in given[:operands]]
        result = function(*shapes, *given[operands:])
        return dataclasses.replace(given[0], geometry=result) if returns_shape else result

    algorithm(f"Feature.{name}", refuses=REFUSED[f"Geometry.{name}"])(apply)


for _name in ("bounds", "buffer", "centroid", "convexHull", "dissolve", "transform"):
    _on_features(_name, True, 1)
for _name in _COMBINATIONS:
    _on_features(_name, True, 2)
for _name in ("area", "length", "perimeter"):
    _on_features(_name, False, 1)
for _name in (*_RELATIONS, "distance", "withinDistance"):
    _on_features(_name, False, 2)
