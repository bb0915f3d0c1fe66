"""What makes an outline and its CRS valid: boxes, GeoJSON, projected systems in metres.

What belongs here: checks of one value, each raising an error that `errors.wrong` words. What does not: the region
as a part of the study (`regions.py`).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.imagery.crs import normal_crs
from fusion_assets.study.errors import shown, wrong

REACH_DEGREES = 10
"""A neighbouring UTM zone is a fair choice; one from another part of the world is a slip."""

BBOX_FORM = "[west, south, east, north] in degrees, longitudes -180 to 180, latitudes -90 to 90"
SPLIT = "split it into two regions, one ending at longitude 180 and one beginning at -180"


def checked_bbox(value: object) -> tuple[float, float, float, float]:
    """Four finite numbers with W < E and S < N on the globe; raises PydanticCustomError."""
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 4 or not all(
        isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) for number in numbers
    ):
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


def checked_geometry(value: object, folder: Path) -> BaseGeometry:
    """Valid polygon(s) in degrees from GeoJSON, inline or a path relative to the folder; raises PydanticCustomError."""
    form = "a GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection, or the path of a .geojson file"
    content = value
    if isinstance(value, str):
        path = folder / Path(value).expanduser()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise wrong(
                f"is {shown(value)}: {error.strerror} ({path})",
                form,
                "give the path relative to the study file",
            ) from None
        except ValueError as error:
            raise wrong(f"is {shown(value)}: not JSON ({error})", form, "export the file again as GeoJSON") from None
    try:
        parts = [shapely.force_2d(shapely.geometry.shape(part)) for part in _geometries(content)]
    except (shapely.errors.ShapelyError, KeyError, TypeError, ValueError, AttributeError, IndexError):
        parts = []
    kinds = sorted({part.geom_type for part in parts} - {"Polygon", "MultiPolygon"})
    if kinds or not parts:
        raise wrong(
            f"is {shown(kinds or value)}, not an outline",
            form,
            "draw the region as a polygon, e.g. at https://geojson.io",
        )
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


def _geometries(content: Any) -> list[dict[str, Any]]:
    if content["type"] == "FeatureCollection":
        return [feature["geometry"] for feature in content["features"]]
    return [content["geometry"] if content["type"] == "Feature" else content]


def checked_crs(value: object) -> str:
    """A projected CRS in metres, in its normal spelling; raises PydanticCustomError."""
    remedy = "name the UTM zone (EPSG:326zz north, EPSG:327zz south), or leave crs out to have it chosen"
    try:
        crs = normal_crs(value)
    except FusionError:
        raise wrong(f"is {shown(value)}, unknown to PROJ", "a code such as EPSG:32645 or ESRI:54009", remedy) from None
    parsed = pyproj.CRS.from_user_input(crs)
    units = {axis.unit_name for axis in parsed.axis_info[:2]}
    if not parsed.is_projected or units != {"metre"}:
        what = "is in degrees" if parsed.is_geographic else f"is not a map in metres (its unit: {', '.join(units)})"
        raise wrong(f"is {shown(value)}, which {what}", "a projected CRS in metres, as the resolution is", remedy)
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
