"""A map of embeddings as features: its vectors averaged onto the region's grid, and brought back to unit length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.unit_vectors import unit_vectors

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.study.vectors import VectorMap

BLOCK = 256
"""Pixels along an edge of what is averaged at once."""
_NEAR = 1e-6
"""Share of a cell by which corners may differ for rounding."""


def vectors_on(mapped: xr.Dataset, vectors: VectorMap, grid: Grid, min_valid_share: float) -> xr.Dataset:
    """Vectors on the region's grid, lazily: the mean over the cells of a pixel, of unit length again.

    Args:
        mapped: what the asset holds: bands of whole numbers, NaN for no data; it may reach beyond the grid or end
            before it.
        vectors: what is known of it.
        grid: of the result; a pixel is a whole number of cells along its edges.
        min_valid_share: of a pixel's cells that must be known, else it is no data.

    Returns:
        By band float32 on `grid`, NaN for no data.

    Raises:
        FusionError: other bands, another CRS, or cells that the pixels are not made of.
    """
    import dask.array as da

    lacking = [name for name in vectors.bands if name not in mapped.data_vars]
    if lacking:
        raise FusionError(
            f"{vectors.asset} without {', '.join(lacking[:8])}",
            f"its {len(vectors.bands)} numbers, {vectors.bands[0]} to {vectors.bands[-1]}",
            f"make it anew: fusion run --select {vectors.asset}",
        )
    times, top, left = _placed(Grid.of(mapped), vectors, grid)
    rows, columns = grid.height * times, grid.width * times
    # Cells beyond the grid are cut off, and what the map does not reach is no data.
    inside = slice(max(top, 0), max(top + rows, 0)), slice(max(left, 0), max(left + columns, 0))
    before = min(max(-top, 0), rows), min(max(-left, 0), columns)
    bands = {}
    for name in vectors.bands:
        cells = da.asarray(mapped[name].data)[inside].astype(np.float32)
        after = rows - before[0] - cells.shape[0], columns - before[1] - cells.shape[1]
        padded = da.pad(cells, tuple(zip(before, after, strict=True)), constant_values=np.nan)
        parts = padded.rechunk((times * BLOCK, times * BLOCK))
        chunks = tuple(tuple(size // times for size in sizes) for sizes in parts.chunks)
        means = parts.map_blocks(_means, times, min_valid_share, chunks=chunks, dtype=np.float32)
        bands[name] = means / np.float32(vectors.steps)
    return grid.dataset(unit_vectors(grid.dataset(bands), vectors.bands))


def _means(cells: np.ndarray, times: int, min_valid_share: float) -> np.ndarray:
    """Mean of the known cells of each square of `times` x `times`; NaN where too few are known."""
    height, width = (size // times for size in cells.shape)
    squares = cells.reshape(height, times, width, times)
    known = np.isfinite(squares)
    count = known.sum(axis=(1, 3))
    total = np.where(known, squares, 0).sum(axis=(1, 3), dtype=np.float64)
    enough = count >= max(1, min_valid_share * times**2)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _placed(cells: Grid, vectors: VectorMap, grid: Grid) -> tuple[int, int, int]:
    """Cells along a pixel, and the row and column of the cell in the grid's north-western corner."""
    times = grid.resolution / cells.resolution
    top = (cells.transform.f - grid.transform.f) / cells.resolution
    left = (grid.transform.c - cells.transform.c) / cells.resolution
    whole = all(abs(number - round(number)) < _NEAR for number in (times, top, left))
    if cells.crs != grid.crs or not whole or times < 1 - _NEAR:
        raise FusionError(
            f"{vectors.asset} in cells of {cells.resolution:g} m in {cells.crs}, from "
            f"({cells.transform.c:g}, {cells.transform.f:g})",
            f"cells that pixels of {grid.resolution:g} m in {grid.crs}, from ({grid.transform.c:g}, "
            f"{grid.transform.f:g}), are made of",
            "map the embedding in cells of a whole part of the study's resolution, in the region's CRS",
        )
    return round(times), round(top), round(left)
