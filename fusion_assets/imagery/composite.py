"""From masked scenes to one composite on the grid, tile by tile.

Order of the recipe: pixel mask, offsets harmonised per scene, median over time, common scale and offset, unweighted
mean of the valid sub-pixels of each k x k block. What does not belong here: which scenes (`archive.py`), how a file
is read (`reading.py`), the median itself (`median.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import dask
import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.median import masked_median
from fusion_assets.imagery.products import Mask
from fusion_assets.imagery.reading import (
    UnreadableFile,
    gdal_environment,
    read_bilinear,
    read_nearest,
    source_grid,
    stored_dtype,
)
from fusion_assets.imagery.scenes import Scene, SceneFile

__all__ = ["OBSERVATION_COUNT", "RECIPE_VERSION", "CompositeRecipe", "composite", "is_clear", "masked_median"]

OBSERVATION_COUNT = "observation_count"
# Raise when the pixels that a recipe gives change, so that what was made before is known to be stale.
RECIPE_VERSION = "1"
# One tile's stack of observations; small enough that a tile in every thread stays within a few hundred MB.
_TILE_BYTES = 24 << 20
_LARGEST_TILE, _SMALLEST_TILE = 1024, 64


@dataclass(frozen=True)
class CompositeRecipe:
    """How scenes become a composite.

    Attributes:
        bands: to composite, in order.
        mask: which pixels are clear.
        resampling: how scenes reach the working grid: `nearest` or `bilinear`.
        reducer: `median` over acquisitions, or `latest` (newest valid value).
        subdivision: k; the working grid has k x k pixels in each pixel of the grid.
        min_valid_share: share of a block's sub-pixels that must be valid, else the pixel is no data.
        requester_pays: whether object-store reads are charged to the reader.
    """

    bands: tuple[str, ...]
    mask: Mask
    resampling: str = "nearest"
    reducer: str = "median"
    subdivision: int = 1
    min_valid_share: float = 0.25
    requester_pays: bool = False


def composite(acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe, grid: Grid) -> xr.Dataset:
    """Lazy composite on `grid`: each band float32 in physical units, NaN where nothing was clear.

    Args:
        acquisitions: scenes grouped by pass (see `scenes.acquisitions`).
        recipe: what to do with them.
        grid: of the result.

    Returns:
        Dataset (y, x) with the recipe's bands and `observation_count`: clear acquisitions at each pixel, the
        rounded-down mean over its block (0, not no-data, where there were none; the least-observed band counts).
        With the reducer `latest` the attributes `source_crs` and `source_transform` (six terms) say where the source's
        cells lie.

    Raises:
        UnreadableFile: when computed, for a file that cannot be read after retries.
        FusionError: scenes whose scales differ, which cannot share one median.
    """
    encodings = {band: _encoding(acquisitions, band, recipe) for band in recipe.bands}
    count = sum(len(group) for group in acquisitions)
    side = _tile_side(count, recipe.subdivision)
    rows, cols = _chunks(grid.height, side), _chunks(grid.width, side)
    # The scene list is the same for every tile: one node of the graph, not one copy a tile.
    shared = dask.delayed((acquisitions, encodings), pure=False, traverse=False)
    shape_of = len(recipe.bands) + 1
    tile = dask.delayed(_tile, pure=False)
    blocks, row = [], 0
    for height in rows:
        line, col = [], 0
        for width in cols:
            window = grid.window(row, col, height, width)
            line.append(da.from_delayed(tile(shared, recipe, window), (shape_of, height, width), np.float32))
            col += width
        blocks.append(line)
        row += height
    stack = da.block(blocks)
    pixels = grid.dataset({name: stack[i] for i, name in enumerate((*recipe.bands, OBSERVATION_COUNT))})
    return pixels.assign_attrs(_source(acquisitions, recipe) if recipe.reducer == "latest" else {})


def is_clear(values: np.ndarray, mask: Mask) -> np.ndarray:
    """Where a mask asset's stored numbers say that the observation is clear."""
    tests: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
        "classes": lambda v: np.isin(v, mask.values),
        "bits": lambda v: (v.astype(np.int64) & sum(1 << bit for bit in mask.values)) == 0,
        "positive": lambda v: v > 0,
    }
    return tests[mask.kind](values)


@dataclass(frozen=True)
class _Encoding:
    """The one integer domain in which all scenes of a band are compared.

    Every scene is shifted by a whole number of steps to the lowest offset of the season, so unsigned numbers stay
    unsigned and nothing becomes float before the median.
    """

    dtype: np.dtype
    scale: float
    offset: float

    def shift(self, file: SceneFile) -> int:
        return round((file.offset - self.offset) / self.scale)


def _encoding(acquisitions: Sequence[Sequence[Scene]], band: str, recipe: CompositeRecipe) -> _Encoding:
    files = [scene.bands[band] for group in acquisitions for scene in group]
    if recipe.resampling == "bilinear":
        return _Encoding(np.dtype(np.float32), 1.0, 0.0)
    scales = sorted({file.scale for file in files})
    if len(scales) > 1:
        raise FusionError(
            f"scenes store band {band} with different scales: {', '.join(f'{s:g}' for s in scales)}",
            "one scale for all scenes of a season",
            "narrow the window in the study, or use another archive for this product",
        )
    dtype = _stored_dtype(files, recipe)
    return _Encoding(dtype, scales[0], min(file.offset for file in files))


def _stored_dtype(files: Sequence[SceneFile], recipe: CompositeRecipe) -> np.dtype:
    """Dtype of the first readable file; the kernel takes uint16, int16 and float32, others become float32."""
    with gdal_environment(recipe.requester_pays):
        for file in files:
            try:
                dtype = stored_dtype(file)
            except UnreadableFile:
                continue
            small = {"uint8": np.uint16, "uint16": np.uint16, "int16": np.int16}
            return np.dtype(small.get(dtype.name, np.float32))
    raise UnreadableFile(files[0].href, "none of the season's files could be opened")


def _source(acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe) -> dict[str, str]:
    """Where the cells of the newest scene lie; tiles of one product share its lattice."""
    with gdal_environment(recipe.requester_pays):
        crs, transform = source_grid(acquisitions[-1][0].bands[recipe.bands[0]])
    return {"source_crs": crs, "source_transform": " ".join(repr(float(term)) for term in transform[:6])}


def _tile_side(scenes: int, subdivision: int) -> int:
    """Edge of a tile in grid pixels: the working stack fits `_TILE_BYTES` however many scenes there are."""
    # A scene costs its values (2 to 4 bytes) and two masks for every working pixel.
    working = math.isqrt(_TILE_BYTES // (5 * max(scenes, 1)))
    return max(1, min(max(working, _SMALLEST_TILE), _LARGEST_TILE) // subdivision)


def _chunks(length: int, side: int) -> list[int]:
    """Near-equal pieces of at most `side`."""
    pieces = math.ceil(length / side)
    edges = np.linspace(0, length, pieces + 1).round().astype(int)
    return np.diff(edges).tolist()


def _tile(shared: tuple, recipe: CompositeRecipe, grid: Grid) -> np.ndarray:
    """Composite of one tile: (bands + 1, height, width) float32."""
    acquisitions, encodings = shared
    working = grid.refine(recipe.subdivision)
    with gdal_environment(recipe.requester_pays):
        clear = {
            scene.id: _scene_mask(scene, recipe.mask, working)
            for group in acquisitions
            for scene in group
            if scene.mask is not None
        }
        fewest = np.full(working.shape, np.iinfo(np.uint16).max, np.uint16)
        layers = []
        for band in recipe.bands:
            encoding = encodings[band]
            values, valid = _band_stack(acquisitions, band, encoding, clear, recipe, working)
            if recipe.reducer == "latest":
                middle, count = _latest(values, valid)
            else:
                middle, count = masked_median(values, valid, threads=1)
            physical = middle * np.float32(encoding.scale) + np.float32(encoding.offset)
            layers.append(_block_mean(physical, recipe))
            np.minimum(fewest, count, out=fewest)
    k = recipe.subdivision
    blocks = fewest.reshape(grid.height, k, grid.width, k)
    layers.append(np.floor(blocks.mean(axis=(1, 3), dtype=np.float64)).astype(np.float32))
    return np.stack(layers)


def _scene_mask(scene: Scene, mask: Mask, working: Grid) -> np.ndarray | None:
    assert scene.mask is not None
    read = read_nearest(scene.mask, working)
    if read is None:
        return None
    values, inside = read
    return is_clear(values, mask) & inside


def _band_stack(
    acquisitions: Sequence[Sequence[Scene]],
    band: str,
    encoding: _Encoding,
    clear: Mapping[str, np.ndarray | None],
    recipe: CompositeRecipe,
    working: Grid,
) -> tuple[np.ndarray, np.ndarray]:
    """Values of one band in the common domain and where they are clear and valid: (time, y, x) each."""
    present = [
        [scene for scene in group if scene.mask is None or clear[scene.id] is not None] for group in acquisitions
    ]
    present = [group for group in present if group]
    values = np.zeros((len(present), *working.shape), encoding.dtype)
    valid = np.zeros(values.shape, bool)
    for t, group in enumerate(present):
        for scene in group:
            file = scene.bands[band]
            if recipe.resampling == "bilinear":
                read = read_bilinear(file, working)
            else:
                read = read_nearest(file, working, encoding.dtype)
            if read is None:
                continue
            numbers, known = read
            mask = clear.get(scene.id)
            if mask is not None:
                known &= mask
            if recipe.resampling != "bilinear":
                numbers = _shifted(numbers, encoding.shift(file))
            if valid[t].any():
                # Another granule of the same pass: what is already clear stays.
                known &= ~valid[t]
                np.copyto(values[t], numbers, where=known)
            else:
                values[t] = numbers
            valid[t] |= known
    return values, valid


def _shifted(numbers: np.ndarray, shift: int) -> np.ndarray:
    if shift == 0:
        return numbers
    if numbers.dtype.kind == "f":
        return numbers + np.float32(shift)
    highest = np.iinfo(numbers.dtype).max
    return (np.minimum(numbers, highest - shift) + numbers.dtype.type(shift)).astype(numbers.dtype)


def _latest(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newest valid value at each pixel, as float32 with NaN, and 1 where there is one."""
    out = np.full(values.shape[1:], np.nan, np.float32)
    for layer, known in zip(values, valid, strict=True):
        out = np.where(known, layer, out).astype(np.float32)
    return out, np.isfinite(out).astype(np.uint16)


def _block_mean(values: np.ndarray, recipe: CompositeRecipe) -> np.ndarray:
    """Unweighted mean of the valid sub-pixels of each k x k block; NaN below the recipe's valid share."""
    k = recipe.subdivision
    if k == 1:
        return values
    height, width = values.shape[0] // k, values.shape[1] // k
    valid = np.isfinite(values).reshape(height, k, width, k)
    total = np.where(valid, values.reshape(height, k, width, k), 0).sum(axis=(1, 3), dtype=np.float64)
    count = valid.sum(axis=(1, 3))
    enough = count >= max(recipe.min_valid_share * k * k, 1)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(np.float32)
