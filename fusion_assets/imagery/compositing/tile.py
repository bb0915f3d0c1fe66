"""One tile of a composite: read, mask, reduce over time, average blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Places
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import Header
from fusion_assets.imagery.compositing.label_cells import impossible_surface
from fusion_assets.imagery.compositing.median import masked_median
from fusion_assets.imagery.compositing.plan import Season
from fusion_assets.imagery.compositing.scene_reading import read_bilinear, read_nearest
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.scenes import Scene, SceneFile, mask_files
from fusion_assets.imagery.threads import threads

_ALL_CLEAR = np.ones((), bool)
_T = TypeVar("_T")
_R = TypeVar("_R")


def composite_tile(season: Season, grid: Grid) -> np.ndarray:
    """Composite of one tile: (bands + 1, height, width) float32."""
    recipe = season.recipe
    working = grid.refine(recipe.subdivision)
    places = Places(working)
    fewest = np.full(working.shape, np.iinfo(np.uint16).max, np.uint16)
    layers = []
    with threads(season.readers) as pool:
        scenes = [scene for group in season.acquisitions for scene in group]
        masks = _each(pool, season, lambda scene: _scene_mask(scene, season, places), scenes)
        clear = {scene.id: mask for scene, mask in zip(scenes, masks, strict=True) if mask is not None}
        # Scenes without a clear pixel here need not be read.
        present = [[scene for scene in group if scene.id in clear] for group in season.acquisitions]
        present = [group for group in present if group]
        for band in recipe.bands:
            encoding = season.encodings[band]
            values, valid = _band_stack(pool, present, band, season, clear, places)
            if recipe.reducer == "latest":
                middle, count = _latest(values, valid)
                _check_possible(middle * np.float32(encoding.scale) + np.float32(encoding.offset), season)
            else:
                middle, count = masked_median(values, valid, threads=1)
            del values, valid
            physical = middle * np.float32(encoding.scale) + np.float32(encoding.offset)
            layers.append(_block_mean(physical, recipe))
            np.minimum(fewest, count, out=fewest)
    k = recipe.subdivision
    blocks = fewest.reshape(grid.height, k, grid.width, k)
    layers.append(np.floor(blocks.mean(axis=(1, 3), dtype=np.float64)).astype(np.float32))
    return np.stack(layers)


def _each(pool: ThreadPoolExecutor, season: Season, work: Callable[[_T], _R], things: Sequence[_T]) -> list[_R]:
    """`work` on each of `things`, in the tile's own threads where it has more than one."""

    def job(thing: _T) -> _R:
        with gdal_environment(season.recipe.requester_pays):
            return work(thing)

    if season.readers > 1:
        return list(pool.map(job, things))
    with gdal_environment(season.recipe.requester_pays):
        return [work(thing) for thing in things]


def _scene_mask(scene: Scene, season: Season, places: Places) -> np.ndarray | None:
    """Where a scene is clear, a bit a pixel; `_ALL_CLEAR` where it has no mask; None where nothing is."""
    first = season.headers[scene.bands[season.recipe.bands[0]]].lattice
    if season.recipe.resampling == "nearest" and places.nearest(first) is None:
        return None
    if not mask_files(scene, season.recipe):
        return _ALL_CLEAR
    clear = clear_pixels(scene, season.recipe, season.headers, places)
    return None if clear is None else np.packbits(clear)


def clear_pixels(
    scene: Scene, recipe: CompositeRecipe, headers: Mapping[SceneFile, Header], places: Places
) -> np.ndarray | None:
    """Where all masks of a scene say that it is clear, and there where it has none; None where nothing is.

    Args:
        scene: to look at.
        recipe: which masks, and how they are read.
        headers: of the masks' files.
        places: of the grid that they are read onto.
    """
    clear = np.ones(places.grid.shape, bool)
    for file, mask in mask_files(scene, recipe):
        header = headers[file]
        read = read_nearest(file, places.grid, header=header, places=places, any_number=True)
        if read is None:
            return None
        values, inside = read
        clear &= inside & is_clear(values, mask, header.nodata)
        if not clear.any():
            return None
    return clear


def _band_stack(
    pool: ThreadPoolExecutor,
    present: Sequence[Sequence[Scene]],
    band: str,
    season: Season,
    clear: Mapping[str, np.ndarray],
    places: Places,
) -> tuple[np.ndarray, np.ndarray]:
    """Values of one band in the common domain and where they are clear and valid: (time, y, x) each."""
    encoding = season.encodings[band]
    values = np.zeros((len(present), *places.grid.shape), encoding.dtype)
    valid = np.zeros(values.shape, bool)

    def fill(layer: int) -> None:
        begun = False
        for scene in present[layer]:
            file, mask = scene.bands[band], clear[scene.id]
            header = season.headers[file]
            if season.recipe.resampling == "bilinear":
                read = read_bilinear(file, places.grid, header=header, places=places)
            else:
                read = read_nearest(file, places.grid, encoding.dtype, header=header, places=places)
            if read is None:
                continue
            numbers, there = read
            if mask is not _ALL_CLEAR:
                there &= np.unpackbits(mask, count=there.size).reshape(there.shape).view(bool)
            if season.recipe.resampling != "bilinear":
                numbers = _shifted(numbers, encoding.shift(file))
            if begun:
                # Another granule of the same pass: what is already clear stays.
                there &= ~valid[layer]
                np.copyto(values[layer], numbers, where=there)
                valid[layer] |= there
            else:
                values[layer], valid[layer], begun = numbers, there, True

    _each(pool, season, fill, range(len(present)))
    return values, valid


def _shifted(numbers: np.ndarray, shift: float) -> np.ndarray:
    if shift == 0:
        return numbers
    if numbers.dtype.kind == "f":
        return numbers + np.float32(shift)
    highest, steps = np.iinfo(numbers.dtype).max, round(shift)
    return np.minimum(numbers, highest - steps) + numbers.dtype.type(steps)


def _latest(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newest valid value at each pixel, as float32 with NaN, and 1 where there is one."""
    out = np.full(values.shape[1:], np.nan, np.float32)
    for layer, there in zip(values, valid, strict=True):
        out = np.where(there, layer, out).astype(np.float32)
    return out, np.isfinite(out).astype(np.uint16)


def _check_possible(values: np.ndarray, season: Season) -> None:
    """Refuse labels that no cell can have before they are averaged with others."""
    if season.most is not None and ((values > season.most) | (values < 0)).any():
        raise impossible_surface(float(values[(values > season.most) | (values < 0)][0]), season.most)


def _block_mean(values: np.ndarray, recipe: CompositeRecipe) -> np.ndarray:
    """Unweighted mean of the valid sub-pixels of each k x k block; NaN below the recipe's valid share."""
    k = recipe.subdivision
    if k == 1:
        return values
    height, width = values.shape[0] // k, values.shape[1] // k
    valid = np.isfinite(values).reshape(height, k, width, k)
    total = np.where(valid, values.reshape(height, k, width, k), 0).sum(axis=(1, 3), dtype=np.float64)
    count = valid.sum(axis=(1, 3))
    enough = count >= max(recipe.min_valid_share * k * k - 1e-9, 1)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(np.float32)


def is_clear(values: np.ndarray, mask: Mask, nodata: float | None = None) -> np.ndarray:
    """Where a mask asset's stored numbers say that the observation is clear.

    Args:
        values: the numbers.
        mask: how they are read.
        nodata: the mask file's own tag: a count or score of this number tells nothing, so nothing is clear there;
            classes and bits are all judged, and 0, which is often tagged, is a clear one.
    """
    tests: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
        "classes": lambda v: _class_table(mask.values)[v] if v.dtype == np.uint8 else np.isin(v, mask.values),
        "bits": lambda v: _bits_unset(v, mask.values),
        "positive": lambda v: v >= mask.values[0] if mask.values else v > 0,
        "score": lambda v: v >= np.float32(mask.values[0]),
    }
    clear = tests[mask.kind](values)
    if values.dtype.kind == "f":
        clear = clear & np.isfinite(values)
    return clear & (values != nodata) if nodata is not None and mask.kind in ("positive", "score") else clear


def _bits_unset(numbers: np.ndarray, bits: tuple[float, ...]) -> np.ndarray:
    wide = numbers if numbers.dtype == np.uint16 else np.nan_to_num(numbers).astype(np.int64)
    return np.equal(np.bitwise_and(wide, wide.dtype.type(sum(1 << int(bit) for bit in bits))), 0)


@functools.lru_cache(maxsize=16)
def _class_table(classes: tuple[float, ...]) -> np.ndarray:
    return np.isin(np.arange(256), classes)
