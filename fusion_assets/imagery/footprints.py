"""Where on Earth a STAC item lies: its geometry or bounding box, however it spells longitudes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pystac
import shapely
from shapely.affinity import translate
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError

WORLD = box(-180, -90, 180, 90)
# Footprints may overshoot the poles a little; what lies further out is not in degrees.
_MOST_LATITUDE, _MOST_LONGITUDE = 91.0, 540.0


def footprint(item: pystac.Item) -> BaseGeometry:
    """Area of an item in longitude and latitude, valid; an item that says nothing of its place covers the world.

    Longitudes may lie beyond -180 and 180: see `touches`.

    Raises:
        FusionError: geometry or bounding box cannot be read, or are not in degrees; names the item.
    """
    given = _geometry(item)
    if given is not None and not given.is_empty and not np.isfinite(shapely.get_coordinates(given)).all():
        raise _unreadable(item, "a geometry with coordinates that are no numbers")
    if given is None or given.is_empty:
        return WORLD if item.bbox is None else _box(item)
    west, south, east, north = given.bounds
    if not all(map(math.isfinite, given.bounds)) or not _in_degrees(west, south, east, north):
        raise _unreadable(item, f"a geometry of longitudes {west:g} to {east:g} and latitudes {south:g} to {north:g}")
    whole = shapely.make_valid(given)
    if east - west <= 180:
        # Where the two contradict each other, either may be right, and the file will tell.
        other = None if item.bbox is None else _box(item)
        return whole if other is None or touches(whole, other) else whole.union(other)
    # Either as wide as it looks, or it crosses the antimeridian and was not cut there, as GeoJSON demands.
    crossing = shapely.make_valid(shapely.transform(given, _eastern))
    crosses = item.bbox is not None and _box(item).bounds[2] > 180 >= east
    return crossing if crosses else whole.union(crossing)


def touches(footprint: BaseGeometry, area: BaseGeometry) -> bool:
    """Whether an item lies in an area, with longitudes that differ by 360 degrees being the same."""
    west, south, east, north = area.bounds
    for turn in (0, 360, -360):
        left, bottom, right, top = footprint.bounds
        near = left + turn <= east and right + turn >= west and bottom <= north and top >= south
        if near and area.intersects(translate(footprint, turn) if turn else footprint):
            return True
    return False


def _geometry(item: pystac.Item) -> BaseGeometry | None:
    if item.geometry is None:
        return None
    try:
        return shapely.force_2d(shape(item.geometry))
    except (ShapelyError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(item, f"a geometry that is none ({type(error).__name__})") from None


def _box(item: pystac.Item) -> BaseGeometry:
    """Of four numbers or, with heights, six; one that crosses the antimeridian has its west beyond its east."""
    numbers: Any = item.bbox
    proper = isinstance(numbers, list | tuple) and len(numbers) in (4, 6)
    if not proper or not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise _unreadable(item, f"bbox {str(numbers)[:100]}")
    west, south, east, north = (numbers[place] for place in (0, 1, len(numbers) // 2, len(numbers) // 2 + 1))
    if south > north or not _in_degrees(west, south, east, north):
        raise _unreadable(item, f"bbox {numbers}")
    return box(west, south, east + 360 if west > east else east, north)


def _in_degrees(west: float, south: float, east: float, north: float) -> bool:
    return max(abs(west), abs(east)) <= _MOST_LONGITUDE and max(abs(south), abs(north)) <= _MOST_LATITUDE


def _eastern(coordinates: np.ndarray) -> np.ndarray:
    """Longitudes of the western hemisphere, counted on from 180."""
    return coordinates + np.where(coordinates < 0, [360.0, 0.0], 0.0)


def _unreadable(item: pystac.Item, what: str) -> FusionError:
    return FusionError(
        f"STAC item {item.id} has {what}",
        "a GeoJSON geometry and a bbox in degrees of longitude and latitude",
        "correct the item, or leave it out of the catalog",
    )
