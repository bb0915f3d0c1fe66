"""Patches of a shard in physical units on one grid of 10 m, as they are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.reading import decibels, reflectance
from fusion_assets.systems.embeddings.corpus.shards import layout_of, open_store
from fusion_assets.systems.embeddings.sensors import FINEST


def read_arrays(
    folder: str | Path, positions: Sequence[int] | None = None, bands: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Patches of one shard.

    Coarser bands are repeated onto the pixels of 10 m: that adds nothing and loses nothing.

    Args:
        folder: of the shard.
        positions: of the patches in the shard, in any order; all when None. A million patches do not fit into memory.
        bands: of optics, in the order wanted; those of the layout when None.

    Returns:
        `patch` int64 (n,); `optics` float32 (n, y, x, band), reflectance, 0 to 1 and beyond over bright ground, NaN
        where nothing was observed; `radar` float32 (n, y, x, 2), VV and VH in dB, NaN where there is none.

    Raises:
        FusionError: a band that the shard does not hold, or a position beyond its end.
    """
    store = open_store(folder)
    layout = layout_of(store)
    wanted = list(layout.bands if bands is None else bands)
    lacking = sorted(set(wanted) - set(layout.bands))
    if lacking:
        raise FusionError(
            f"{folder} has no {', '.join(lacking)}", f"bands among {', '.join(layout.bands)}", "choose other bands"
        )
    arrays: dict[str, Any] = {part.name: store[part.name] for part in layout.parts}
    stored: Any = store["patch"]
    numbers = np.asarray(stored[:])
    rows = np.arange(len(numbers)) if positions is None else np.asarray(positions, np.int64)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(numbers):
        raise FusionError(
            f"position {int(rows.max() if rows.max() >= len(numbers) else rows.min())} in {folder}",
            f"0 to {len(numbers) - 1}",
            "take positions from the index of the same corpus",
        )
    offsets: Any = store["offset"]
    optics = _optics(arrays, rows, offsets[:], wanted, layout)
    radar = np.moveaxis(decibels(_taken(arrays["radar"], rows)), 1, -1)
    return {"patch": numbers[rows], "optics": optics, "radar": np.ascontiguousarray(radar)}


def _optics(
    arrays: dict[str, Any], rows: np.ndarray, offsets: np.ndarray, wanted: Sequence[str], layout: Layout
) -> np.ndarray:
    found = np.empty((len(rows), layout.size, layout.size, len(wanted)), np.float32)
    for part in layout.parts:
        here = [band for band in part.bands if band in wanted and part.name != "radar"]
        if not here:
            continue
        stored = _taken(arrays[part.name], rows)
        factor = part.metres // FINEST
        for band in here:
            layer = reflectance(stored[:, part.bands.index(band)], offsets[rows][:, None, None])
            found[..., wanted.index(band)] = layer.repeat(factor, axis=1).repeat(factor, axis=2)
    return found


def _taken(array: Any, rows: np.ndarray) -> np.ndarray:
    """Some patches of an array; all of them at once where they are wanted in order."""
    if len(rows) == array.shape[0] and (np.diff(rows) == 1).all():
        return np.asarray(array[:])
    return np.stack([np.asarray(array[int(row)]) for row in rows]) if len(rows) else np.asarray(array[:0])
