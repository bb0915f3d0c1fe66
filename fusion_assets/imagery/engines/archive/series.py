"""A series from the files of an archive: every scene read lazily, as composites read theirs.

Pixels reach the grid by nearest neighbour on the exact transform, masked and in physical units, offsets harmonised.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dask
import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Places
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import Header
from fusion_assets.imagery.compositing.plan import read_headers, settled_scenes
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.compositing.tile import clear_pixels
from fusion_assets.imagery.recipe import CompositeRecipe, Product
from fusion_assets.imagery.scenes import Scene, SceneFile
from fusion_assets.imagery.timeseries import PIECE_SIZES, Date, PieceSizes, Treatment, assembled, dates_of, first_clear


@dataclass(frozen=True)
class _Shared:
    """What all pieces have in common."""

    dates: Sequence[Date]
    recipe: CompositeRecipe
    headers: Mapping[SceneFile, Header]


def timeseries(
    scenes: Sequence[Scene],
    recipe: CompositeRecipe,
    grid: Grid,
    product: Product,
    treatment: Treatment | None = None,
    sizes: PieceSizes = PIECE_SIZES,
) -> xr.Dataset:
    """The scenes of a request, date by date, in chunks of one date; see `dataset_of`.

    Raises:
        UnreadableFile: a file that cannot be opened; when computed, one that cannot be read.
    """
    dates = dates_of(scenes, product)
    scenes_of, headers = settled_scenes(groups := [date.scenes for date in dates], read_headers(groups, recipe, grid))
    dates = [dataclasses.replace(date, scenes=tuple(of)) for date, of in zip(dates, scenes_of, strict=True)]
    shared = dask.delayed(_Shared(dates, recipe, headers), pure=False, traverse=False)
    read = dask.delayed(_read, pure=False)

    return assembled(
        lambda first, _, window: read(shared, first, window), 1, dates, recipe.bands, grid, treatment, sizes
    )


@functools.lru_cache(maxsize=16)
def _places(window: Grid) -> Places:
    """Placements are the same for all dates of a piece."""
    return Places(window)


def _read(shared: _Shared, layer: int, window: Grid) -> np.ndarray:
    """One date of one piece: (1, bands, y, x); a pixel comes from one scene, the first that has all bands clear."""
    recipe, places = shared.recipe, _places(window)
    with gdal_environment(recipe.requester_pays):
        passes = (_scene(scene, shared, places) for scene in shared.dates[layer].scenes)
        return first_clear(filter(None, passes), len(recipe.bands), window)[None]


def _scene(scene: Scene, shared: _Shared, places: Places) -> tuple[np.ndarray, np.ndarray] | None:
    """Physical values (bands, y, x) of one scene and where all of them are valid and clear; None where nothing is."""
    recipe, clear = shared.recipe, clear_pixels(scene, shared.recipe, shared.headers, places)
    if clear is None:
        return None
    values = np.empty((len(recipe.bands), *places.grid.shape), np.float32)
    for layer, name in enumerate(recipe.bands):
        file = scene.bands[name]
        read = read_nearest(file, places.grid, header=shared.headers[file], places=places)
        if read is None:
            return None
        clear &= read[1]
        values[layer] = read[0] * np.float64(file.scale) + file.offset
    return values, clear
