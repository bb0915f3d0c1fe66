"""Light of an area: every pixel of the map by the share of it that lies inside, so that neighbours share it out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import dask
import numpy as np
import shapely
import xarray as xr
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.crs import project
from fusion_assets.grids.grid import Grid

PARTS = 5
"""Edge of the lattice of points in a pixel that say how much of it lies inside."""
_SMALL = 1024
"""Pixels around areas that are small enough to be cut pixel by pixel."""
_TILE = 384
SUMMED = ("radiance", "low", "high")


@dataclass(frozen=True)
class Light:
    """What shines in an area.

    Attributes:
        km2: of it that the map knows.
        radiance: radiance times area, nW/cm2/sr x km2.
        low: the same of the lower ends of the pixels' intervals.
        high: of the upper ends.
    """

    km2: float = 0.0
    radiance: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Light) -> Light:
        pairs = zip(self.__dict__.values(), other.__dict__.values(), strict=True)
        return Light(*(mine + its for mine, its in pairs))


def light_of(fine_map: xr.Dataset, area: BaseGeometry) -> Light:
    """Light of an area on one map, tile by tile.

    A pixel counts by the share of it that lies in the area: cut exactly where the area is small, else by 5 x 5 points,
    each of which lies in one of two areas that share a boundary. So the light of all parts of a place is its own.

    Args:
        fine_map: `radiance`, `low` and `high`, nW/cm2/sr; may be lazy.
        area: degrees.
    """
    if area.is_empty:
        return Light()
    grid = Grid.of(fine_map)
    outline = project(area, grid.crs)
    rows, columns = _touched(grid, outline.bounds)
    if not rows or not columns:
        return Light()
    shares = _cut if len(rows) * len(columns) <= _SMALL else _counted
    light = Light()
    for top, left in product(rows[::_TILE], columns[::_TILE]):
        height, width = min(_TILE, rows.stop - top), min(_TILE, columns.stop - left)
        window = grid.window(top, left, height, width)
        share = shares(window, outline)
        if not share.any():
            continue
        parts = [fine_map[name].data[top : top + height, left : left + width] for name in SUMMED]
        # At once and in this thread: starting others takes longer than so little to read.
        bands = [np.asarray(part, float) for part in dask.compute(*parts, scheduler="synchronous")]
        known = np.isfinite(bands).all(axis=0)
        km2 = np.where(known, share * window.pixel_areas_km2(), 0.0)
        light += Light(float(km2.sum()), *(float((km2 * np.nan_to_num(band)).sum()) for band in bands))
    return light


def light_of_regions(
    maps: Mapping[str, xr.Dataset], outlines: Iterable[tuple[str, BaseGeometry]], area: BaseGeometry
) -> Light:
    """Light of an area that lies in one region or several; where regions overlap, the first of them counts.

    Args:
        maps: by region.
        outlines: of regions, degrees, in their order; those without a map add nothing.
        area: degrees.
    """
    light, left = Light(), area
    for region, outline in outlines:
        if region not in maps or not left.intersects(outline):
            continue
        light += light_of(maps[region], _surface(left.intersection(outline)))
        left = left.difference(outline)
    return light


def _cut(window: Grid, outline: BaseGeometry) -> np.ndarray:
    """Share of every pixel inside a polygon in map units, (height, width)."""
    x, y = np.meshgrid(*window.centres())
    half = window.resolution / 2
    pixels = shapely.box(x - half, y - half, x + half, y + half)
    return shapely.area(shapely.intersection(pixels, outline)) / window.resolution**2


def _counted(window: Grid, outline: BaseGeometry) -> np.ndarray:
    """Share of every pixel's points inside a polygon in map units, (height, width)."""
    points = window.refine(PARTS)
    inside = geometry_mask([outline], points.shape, points.transform, invert=True)
    return inside.reshape(window.height, PARTS, window.width, PARTS).mean(axis=(1, 3))


def _surface(shape: BaseGeometry) -> BaseGeometry:
    """A geometry without the points and lines where others are only touched."""
    return shapely.MultiPolygon([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


def _touched(grid: Grid, bounds: tuple[float, float, float, float]) -> tuple[range, range]:
    """Rows and columns of the pixels that a box in map units touches."""
    west, south, east, north = bounds
    step, left, top = grid.resolution, grid.transform.c, grid.transform.f
    rows = range(max(0, math.floor((top - north) / step)), min(grid.height, math.ceil((top - south) / step)))
    columns = range(max(0, math.floor((west - left) / step)), min(grid.width, math.ceil((east - left) / step)))
    return rows, columns
