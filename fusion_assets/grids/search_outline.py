"""The outline that a search for scenes is asked with: a region's own, or a coarser one that covers it.

They are always cut by the region's own outline.
"""

from __future__ import annotations

import functools

import shapely
from shapely.geometry.base import BaseGeometry

MOST_VERTICES = 5_000
"""Outlines up to here, some 200 kB of GeoJSON, are sent as they are. Services refuse much longer requests."""

FINEST_DEGREES = 1e-4
"""About 10 m: tolerance of a coarser outline where that suffices; else it is doubled until the outline is short."""

COARSEST_DEGREES = 0.0128
"""About 1.4 km: what still has too many vertices by then, such as thousands of islets, is asked for as a whole."""

_WORLD = shapely.box(-180, -90, 180, 90)
# A round buffer with eight corners reaches cos(67.5 degrees / 2) = 0.83 of its radius where it reaches least.
_REACH = 1.25


def search_outline(area: BaseGeometry, most_vertices: int = MOST_VERTICES) -> BaseGeometry:
    """An area itself, or one of at most so many vertices that covers it, so that no scene is missed.

    It strays from the area by at most 4.5 times the tolerance it took, from `FINEST_DEGREES` to `COARSEST_DEGREES`; a
    scene that comes so close without touching the area may be found, too. Beyond that it is the convex hull.

    Args:
        area: polygons in degrees.
        most_vertices: of the outline.
    """
    if shapely.get_num_coordinates(area) <= most_vertices:
        return area
    return _covering(area.wkb, most_vertices)


@functools.lru_cache(maxsize=16)
def _covering(wkb: bytes, most_vertices: int) -> BaseGeometry:
    """A coarser outline; remembered, for every year and product of a region asks."""
    area, tolerance = shapely.from_wkb(wkb), FINEST_DEGREES
    while tolerance <= COARSEST_DEGREES:
        area = _coarser(area, tolerance)  # of the last one, which is shorter and covers as much
        if shapely.get_num_coordinates(area) <= most_vertices:
            return area
        tolerance *= 2
    return _coarser(area.convex_hull, COARSEST_DEGREES)


def _coarser(area: BaseGeometry, tolerance: float) -> BaseGeometry:
    # Topology is kept: what is cut off lies within the tolerance, and no part or hole turns inside out.
    return area.simplify(tolerance).buffer(_REACH * tolerance, quad_segs=2).intersection(_WORLD)
