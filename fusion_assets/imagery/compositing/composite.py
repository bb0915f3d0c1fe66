"""From masked scenes to one composite on the grid, tile by tile.

Order of the recipe: pixel mask, offsets harmonised per scene, median over time, common scale and offset, unweighted
mean of the valid sub-pixels of each k x k block.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import dask
import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.label_cells import averaged, check_equal_cells, most_surface
from fusion_assets.imagery.compositing.median import masked_median
from fusion_assets.imagery.compositing.plan import Tiling, readers, survey, tile_sizes, tiling_within
from fusion_assets.imagery.compositing.tile import composite_tile, is_clear
from fusion_assets.imagery.recipe import RECIPE_VERSION, CompositeRecipe
from fusion_assets.imagery.scenes import Scene

__all__ = ["OBSERVATION_COUNT", "RECIPE_VERSION", "CompositeRecipe", "composite", "is_clear", "masked_median"]

OBSERVATION_COUNT = "observation_count"


def composite(
    acquisitions: Sequence[Sequence[Scene]],
    recipe: CompositeRecipe,
    grid: Grid,
    surface: bool = False,
    tiling: Tiling | None = None,
) -> xr.Dataset:
    """Lazy composite on `grid`: each band float32 in physical units, NaN where nothing was clear.

    Args:
        acquisitions: scenes grouped by pass (see `scenes.acquisitions`).
        recipe: what to do with them.
        grid: of the result.
        surface: the scenes are labels that give built-up surface, see `label_cells`.
        tiling: how large its tiles may be; what this machine's memory, or the cluster's, allows when None.

    Returns:
        Dataset (y, x) with the recipe's bands and `observation_count`: clear acquisitions at each pixel, the
        rounded-down mean over its block (0, not no-data, where there were none; the least-observed band counts).
        With the reducer `latest` the attributes `source_crs` and `source_transform` (six terms) say where the source's
        cells lie.

    Raises:
        UnreadableFile: when computed, for a file that cannot be read after retries.
        FusionError: scenes whose scales differ, which cannot share one median; when computed, more built-up surface
            than its cell can hold.
    """
    season = survey(acquisitions, recipe, grid)
    newest = season.headers[season.acquisitions[-1][0].bands[recipe.bands[0]]].lattice
    if surface:
        check_equal_cells({season.headers[s.bands[recipe.bands[0]]].lattice for g in season.acquisitions for s in g})
        recipe = averaged(recipe, grid, newest.crs, newest.transform)
        season = dataclasses.replace(season, recipe=recipe, most=most_surface(newest.crs, newest.transform))
    itemsize = max(encoding.dtype.itemsize for encoding in season.encodings.values())
    rows, cols = tile_sizes(
        grid, recipe.subdivision, len(acquisitions), itemsize, season.headers.values(), tiling or tiling_within()
    )
    season = dataclasses.replace(season, readers=readers(season.headers, len(rows) * len(cols)))
    # The season is the same for every tile: one node of the graph, not one copy a tile.
    shared = dask.delayed(season, pure=False, traverse=False)
    layers = len(recipe.bands) + 1
    tile = dask.delayed(composite_tile, pure=False)
    blocks, row = [], 0
    for height in rows:
        line, col = [], 0
        for width in cols:
            window = grid.window(row, col, height, width)
            line.append(da.from_delayed(tile(shared, window), (layers, height, width), np.float32))
            col += width
        blocks.append(line)
        row += height
    stack = da.block(blocks)
    pixels = grid.dataset({name: stack[i] for i, name in enumerate((*recipe.bands, OBSERVATION_COUNT))})
    if recipe.reducer != "latest":
        return pixels
    terms = " ".join(repr(float(term)) for term in newest.transform[:6])
    return pixels.assign_attrs(source_crs=newest.crs, source_transform=terms)
