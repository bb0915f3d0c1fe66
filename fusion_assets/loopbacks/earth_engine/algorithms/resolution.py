"""Combining the pixels of a finer lattice: `reduceResolution`.

For every requested pixel, all pixels of the image's default projection that it covers are combined, weighted by mask
and by the covered share. The mask is the covered mean of the masks, as in the pyramids; with `WHOLE_MASKS` set it is 1
wherever anything is covered, so that a test can show that nothing depends on either.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid, Projection, pixels_per_pixel
from fusion_assets.loopbacks.earth_engine.pixel_types import cast
from fusion_assets.loopbacks.earth_engine.reducing import output_names, output_types, reduce_stack
from fusion_assets.loopbacks.earth_engine.values import Band, Image, Pixels, Reducer

WHOLE_MASKS = [False]
_LARGEST_MAX_PIXELS = 65536
_PIXELS_AT_ONCE = 1 << 20


@algorithm("Image.reduceResolution")
def reduce_resolution(image: Image, reducer: Reducer, best_effort: bool, max_pixels: int) -> Image:
    """Pixels of the default projection combined by a reducer; see the module's text."""
    if best_effort:
        raise ServiceError("Image.reduceResolution: this loopback service does not know bestEffort.")
    if not 0 < max_pixels <= _LARGEST_MAX_PIXELS:
        raise ServiceError(
            f"Image.reduceResolution: 'maxPixels' must be between 1 and {_LARGEST_MAX_PIXELS}, got {max_pixels}."
        )
    outputs = output_names(reducer)
    made = []
    for band in image.bands:
        names = [band.name] if len(outputs) == 1 else [f"{band.name}_{output}" for output in outputs]
        for index, (name, kind) in enumerate(zip(names, output_types(reducer, band.type), strict=True)):
            made.append(Band(name, kind, band.projection, _combined(band, reducer, index, max_pixels, kind)))
    return image.with_bands(made)


def _combined(band: Band, reducer: Reducer, output: int, max_pixels: int, kind: types.PixelType) -> Any:
    def pixels(grid: PixelGrid) -> Pixels:
        ratio = pixels_per_pixel(grid, band.projection) if band.projection.fixed else 0
        if ratio <= 1 + 1e-6:
            # Nothing to combine: the input is as coarse as the request, or computed wherever it is asked for.
            same = pixels_of(band, grid)
            return Pixels(cast(same.values, kind), same.mask)
        if ratio**2 > max_pixels * (1 + 1e-6):
            raise ServiceError(
                "Image.reduceResolution: Too many input pixels per output pixel: "
                f"{math.ceil(ratio**2)} > {max_pixels}. Raise maxPixels."
            )
        if grid.crs != band.projection.crs:
            raise ServiceError(
                "Image.reduceResolution: this loopback service combines pixels within one CRS only; "
                f"got {grid.crs} from {band.projection.crs}."
            )
        rows = max(1, _PIXELS_AT_ONCE // max(1, round(grid.width * ratio**2)))
        parts = [_block(band, reducer, grid.window(row, 0, min(rows, grid.height - row), grid.width))[output]
                 for row in range(0, grid.height, rows)]  # fmt: skip
        values, mask = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        return Pixels(cast(values, kind), mask)

    return pixels


def _block(band: Band, reducer: Reducer, grid: PixelGrid) -> list[tuple[np.ndarray, np.ndarray]]:
    rows, cols = _edges(grid, band.projection)
    top, left = math.floor(rows.min() + 1e-6), math.floor(cols.min() + 1e-6)
    height, width = math.ceil(rows.max() - 1e-6) - top, math.ceil(cols.max() - 1e-6) - left
    source = pixels_of(band, PixelGrid(band.projection, 0, 0).window(top, left, height, width))
    weights = source.mask.astype(np.float64)
    down, across = _overlap(rows - top, height), _overlap(cols - left, width)
    cover = down @ weights @ across.T
    mask = (cover > 1e-12) if WHOLE_MASKS[0] else np.clip(cover, 0, 1).astype(np.float32)
    mask = mask > 0 if np.isin(mask, (0, 1)).all() else mask
    if reducer.name == "mean":
        total = down @ np.where(weights > 0, source.values * weights, 0) @ across.T
        return [(total / np.where(cover > 1e-12, cover, 1), mask)]
    k, m = height // grid.height, width // grid.width
    if (
        height != k * grid.height
        or width != m * grid.width
        or np.ptp(np.diff(rows)) > 1e-6
        or np.ptp(np.diff(cols)) > 1e-6
    ):
        raise ServiceError(
            "Image.reduceResolution: this loopback service knows the mean only where grids are not aligned."
        )

    def blocks(array: np.ndarray) -> np.ndarray:
        return (
            array.reshape(grid.height, k, grid.width, m).transpose(1, 3, 0, 2).reshape(k * m, grid.height, grid.width)
        )

    results = reduce_stack(reducer, blocks(source.values), blocks(source.mask))
    return [(values, mask) for values, _ in results]


def _edges(grid: PixelGrid, lattice: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, on a lattice, of the edges of a grid's rows and columns."""
    a, b, c, d, e, f = (~lattice.affine @ grid.affine)[:6]
    if abs(b) > 1e-9 or abs(d) > 1e-9 or a <= 0 or e <= 0:
        raise ServiceError("Image.reduceResolution: this loopback service knows lattices of the same orientation only.")
    return e * np.arange(grid.height + 1) + f, a * np.arange(grid.width + 1) + c


def _overlap(edges: np.ndarray, number: int) -> np.ndarray:
    """Share of each interval between edges that lies in each of `number` unit intervals."""
    units = np.arange(number)
    shared = np.minimum(edges[1:, None], units + 1) - np.maximum(edges[:-1, None], units)
    shared = np.where(shared > 1e-6, shared, 0)
    return shared / np.diff(edges)[:, None]
