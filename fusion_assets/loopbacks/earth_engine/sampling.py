"""From source files to pixels on any grid: nearest neighbour, bilinear, and the pyramid for coarse requests.

Rules, all of them exact in the transforms:

- Nearest: the source pixel that holds the centre of the requested pixel; a centre on an edge belongs to the pixel
  right of and below it.
- Pyramid: a request with at least twice the source's pixel size reads level floor(log2(ratio)). Level n is made from
  level n - 1 by 2 x 2 pixels, anchored at the raster's origin: the mask-weighted mean (integers rounded), or for
  classes and bit masks the mask-weighted mode (the smaller number wins a tie). The mask is the mean of the masks.
  With `refuse` set such a request is an error instead.
- Bilinear: the four pixels around the centre, weighted by distance. Valid only where every pixel with a weight is;
  so half a pixel along the edge of a raster, whose outer neighbours do not exist, is masked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import rasterio
import rasterio.windows
from affine import Affine

from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid, Projection, pixels_per_pixel, places
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType, cast
from fusion_assets.loopbacks.earth_engine.values import Pixels

_EDGE = 1e-7
_LARGEST = 64 << 20
# Set to True by the service to refuse coarse requests instead of reading the pyramid.
REFUSE_PYRAMID = [False]


@dataclass(frozen=True)
class Source:
    """A raster file: one band, its lattice, and what its numbers mean.

    Attributes:
        path: of the file.
        projection: CRS and transform.
        size: (width, height).
        type: of the values as served.
        nodata: stored number that is masked, as the item declares it; NaN declares that there is none.
        usual_nodata: the same, where neither item nor file says.
        subtract: taken off every number, not below 0: the harmonisation of later Sentinel-2 scenes.
        policy: `mean` or `mode`, for the pyramid.
        convert: applied to stored numbers last.
        index: of the band in the file, from 1 on.
    """

    path: str
    projection: Projection
    size: tuple[int, int]
    type: PixelType
    nodata: float | None = None
    usual_nodata: float | None = None
    subtract: int = 0
    policy: str = "mean"
    convert: Callable[[np.ndarray], np.ndarray] | None = None
    index: int = 1

    def pixels(self, grid: PixelGrid) -> Pixels:
        """Nearest neighbours on a grid."""
        level = level_for(grid, self.projection)
        return nearest(
            grid, coarser(self.projection, level), self.size_at(level), lambda *w: self.read(level, *w), self.type
        )

    def size_at(self, level: int) -> tuple[int, int]:
        """(width, height) of a pyramid level."""
        return math.ceil(self.size[0] / 2**level), math.ceil(self.size[1] / 2**level)

    def read(self, level: int, row: int, col: int, height: int, width: int) -> Pixels:
        """A window of a pyramid level, inside it."""
        step = 2**level
        top, left = row * step, col * step
        bottom, right = min((row + height) * step, self.size[1]), min((col + width) * step, self.size[0])
        with rasterio.open(self.path, driver="GTiff") as file:
            stored = file.read(self.index, window=rasterio.windows.Window(left, top, right - left, bottom - top))
            declared = (self.nodata, file.nodata, self.usual_nodata)
            nodata = next((number for number in declared if number is not None), None)
        mask = np.ones(stored.shape, bool) if stored.dtype.kind != "f" else np.isfinite(stored)
        if nodata is not None and math.isfinite(nodata):
            mask &= stored != nodata
        if self.subtract:
            stored = np.maximum(stored.astype(np.int32) - self.subtract, 0)
        if self.convert is not None:
            stored = self.convert(stored)
        pixels = Pixels(cast(stored, self.type), mask)
        for _ in range(level):
            pixels = halve(pixels, self.policy)
        return pixels


def level_for(grid: PixelGrid, projection: Projection) -> int:
    """Pyramid level that a grid reads from a lattice."""
    ratio = pixels_per_pixel(grid, projection)
    level = max(0, math.floor(math.log2(max(ratio, 1e-9)) + 1e-3))
    if level and REFUSE_PYRAMID[0]:
        raise ServiceError(
            f"The request is {ratio:.3g} times coarser than the source and this service was told to refuse pyramids; "
            "use reduceResolution."
        )
    return level


def coarser(projection: Projection, level: int) -> Projection:
    """The lattice of a pyramid level."""
    if not level:
        return projection
    return Projection(projection.crs, tuple((projection.affine @ Affine.scale(2**level))[:6]))


def halve(pixels: Pixels, policy: str) -> Pixels:
    """The next pyramid level."""
    height, width = pixels.values.shape
    pad = ((0, height % 2), (0, width % 2))
    values = _quads(np.pad(pixels.values, pad))
    weight = _quads(np.pad(pixels.mask.astype(np.float32), pad))
    total = weight.sum(-1)
    if policy == "mode":
        score = np.stack([(weight * (values == values[..., [i]])).sum(-1) for i in range(4)], -1)
        best = np.where(score >= score.max(-1, keepdims=True) - 1e-6, values, values.max(-1, keepdims=True))
        best = np.where((score >= score.max(-1, keepdims=True) - 1e-6) & (weight > 0), best, best.max())
        result = best.min(-1)
    else:
        safe = np.where(weight > 0, values, 0).astype(np.float64)
        result = (safe * weight).sum(-1) / np.where(total > 0, total, 1)
        result = np.rint(result) if pixels.values.dtype.kind in "iu" else result
    mask = (total / 4).astype(np.float32)
    return Pixels(result.astype(pixels.values.dtype), mask > 0 if np.isin(mask, (0, 1)).all() else mask)


def _quads(array: np.ndarray) -> np.ndarray:
    height, width = array.shape
    return array.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(height // 2, width // 2, 4)


def nearest(
    grid: PixelGrid,
    lattice: Projection,
    size: tuple[int, int] | None,
    read: Callable[[int, int, int, int], Pixels],
    kind: PixelType,
) -> Pixels:
    """Gather pixels of a lattice at the centres of a grid; `size` None means the lattice has no end."""
    rows, cols = places(grid, lattice)
    rows, cols = np.floor(rows + _EDGE).astype(np.int64), np.floor(cols + _EDGE).astype(np.int64)
    shape = (grid.height, grid.width)
    inside = (rows > -(10**8)) & (cols > -(10**8))
    if size is not None:
        inside = (rows >= 0) & (rows < size[1]) & (cols >= 0) & (cols < size[0])
    if not inside.any():
        return Pixels(np.zeros(shape, kind.dtype), np.zeros(shape, bool))
    window = bounds_of(rows[inside], cols[inside])
    source = read(*window)
    rows, cols = np.where(inside, rows - window[0], 0), np.where(inside, cols - window[1], 0)
    return Pixels(source.values[rows, cols], np.where(inside, source.mask[rows, cols], 0).astype(source.mask.dtype))


def bilinear(
    grid: PixelGrid,
    lattice: Projection,
    size: tuple[int, int] | None,
    read: Callable[[int, int, int, int], Pixels],
) -> Pixels:
    """Interpolate pixels of a lattice at the centres of a grid; see the module's rules."""
    rows, cols = (axis - 0.5 for axis in places(grid, lattice))
    top, left = np.floor(rows + _EDGE).astype(np.int64), np.floor(cols + _EDGE).astype(np.int64)
    down, right = np.clip(rows - top, 0, 1), np.clip(cols - left, 0, 1)
    shape = (grid.height, grid.width)
    usable = (top > -(10**8)) & (left > -(10**8))
    if size is not None:
        usable = (top >= -1) & (top < size[1]) & (left >= -1) & (left < size[0])
    if not usable.any():
        return Pixels(np.zeros(shape), np.zeros(shape, bool))
    total, valid = np.zeros(shape), usable.copy()
    limits = (10**9, 10**9) if size is None else size
    first = 0 if size is not None else -(10**9)
    window = bounds_of(
        np.clip(np.r_[top[usable], top[usable] + 1], first, limits[1] - 1),
        np.clip(np.r_[left[usable], left[usable] + 1], first, limits[0] - 1),
    )
    source = read(*window)
    values, present = source.values.astype(np.float64), source.valid
    for step_down, step_right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (down if step_down else 1 - down) * (right if step_right else 1 - right)
        row, col = top + step_down - window[0], left + step_right - window[1]
        there = (row >= 0) & (row < window[2]) & (col >= 0) & (col < window[3])
        row, col = np.where(there, row, 0), np.where(there, col, 0)
        counts = weight > _EDGE
        valid &= ~counts | (there & present[row, col])
        total += np.where(counts & there & present[row, col], values[row, col] * weight, 0)
    return Pixels(total, valid)


def bounds_of(rows: np.ndarray, cols: np.ndarray) -> tuple[int, int, int, int]:
    """(row, column, height, width) of the window around positions.

    Raises:
        ServiceError: it is larger than the service's memory.
    """
    row, col = int(rows.min()), int(cols.min())
    height, width = int(rows.max()) + 1 - row, int(cols.max()) + 1 - col
    if height * width > _LARGEST:
        raise ServiceError("User memory limit exceeded.")
    return row, col, height, width
