"""The cells of label products that give built-up surface: what one can hold, and how finer ones become a share.

Source of the convention (square metres of built-up surface a cell): https://human-settlement.emergency.copernicus.eu/ghs_buS2023.php
What does not belong here: codes of classes, which reach the grid as they are.
"""

from __future__ import annotations

import dataclasses
import math

from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.placement import is_geographic
from fusion_assets.imagery.recipe import CompositeRecipe

_METRES_A_DEGREE = 111_320  # along the equator, and never more
_FINEST = 255
SLACK = 1.05
"""Cells are measured by more than one rule: a surface so much larger than its cell is still a rounded whole."""


def averaged(recipe: CompositeRecipe, grid: Grid, crs: str, transform: Affine) -> CompositeRecipe:
    """The recipe of a share: the mean over each pixel of the grid, where the source's cells are finer than it.

    Every source cell is met at least twice along an edge, so that cells which straddle a pixel's edge count by area.

    Args:
        recipe: of the labels.
        grid: of the result.
        crs: of the source.
        transform: of the source.
    """
    finer = grid.resolution / _edge_metres(crs, transform)
    if finer <= 1 + 1e-6:
        return recipe
    return dataclasses.replace(recipe, subdivision=min(_FINEST, math.ceil(2 * finer - 1e-6)))


def most_surface(crs: str, transform: Affine) -> float:
    """Square metres that a cell of the source can hold at most, anywhere."""
    return SLACK * _edge_metres(crs, transform) * _edge_metres(crs, Affine(transform.e, 0, 0, 0, transform.e, 0))


def impossible_surface(found: float, most: float) -> FusionError:
    """The error of a cell with more built-up surface than it has surface."""
    return FusionError(
        f"a cell of {most / SLACK:.0f} m2 has {found:.0f} m2 of built-up surface: no-data fill that nothing declares, "
        "or another unit",
        "at most the area of the cell",
        "declare the no-data number in the file (gdal_edit.py -a_nodata, for GHSL 65535) or in `raster:bands` of the "
        "item; a share or percentage of built-up land is not this product",
    )


def _edge_metres(crs: str, transform: Affine) -> float:
    return abs(transform.a) * (_METRES_A_DEGREE if is_geographic(crs) else 1)
