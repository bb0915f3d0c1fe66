"""From composites of a region to its map of embeddings: every cell is the embedding of the patch around its middle.

The encoder has learnt from patches of one size and means over them, so windows of that size are cut around every cell;
blocks of cells are all that memory holds. A cell depends on its own window alone, so that the map is the same for any
blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.embeddings.sensors import FINEST, POLARISATIONS

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.systems.embeddings.encoder.trained import Encoder

STEPS = 127
"""Steps of 1 in the file: an embedding has unit length, so that no number of it is larger."""
NO_DATA = -128
LEAST_KNOWN = 0.9
"""Share of a window's pixels that must be known in all bands of both sensors."""
BLOCK = 512
"""Pixels along an edge of what is read at once, about."""
IMAGERY = ("embedding_sentinel2", "embedding_sentinel1")


def band_names(dim: int) -> tuple[str, ...]:
    """Names of the bands of a map: the numbers of an embedding, in order."""
    return tuple(f"e{number:03d}" for number in range(dim))


def imagery_grid(grid: Grid, size: int) -> Grid:
    """The pixels of 10 m that the windows of a map's cells are made of; they reach beyond the map.

    Args:
        grid: of the map, its cells an even number of pixels.
        size: edge of a window, pixels, even.
    """
    stride = _stride(grid)
    margin = (size - stride) // 2
    return grid.refine(stride).window(
        -margin, -margin, grid.height * stride + 2 * margin, grid.width * stride + 2 * margin
    )


def embedding_map(
    optics: xr.Dataset,
    radar: xr.Dataset,
    grid: Grid,
    wanted: np.ndarray,
    encoder: Encoder,
    size: int,
    *,
    linear: bool = False,
    block: int = BLOCK,
) -> dict[str, Any]:
    """The embedding of every cell, by both sensors, as a file of bytes will hold it.

    Args:
        optics: reflectance on `imagery_grid(grid, size)`.
        radar: backscatter on the same.
        grid: of the map.
        wanted: (height, width) cells of the region; others are not asked for.
        encoder: trained.
        size: edge of a window, pixels: that of the patches that the encoder has learnt from.
        linear: whether radar is linear power; else decibels.
        block: pixels along an edge of what is read at once, about.

    Returns:
        By band (`band_names`) a lazy (height, width) float32 of whole numbers from -127 to 127, NaN for no data.

    Raises:
        FusionError: imagery on another grid, or without a band that the encoder reads.
    """
    import dask
    import dask.array as da

    expected, stride, dim = imagery_grid(grid, size), _stride(grid), encoder.design.dim
    cubes = []
    for number, (raster, names) in enumerate(((optics, encoder.design.bands), (radar, POLARISATIONS))):
        _check(raster, names, expected, IMAGERY[number])
        cubes.append(da.stack([da.asarray(raster[name].data) for name in names], axis=-1))
    ask = dask.delayed(_Ask(encoder, size, stride, linear), traverse=False)
    cells = max(1, (block - size + stride) // stride)
    rows = []
    for top in range(0, grid.height, cells):
        row = []
        for left in range(0, grid.width, cells):
            here = wanted[top : top + cells, left : left + cells]
            shape = (*here.shape, dim)
            if not here.any():
                row.append(da.full(shape, np.float32(np.nan), chunks=-1))
                continue
            window = tuple(
                slice(first * stride, (first + count - 1) * stride + size)
                for first, count in zip((top, left), here.shape, strict=True)
            )
            pixels = [cube[window].rechunk(-1) for cube in cubes]
            row.append(da.from_delayed(ask(*pixels, here), shape, np.float32))
        rows.append(da.concatenate(row, axis=1))
    whole = da.concatenate(rows)
    return {name: whole[..., number] for number, name in enumerate(band_names(dim))}


@dataclass(frozen=True)
class _Ask:
    """Asks the encoder for the cells of a block."""

    encoder: Encoder
    size: int
    stride: int
    linear: bool

    def __call__(self, optics: np.ndarray, radar: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        optics, radar = optics.astype(np.float32), radar.astype(np.float32)
        if self.linear:
            known = radar > 0  # NaN is not
            radar = np.where(known, 10 * np.log10(np.where(known, radar, 1.0)), np.nan).astype(np.float32)
        out = np.full((*wanted.shape, self.encoder.design.dim), np.nan, np.float32)
        known = np.isfinite(optics).all(axis=-1) & np.isfinite(radar).all(axis=-1)
        row, column = np.nonzero(wanted & (_shares(known, self.size, self.stride) >= LEAST_KNOWN))
        if len(row):
            windows = _Windows(optics, radar, row * self.stride, column * self.stride, self.size, self.encoder)
            out[row, column] = np.rint(self.encoder.embedded(windows, np.arange(len(row))) * np.float32(STEPS))
        return out


class _Windows:
    """Windows of a block as pairs; see `encoder.pairs.Source`."""

    def __init__(
        self,
        optics: np.ndarray,
        radar: np.ndarray,
        row: np.ndarray,
        column: np.ndarray,
        size: int,
        encoder: Encoder,
    ) -> None:
        self.place, self.bands = np.arange(len(row)), encoder.design.bands
        self._at = row, column
        windows = np.lib.stride_tricks.sliding_window_view
        self._views = [windows(values, (size, size), axis=(0, 1)) for values in (optics, radar)]

    def batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Optics and radar of some windows."""
        at = tuple(each[rows] for each in self._at)
        optics, radar = (np.ascontiguousarray(np.moveaxis(view[at], 1, -1)) for view in self._views)
        return optics, radar


def components(small: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A picture of a map: `red`, `green` and `blue` are the first three principal components of its cells.

    Colours are those of this map alone: the same colour on another one means nothing.

    Args:
        small: (y, x) by band, NaN for no data.

    Returns:
        (y, x) float32 by colour, NaN for no data.
    """
    values = np.stack(list(small.values()), axis=-1).astype(np.float64)
    known = np.isfinite(values).all(axis=-1)
    out = np.full((*known.shape, 3), np.nan, np.float32)
    if known.any():
        cells = values[known] - values[known].mean(axis=0)
        # By the covariance of the numbers: as many as an embedding has, however many cells there are.
        _, axes = np.linalg.eigh(cells.T @ cells)
        first = axes[:, ::-1][:, :3]
        # An axis may point either way: its largest number is positive.
        first = first * np.sign(first[np.abs(first).argmax(axis=0), np.arange(first.shape[1])])
        out[known, : first.shape[1]] = cells @ first
    return {name: out[..., number] for number, name in enumerate(("red", "green", "blue"))}


def _shares(known: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Share of known pixels in the window of every cell, by sums over the rectangle from the corner."""
    sums = np.pad(known.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    count = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return count[::stride, ::stride] / size**2


def _stride(grid: Grid) -> int:
    """Pixels along a cell."""
    stride = round(grid.resolution / FINEST)
    assert stride * FINEST == grid.resolution and stride % 2 == 0, "the section allows no other"
    return stride


def _check(raster: xr.Dataset, names: tuple[str, ...], expected: Grid, asset: str) -> None:
    remedy = f"make it anew: fusion run --select {','.join(IMAGERY)}"
    if (found := Grid.of(raster)).digest != expected.digest:
        raise FusionError(
            f"{asset} on the grid {found.digest}",
            f"{expected.digest}, which the windows of all cells of the map are on",
            remedy,
        )
    lacking = [name for name in names if name not in raster.data_vars]
    if lacking:
        raise FusionError(f"{asset} without {', '.join(lacking)}", f"{', '.join(names)}, as the encoder reads", remedy)
