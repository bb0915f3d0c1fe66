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
    working = grid.refine(recipe.subdivision)
    headers = read_headers(acquisitions, recipe, working)
    encodings = {band: _encoding(acquisitions, band, recipe, headers) for band in recipe.bands}
    rows, cols = tile_sizes(grid, recipe.subdivision, [headers[file.href] for file in _files(acquisitions, recipe)])
    season = _Season(acquisitions, recipe, headers, encodings, _readers(headers, len(rows) * len(cols)))
    # The season is the same for every tile: one node of the graph, not one copy a tile.
    shared = dask.delayed(season, pure=False, traverse=False)
    layers = len(recipe.bands) + 1
    tile = dask.delayed(_tile, pure=False)
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
    newest = headers[acquisitions[-1][0].bands[recipe.bands[0]].href].lattice
    terms = " ".join(repr(float(term)) for term in newest.transform[:6])
    return pixels.assign_attrs(source_crs=newest.crs, source_transform=terms)


def is_clear(values: np.ndarray, mask: Mask) -> np.ndarray:
    """Where a mask asset's stored numbers say that the observation is clear."""
    tests: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
        "classes": lambda v: _class_table(mask.values)[v] if v.dtype == np.uint8 else np.isin(v, mask.values),
        "bits": lambda v: (v.astype(np.uint16 if v.dtype == np.uint16 else np.int64, copy=False) & _bits(mask)) == 0,
        "positive": lambda v: v > 0,
    }
    return tests[mask.kind](values)


def _bits(mask: Mask) -> int:
    return sum(1 << bit for bit in mask.values)


@functools.lru_cache(maxsize=16)
def _class_table(classes: tuple[int, ...]) -> np.ndarray:
    return np.isin(np.arange(256), classes)


@dataclass(frozen=True)
class _Encoding:
    """The one integer domain in which all scenes of a band are compared.

    Every scene is shifted by a whole number of steps to the lowest offset of the season, so unsigned numbers stay
    unsigned and nothing becomes float before the median.
    """

    dtype: np.dtype
    scale: float
    offset: float

    def shift(self, file: SceneFile) -> float:
        return (file.offset - self.offset) / self.scale


@dataclass(frozen=True)
class _Season:
    """All that the tiles of one composite have in common."""

    acquisitions: Sequence[Sequence[Scene]]
    recipe: CompositeRecipe
    headers: Mapping[str, Header]
    encodings: Mapping[str, _Encoding]
    readers: int


def _encoding(
    acquisitions: Sequence[Sequence[Scene]], band: str, recipe: CompositeRecipe, headers: Mapping[str, Header]
) -> _Encoding:
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
    encoding = _Encoding(_common_dtype({headers[file.href].dtype for file in files}), scales[0], min(f.offset for f in files))
    whole = all(math.isclose(shift, round(shift), abs_tol=1e-6) for shift in map(encoding.shift, files))
    return encoding if whole else dataclasses.replace(encoding, dtype=np.dtype(np.float32))


def _common_dtype(dtypes: Collection[np.dtype]) -> np.dtype:
    """What the kernel takes (uint16, int16, float32) that holds all numbers of small integer files; else float32."""
    common = np.result_type(*dtypes)
    common = {"uint8": np.dtype(np.uint16), "int8": np.dtype(np.int16)}.get(common.name, common)
    return common if common.name in ("uint16", "int16") else np.dtype(np.float32)


def _files(acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe) -> Iterator[SceneFile]:
    for group in acquisitions:
        for scene in group:
            yield from (scene.bands[band] for band in recipe.bands)
            if scene.mask is not None:
                yield scene.mask


def read_headers(
    acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe, working: Grid
) -> dict[str, Header]:
    """Headers of all files of a season by address, read side by side.

    Known to every tile, they save opening what lies outside it, and a file that is missing is found at once.

    Raises:
        UnreadableFile: for the first file that cannot be opened.
    """

    def read(file: SceneFile) -> Header:
        with gdal_environment(recipe.requester_pays):
            return read_header(file, working)

    files = {file.href: file for file in _files(acquisitions, recipe)}
    with ThreadPoolExecutor(_REMOTE_READERS) as pool:
        return dict(zip(files, pool.map(read, files.values()), strict=True))


def _readers(headers: Mapping[str, Header], tiles: int) -> int:
    """Threads that read inside one tile: to hide the latency of the web, or where there are fewer tiles than cores."""
    if any("://" in href or href.startswith("/vsi") for href in headers):
        return _REMOTE_READERS
    return max(1, (os.cpu_count() or 1) // tiles)


def _tile(season: _Season, grid: Grid) -> np.ndarray:
    """Composite of one tile: (bands + 1, height, width) float32."""
    recipe = season.recipe
    working = grid.refine(recipe.subdivision)
    places = Places(working)
    fewest = np.full(working.shape, np.iinfo(np.uint16).max, np.uint16)
    layers = []
    with ThreadPoolExecutor(season.readers) as pool:
        scenes = [scene for group in season.acquisitions for scene in group]
        masks = _each(pool, season, lambda scene: _scene_mask(scene, season, places), scenes)
        clear = dict(zip((scene.id for scene in scenes), masks, strict=True))
        # Scenes without a clear pixel here need not be read.
        present = [[scene for scene in group if clear[scene.id] is not None] for group in season.acquisitions]
        present = [group for group in present if group]
        for band in recipe.bands:
            encoding = season.encodings[band]
            values, valid = _band_stack(pool, present, band, season, clear, places)
            if recipe.reducer == "latest":
                middle, count = _latest(values, valid)
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


def _each(pool: ThreadPoolExecutor, season: _Season, work: Callable[[_T], _R], things: Sequence[_T]) -> list[_R]:
    """`work` on each of `things`, in the tile's own threads where it has more than one."""

    def job(thing: _T) -> _R:
        with gdal_environment(season.recipe.requester_pays):
            return work(thing)

    if season.readers > 1:
        return list(pool.map(job, things))
    with gdal_environment(season.recipe.requester_pays):
        return [work(thing) for thing in things]


def _scene_mask(scene: Scene, season: _Season, places: Places) -> np.ndarray | None:
    """Where a scene is clear; True where it has no mask; None where nothing is."""
    first = season.headers[scene.bands[season.recipe.bands[0]].href].lattice
    if season.recipe.resampling == "nearest" and places.nearest(first) is None:
        return None
    if scene.mask is None:
        return _ALL_CLEAR
    header = season.headers[scene.mask.href]
    read = read_nearest(scene.mask, places.grid, header=header, places=places, any_number=True)
    if read is None:
        return None
    values, inside = read
    inside &= is_clear(values, season.recipe.mask)
    return inside if inside.any() else None


def _band_stack(
    pool: ThreadPoolExecutor,
    present: Sequence[Sequence[Scene]],
    band: str,
    season: _Season,
    clear: Mapping[str, np.ndarray | None],
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
            header = season.headers[file.href]
            if season.recipe.resampling == "bilinear":
                read = read_bilinear(file, places.grid, header=header, places=places)
            else:
                read = read_nearest(file, places.grid, encoding.dtype, header=header, places=places)
            if read is None:
                continue
            numbers, known = read
            known &= mask
            if season.recipe.resampling != "bilinear":
                numbers = _shifted(numbers, encoding.shift(file))
            if begun:
                # Another granule of the same pass: what is already clear stays.
                known &= ~valid[layer]
                np.copyto(values[layer], numbers, where=known)
                valid[layer] |= known
            else:
                values[layer], valid[layer], begun = numbers, known, True

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
    enough = count >= max(recipe.min_valid_share * k * k - 1e-9, 1)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(np.float32)
