"""The cells of label products that give built-up surface: what one can hold, and how finer ones become a share.

Source of the convention (square metres of built-up surface a cell): https://human-settlement.emergency.copernicus.eu/ghs_buS2023.php
What does not belong here: codes of classes, which reach the grid as they are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

import pyproj
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice, is_geographic, same_crs
from fusion_assets.imagery.recipe import CompositeRecipe

_METRES_A_DEGREE = 111_320  # along the equator, and never more
_FINE, _FINEST = 20, 255
SLACK = 1.05
"""Cells are measured by more than one rule: a surface so much larger than its cell is still a rounded whole."""


def averaged(recipe: CompositeRecipe, grid: Grid, crs: str, transform: Affine) -> CompositeRecipe:
    """The recipe of a share: the mean over each pixel of the grid, where the source's cells are finer than it.

    Pixels are split into the source's own cells where those fit in; else so finely that cells which straddle an edge
    count by area: each is met at least twice along its own edge, and a pixel's edge is split in `_FINE` at least.

    Args:
        recipe: of the labels.
        grid: of the result.
        crs: of the source.
        transform: of the source.
    """
    finer = grid.resolution / _shorter_edge(grid, crs, transform)
    if finer <= 1 + 1e-6:
        return recipe
    k = round(finer) if _fit_in(grid, crs, transform) else max(_FINE, math.ceil(2 * finer - 1e-6))
    return dataclasses.replace(recipe, subdivision=min(_FINEST, k))


def _fit_in(grid: Grid, crs: str, transform: Affine) -> bool:
    """Whether every pixel of the grid is made of whole cells."""
    if transform.b or transform.d or abs(transform.e) != transform.a or not same_crs(crs, grid.crs):
        return False
    ratios = (
        grid.resolution / transform.a,
        (grid.transform.c - transform.c) / transform.a,
        (grid.transform.f - transform.f) / transform.a,
    )
    return all(math.isclose(ratio, round(ratio), abs_tol=1e-6) for ratio in ratios)


def most_surface(crs: str, transform: Affine) -> float:
    """Square metres that a cell of the source can hold at most, anywhere."""
    return SLACK * abs(transform.determinant) * _metres(crs) ** 2


def impossible_surface(surface: float, most: float) -> FusionError:
    """The error of a cell with more built-up surface than it has surface."""
    return FusionError(
        f"a cell of {most / SLACK:.0f} m2 has {surface:.0f} m2 of built-up surface: no-data fill that nothing "
        "declares, or another unit",
        "0 to the area of the cell",
        "declare the no-data number in the file (gdal_edit.py -a_nodata, for GHSL 65535) or in `raster:bands` of the "
        "item; a share or percentage of built-up land is not this product",
    )


def check_equal_cells(lattices: Collection[Lattice]) -> None:
    """Refuse labels whose parts have cells of different size: a surface says nothing without its cell."""
    first, *others = sorted(lattices, key=lambda lattice: (lattice.crs, lattice.transform[:6]))
    if not all(_same_cells(first, other) for other in others):
        sizes = {(one.crs, one.transform.a, one.transform.e) for one in lattices}
        shown = ", ".join(sorted(f"{abs(a):.12g} x {abs(e):.12g} in {crs[:60]}" for crs, a, e in sizes))
        raise FusionError(
            f"the label product has cells of different sizes: {shown}",
            "one size of cell, on one CRS",
            "keep each resolution in a collection of its own, and name it in the study (`collection`)",
        )


def _same_cells(one: Lattice, other: Lattice) -> bool:
    pairs = zip(one.transform[:6], other.transform[:6], strict=True)
    terms = [math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-12) for first, second in pairs]
    # All but where the two begin.
    return same_crs(one.crs, other.crs) and all(terms[:2] + terms[3:5])


def _shorter_edge(grid: Grid, crs: str, transform: Affine) -> float:
    """Metres of a cell's shorter edge where the grid lies; degrees of longitude grow shorter towards the poles."""
    west, south, east, north = grid.bounds
    _, latitude = to_lonlat(grid.crs).transform((west + east) / 2, (south + north) / 2)
    narrowing = math.cos(math.radians(latitude)) if is_geographic(crs) else 1.0
    width, height = math.hypot(transform.a * narrowing, transform.d), math.hypot(transform.b * narrowing, transform.e)
    return min(width, height) * _metres(crs)


def _metres(crs: str) -> float:
    """Metres of one unit of a CRS; of a degree, along the equator."""
    return _METRES_A_DEGREE if is_geographic(crs) else pyproj.CRS(crs).axis_info[0].unit_conversion_factor
