"""Computing a series piece by piece: pieces of 512 x 512 pixels, a few at once, each written as soon as it is there.

Memory does not grow with the region.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask
import numpy as np
import xarray as xr

from fusion_assets.storage.checked_stores import CheckedStore

PIECE = 512
"""A multiple of the store's chunks, so that no two pieces write the same one."""
BATCH = 2, 8  # pieces down and across: whole tiles of `imagery.timeseries`, enough of them to keep processors busy
SHOWN, SHOWN_EDGE = 3, 240  # dates and pixels along an edge of the preview


@dataclass(frozen=True)
class Piece:
    """What a piece leaves when it is written.

    Attributes:
        digest: of its values.
        stats: counts and sums by layer.
        thinned: its part of the preview.
        files: digests of the files it wrote, by name.
    """

    digest: bytes
    stats: dict[str, tuple[int, int, float, float, float]]
    thinned: np.ndarray
    files: dict[str, str]


def written(target: CheckedStore, series: xr.Dataset) -> list[Piece]:
    """Compute and write all pieces, a batch at a time; returns them row by row.

    All at once, the scheduler would read ahead over the whole region: memory would grow with it. A batch is optimised
    as a whole: pieces by themselves would have what they share, such as a block of a file, as tasks of their own, and
    it would be read again for each.
    """
    if not series.sizes["time"]:
        return []
    done: list[Piece] = []
    for rows in _slices(0, series.sizes["y"], BATCH[0] * PIECE):
        line: dict[tuple[int, int], Piece] = {}
        for cols in _slices(0, series.sizes["x"], BATCH[1] * PIECE):
            line |= _write_batch(target, series, rows, cols)
        done += [line[place] for place in sorted(line)]
    return done


def _write_batch(target: CheckedStore, series: xr.Dataset, rows: slice, cols: slice) -> dict[tuple[int, int], Piece]:
    """Write the pieces of a window; returns them by their upper left corners."""
    attributes = {str(name): band.attrs for name, band in series.data_vars.items()}
    batch = series.isel(y=rows, x=cols).chunk({"time": -1, "y": PIECE, "x": PIECE})
    (batch,) = dask.optimize(batch)  # its layers together, for they share tasks too
    blocks = [batch[name].data.to_delayed(optimize_graph=False)[0] for name in attributes]
    write = dask.delayed(write_piece, pure=False)
    writes = {
        (y.start, x.start): write(
            target,
            {name: each[i, j] for name, each in zip(attributes, blocks, strict=True)},
            attributes,
            y,
            x,
            _step(series),
        )
        for i, y in enumerate(_slices(rows.start, rows.stop, PIECE))
        for j, x in enumerate(_slices(cols.start, cols.stop, PIECE))
    }
    return dict(zip(writes, dask.compute(*writes.values()), strict=True))


def _slices(start: int, stop: int, step: int) -> list[slice]:
    return [slice(first, min(first + step, stop)) for first in range(start, stop, step)]


def write_piece(
    target: CheckedStore,
    layers: Mapping[str, np.ndarray],
    attributes: Mapping[str, Mapping[str, Any]],
    y: slice,
    x: slice,
    step: int,
) -> Piece:
    """Write one piece. Of the preview it gives every `step`-th pixel, counted from the series' own corner."""
    digest, stats = hashlib.sha256(), {}
    for name, values in layers.items():
        digest.update(np.ascontiguousarray(values).data)
        valid = values[np.isfinite(values)] if values.dtype.kind == "f" else values.reshape(-1)
        ends = (float(valid.min()), float(valid.max())) if valid.size else (np.inf, -np.inf)
        stats[name] = (values.size, valid.size, float(valid.sum(dtype=np.float64)), *ends)
    piece = xr.Dataset({name: (("time", "y", "x"), values, attributes[name]) for name, values in layers.items()})
    store = CheckedStore(target._store, target.shown)  # pieces are written at the same time, each notes its own files
    piece.to_zarr(store, region={"y": y, "x": x}, consolidated=True, zarr_format=2)
    first = next(iter(layers.values()))
    thinned = first[:, -y.start % step :: step, -x.start % step :: step]
    return Piece(digest.digest(), stats, thinned.astype(np.float32), store.written)


def combined(parts: list[tuple[int, int, float, float, float]]) -> dict[str, float]:
    """Valid share, least, mean and largest value of one layer, from the counts and sums of its pieces."""
    size, valid, total = (sum(part[i] for part in parts) for i in range(3))
    if not valid:
        return {"valid_share": 0.0}
    return {
        "valid_share": valid / size,
        "min": min(part[3] for part in parts),
        "mean": total / valid,
        "max": max(part[4] for part in parts),
    }


def preview(series: xr.Dataset, parts: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The first layer thinned, on the first, middle and last of the dates with values: (y, x) by day.

    Args:
        series: that was written.
        parts: `thinned` of every piece, row by row.
    """
    cols = len(range(0, series.sizes["x"], PIECE))
    if not parts:
        return {}
    lines = [np.concatenate(parts[k : k + cols], axis=2) for k in range(0, len(parts), cols)]
    whole = np.concatenate(lines, axis=1)
    usable = np.flatnonzero(np.isfinite(whole).any(axis=(1, 2)))
    chosen = dict.fromkeys(usable[np.linspace(0, len(usable) - 1, SHOWN).astype(int)] if len(usable) else [])
    return {str(series["time"].values[k].astype("datetime64[D]")): whole[k] for k in chosen}


def _step(series: xr.Dataset) -> int:
    return -(-max(series.sizes["y"], series.sizes["x"]) // SHOWN_EDGE)
