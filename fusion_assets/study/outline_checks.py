"""What makes an outline and its CRS valid: boxes, GeoJSON, projected systems in metres."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import is_of_earth, normal_crs
from fusion_assets.storage.local_files import content_of, path_of
from fusion_assets.study.mistakes import cut, shown, wrong
from fusion_assets.study.outline_limits import OutlineEffort

REACH_DEGREES = 10
"""A neighbouring UTM zone is a fair choice; one from another part of the world is a slip."""

BBOX_FORM = "[west, south, east, north] in degrees, longitudes -180 to 180, latitudes -90 to 90"
_DRAW = "draw the region as a polygon, e.g. at https://geojson.io"
SPLIT = "split it into two regions, one ending at longitude 180 and one beginning at -180"


def checked_bbox(value: object) -> tuple[float, float, float, float]:
    """Four finite numbers with W < E and S < N on the globe; raises PydanticCustomError."""
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 4 or not all(map(_is_finite, numbers)):
        raise wrong(f"is {shown(value)}", f"four numbers, {BBOX_FORM}", "write for example [84.5, 27.5, 85.5, 28.5]")
    west, south, east, north = (float(number) for number in numbers)
    found = f"is {shown(value)}"
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 360:
        swapped = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180
        raise wrong(
            f"{found}: a latitude or longitude is out of range",
            BBOX_FORM,
            f"longitude comes before latitude: try {shown([south, west, north, east])}"
            if swapped
            else "give degrees, not metres; longitude comes before latitude",
        )
    if max(abs(west), abs(east)) > 180 or west - east > 180:
        raise wrong(f"{found}: the box crosses the antimeridian", BBOX_FORM, SPLIT)
    if west == east or south == north:
        raise wrong(f"{found}: the box has no area", "west < east and south < north", "move one edge outwards")
    if west > east or south > north:
        raise wrong(
            f"{found}: {'west is not smaller than east' if west > east else 'south is not smaller than north'}",
            "west < east and south < north",
            f"swap them: {shown([min(west, east), min(south, north), max(west, east), max(south, north)])}"
            + (f"; if the region crosses the antimeridian, {SPLIT}" if west > east else ""),
        )
    return west, south, east, north


def _is_finite(number: object) -> bool:
    try:
        return type(number) in (int, float) and math.isfinite(number)  # type: ignore[arg-type]
    except OverflowError:  # an integer beyond all floats
        return False


def checked_geometry(value: object, folder: Path, effort: OutlineEffort) -> BaseGeometry:
    """Valid polygon(s) in degrees from GeoJSON, inline or a path relative to the folder; raises PydanticCustomError."""
    form = "a GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection, or the path of a .geojson file"
    content = read_geojson(value, folder, form, effort) if isinstance(value, str) else value
    objects = list(itertools.islice(_objects(content), effort.left("features") + 1))
    effort.spend("features", len(objects))
    other = next(
        (crs for crs in map(named_crs, objects) if crs is not None and not effort.of_crs(is_lonlat, crs)), None
    )
    if other is not None:
        raise wrong(
            f"says that its crs is {shown(other)}",
            "degrees of WGS84, longitude before latitude",
            f"reproject it: ogr2ogr -t_srs EPSG:4326 degrees.geojson {cut(Path(value).name)}"
            if isinstance(value, str)
            else "write the coordinates in degrees, and leave `crs` out",
        )
    try:
        parts = [_shape(part) for part in objects if part["type"] not in _NESTED]
    except (
        shapely.errors.ShapelyError, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError,
        RecursionError,
    ):  # fmt: skip
        raise wrong(f"is {shown(value)}, not an outline", form, _DRAW) from None
    if not parts:
        raise wrong(f"is {shown(value)}, in which every geometry is null", form, _DRAW)
    kinds = sorted({part.geom_type for part in parts} - {"Polygon", "MultiPolygon"})
    if kinds:
        raise wrong(f"is {shown(kinds)}, not an outline", form, _DRAW)
    effort.look_at(parts)
    for part in parts:
        if not shapely.is_valid(part):
            raise wrong(
                f"is not a valid polygon: {shapely.is_valid_reason(part)} (longitude latitude)",
                "rings that close and do not cross themselves",
                "repair it: QGIS `Fix geometries`, or shapely.make_valid",
            )
    shape = shapely.union_all(parts)
    west, south, east, north = shape.bounds if not shape.is_empty else (0, 0, 0, 0)
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 360:
        raise wrong(
            f"has coordinates from {west, south} to {east, north}",
            "degrees, longitude before latitude",
            "reproject the file to EPSG:4326, e.g. ogr2ogr -t_srs EPSG:4326 out.geojson in.geojson",
        )
    if max(abs(west), abs(east)) > 180 or east - west > 180:
        raise wrong(f"reaches from longitude {west} to {east}: it crosses the antimeridian", "-180 to 180", SPLIT)
    if shape.area == 0:
        raise wrong("has no area", "a polygon that encloses an area", "draw the region again")
    return shape


def read_geojson(value: str, folder: Path, form: str, effort: OutlineEffort) -> Any:
    """Parsed content of a file; raises PydanticCustomError."""
    try:
        path = path_of(value, folder)
        content = content_of(path, effort.left("bytes of GeoJSON"))
    except FusionError as error:
        raise wrong(f"is {shown(value)}: {error.found}", form, error.remedy) from None
    except OSError as error:
        found = f"is {shown(value)}: {error.strerror} ({cut(str(path), 300)})"
        raise wrong(found, form, "give the path relative to the study file") from None
    effort.spend("bytes of GeoJSON", len(content))
    effort.spend("lists and mappings of GeoJSON", content.count(b"[") + content.count(b"{"))
    try:
        return json.loads(content)  # in UTF-8 or UTF-16, with or without a byte order mark
    except (ValueError, RecursionError) as error:
        raise wrong(
            f"is {shown(value)}: not JSON ({cut(str(error))})", form, "export the file again as GeoJSON"
        ) from None


_NESTED = {"FeatureCollection": "features", "Feature": "geometry", "GeometryCollection": "geometries"}


def _objects(content: Any) -> Iterator[Any]:
    """All objects of GeoJSON, those that hold others included; null is a feature without a place, and left out."""
    waiting = [iter([content])]
    while waiting:
        for item in waiting[-1]:
            if item is None:
                continue
            yield item
            kind = item.get("type") if isinstance(item, dict) else None
            if isinstance(kind, str) and kind in _NESTED:
                inner = item.get(_NESTED[kind], "nothing, which is no geometry")
                waiting.append(iter(inner if isinstance(inner, list) else [inner]))
                break
        else:
            waiting.pop()


def _shape(geometry: dict[str, Any]) -> BaseGeometry:
    """A geometry in two dimensions, of numbers alone: shapely takes text and truth for numbers, too."""
    depth = {"Polygon": 3, "MultiPolygon": 4}.get(geometry["type"], 0)
    values: Any = [geometry["coordinates"]] if depth else ()
    for _ in range(depth):
        values = itertools.chain.from_iterable(values)
    if not set(map(type, values)) <= {int, float}:
        raise TypeError
    return shapely.force_2d(shapely.geometry.shape(geometry))


def named_crs(content: Any) -> Any:
    """The `crs` that an object of GeoJSON names, as its edition of 2008 has them; None where it says nothing."""
    crs = content.get("crs") if isinstance(content, dict) else None
    properties = crs.get("properties") if isinstance(crs, dict) else None
    return properties.get("name", crs) if isinstance(properties, dict) else crs


def is_lonlat(crs: Any) -> bool:
    """Whether a CRS means WGS84 degrees. In GeoJSON x comes first, however the CRS itself orders its axes."""
    try:
        named = pyproj.CRS.from_user_input(normal_crs(crs)).to_2d()
    except (FusionError, TypeError, pyproj.exceptions.CRSError):  # a list or mapping is no name
        return False
    return named.equals(pyproj.CRS("OGC:CRS84"), ignore_axis_order=True)


def checked_crs(value: object) -> str:
    """A projected CRS of the Earth in metres, in its normal spelling; raises PydanticCustomError."""
    remedy = "name the UTM zone (EPSG:326zz north, EPSG:327zz south), or leave crs out to have it chosen"
    try:
        crs = normal_crs(value)
    except (FusionError, TypeError):
        raise wrong(f"is {shown(value)}, unknown to PROJ", "a code such as EPSG:32645 or ESRI:54009", remedy) from None
    parsed = pyproj.CRS.from_user_input(crs)
    units = {axis.unit_name for axis in parsed.axis_info[:2]}
    if not parsed.is_projected or units != {"metre"}:
        what = "is in degrees" if parsed.is_geographic else f"is not a map in metres (its unit: {', '.join(units)})"
        raise wrong(f"is {shown(value)}, which {what}", "a projected CRS in metres, as the resolution is", remedy)
    if not is_of_earth(crs):
        what = "which degrees of WGS84 cannot be brought to: it is of another body, or its numbers cannot be"
        raise wrong(f"is {shown(value)}, {what}", "a projected CRS of the Earth, in metres", remedy)
    return crs


def crs_reaches(crs: str, polygon: BaseGeometry) -> bool:
    """Whether an outline comes within `REACH_DEGREES` of the area a CRS is made for; True where that is not known."""
    area = pyproj.CRS.from_user_input(crs).area_of_use
    if area is None or area.west > area.east:
        return True
    made_for = shapely.box(area.west, area.south, area.east, area.north)
    return bool(made_for.buffer(REACH_DEGREES, join_style="mitre").intersects(polygon))


def utm_crs(centre: shapely.Point) -> str:
    """Authority code of the UTM zone (WGS84) of a point in degrees; zones are 6 degrees wide, without exceptions."""
    zone = min(60, int((centre.x + 180) // 6) + 1)
    return f"EPSG:{(32600 if centre.y >= 0 else 32700) + zone}"
