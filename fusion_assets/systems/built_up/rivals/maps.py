"""Other people's maps on the study's grid: share and class of each, from the pixels of its request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.study import ProductUse
from fusion_assets.systems.built_up.features.labels import source_cell_m2, source_cells
from fusion_assets.systems.built_up.rivals.known import Rival
from fusion_assets.systems.built_up.rivals.shares import (
    NO_DATA,
    classes_of,
    share_of_classes,
    share_of_probability,
    share_of_surface,
)

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.grids.grid import Grid

_ROWS = 256
"""Of the study's grid, which are read at once."""


def share_name(name: str) -> str:
    """Band of a map's share."""
    return f"{name}_share"


def class_name(name: str) -> str:
    """Band of a map's class."""
    return f"{name}_built_up"


def share_of(pixels: xr.Dataset, request: ExportRequest, use: ProductUse, rival: Rival, grid: Grid) -> np.ndarray:
    """Share of built-up land in every pixel of the study's grid, float32, NaN for no data and outside the region.

    Args:
        pixels: lazy, what the engine gave for the request.
        request: from `rival_requests`.
        use: of the product.
        rival: what its numbers mean.
        grid: of the study.

    Raises:
        FusionError: numbers that the map cannot hold.
    """
    (band,) = use.band_names
    k = request.grid.width // grid.width
    cells = source_cell_m2(grid, *source_cells(pixels)) if rival.kind == "surface" else None
    share = np.full(grid.shape, np.nan, np.float32)
    for top in range(0, grid.height, _ROWS):
        rows = slice(top, min(top + _ROWS, grid.height))
        values = np.asarray(pixels[band].data[rows.start * k : rows.stop * k], np.float32)
        if cells is not None:
            share[rows] = share_of_surface(values, cells[rows])
        elif rival.kind == "classes":
            least = request.recipe.min_valid_share
            share[rows] = share_of_classes(values, rival.built_codes(request.year), k, least, rival.silent)
        else:
            share[rows] = share_of_probability(values, use.recipe.title)
    share[~grid.inside(request.area)] = np.nan
    return share


def side_by_side(grid: Grid, shares: Mapping[str, np.ndarray], names: Mapping[str, float]) -> xr.Dataset:
    """Share and class of every map of the study; of one that is silent about the year, no data.

    Args:
        grid: of the study.
        shares: by map, those of the year.
        names: of all maps of the study, with the share from which each counts as built-up.
    """
    bands = {}
    for name, class_from in names.items():
        share = shares.get(name, np.full(grid.shape, np.nan, np.float32))
        classes = classes_of(share, class_from)
        bands[share_name(name)] = share
        bands[class_name(name)] = np.where(classes == NO_DATA, np.nan, classes).astype(np.float32)
    return grid.dataset(bands)
