"""Patches: square windows of a raster, each with the spatial block that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Patches:
    """n windows of one raster, in the order of their corners: row by row, west to east.

    Folds are `blocks.group_folds(block)`. Windows that overlap, or share an edge, never stand on both sides of
    `blocks.training_mask(test, row // size, col // size)`.

    Attributes:
        row: (n,) northernmost row of each.
        col: (n,) westernmost column.
        block: (n,) number of its block.
        size: pixels along an edge.
    """

    row: np.ndarray
    col: np.ndarray
    block: np.ndarray
    size: int

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: np.ndarray) -> Patches:
        """Some of them, by index or mask."""
        return Patches(self.row[which], self.col[which], self.block[which], self.size)

    def cut(self, raster: xr.Dataset) -> np.ndarray:
        """Their pixels, (n, y, x, band) float32, bands in the raster's order; a lazy raster is read a strip at a time.

        Args:
            raster: dims y, x; the one whose blocks they were laid out on, or another on its grid.
        """
        out = np.empty((len(self), self.size, self.size, len(raster.data_vars)), np.float32)
        for top in np.unique(self.row):
            strip = raster.isel(y=slice(top, top + self.size)).compute()
            pixels = np.stack([strip[name].values for name in strip.data_vars], axis=-1)
            for k in np.flatnonzero(self.row == top):
                out[k] = pixels[:, self.col[k] : self.col[k] + self.size]
        return out


def lay_out(block: np.ndarray, size: int, step: int, valid: np.ndarray | None = None, least: float = 1.0) -> Patches:
    """Windows on a lattice from the north-west corner on, each wholly inside one block.

    Windows that reach into a neighbouring block are left out: their pixels would be on both sides of a split.

    Args:
        block: (y, x) block numbers, as of `blocks.assign_blocks`.
        size: pixels along an edge.
        step: pixels between neighbours; less than `size` where windows may overlap.
        valid: (y, x) bool, pixels with data; all by default.
        least: share of a window's pixels that must be valid.
    """
    if min(block.shape) < size:
        empty = np.zeros(0, np.int64)
        return Patches(empty, empty, empty, size)
    windows = np.lib.stride_tricks.sliding_window_view(block, (size, size))[::step, ::step]
    kept = windows.min(axis=(2, 3)) == windows.max(axis=(2, 3))
    if valid is not None:
        share = np.lib.stride_tricks.sliding_window_view(valid, (size, size))[::step, ::step].mean(axis=(2, 3))
        kept &= share >= least
    row, col = (corner * step for corner in np.nonzero(kept))
    return Patches(row, col, block[row, col], size)
