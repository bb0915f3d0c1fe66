"""Series of rasters as Zarr (time, y, x) on any storage root: written piece by piece, whole or not at all.

A store is written under a name of its own beside its artifact, `<year>-<time>-<random>.zarr`, and becomes the artifact
when a small JSON names it (`io_managers.py`). Whatever a killed process leaves is named by nothing, and swept away a
day later. What does not belong here: what is in the series.

The form is Zarr version 2 with consolidated metadata, which xarray, GDAL and most others read, and follows the CF
conventions 1.11. A chunk holds all dates of 256 x 256 pixels, so that the series of a pixel is one read; pieces of
512 x 512 pixels are computed and written, a few at once, so that memory does not grow with the region.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.imagery.leftovers import STALE_AFTER_S
from fusion_assets.imagery.storage import Storage

CHUNK, PIECE = 256, 512
BATCH = 2, 8  # pieces down and across: whole tiles of `imagery.timeseries`, enough of them to keep processors busy
_STAMP = "%Y%m%dT%H%M%S"
_CF = "CF-1.11"
# Of layers in physical units: steps far below what is known, in half the bytes.
ENCODINGS: dict[str, dict[str, Any]] = {
    "ndvi": {"dtype": "int16", "scale_factor": 1e-4, "_FillValue": -32768},
    "dB": {"dtype": "int16", "scale_factor": 0.005, "_FillValue": -32768},
    "flag": {"dtype": "uint8"},
}


@dataclass(frozen=True)
class Cube:
    """A store that has been written and is to be placed.

    Attributes:
        name: of the store, beside the artifact.
        digest: of its values, 12 hexadecimal digits.
        files: how many it has; a chunk that is missing would read as no data.
        size: bytes of all of them.
        dates: length of its time axis.
        stats: by layer: valid share, least, mean and largest value.
        facts: what it says of itself.
    """

    name: str
    digest: str
    files: int
    size: int
    dates: int
    stats: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What is recorded of it."""
        return {
            "store": self.name,
            "digest": self.digest,
            "files": self.files,
            "size": self.size,
            "dates": self.dates,
            "layers": dict(self.stats),
        }


def beside(path: str, name: str) -> str:
    """Path of the store `name` of the artifact at `path`."""
    return f"{path.rsplit('/', 1)[0]}/{name}"


def write_cube(
    storage: Storage, path: str, series: xr.Dataset, encodings: Mapping[str, str], facts: Mapping[str, str]
) -> Cube:
    """Compute a series piece by piece and write it beside its artifact's path, where nothing names it yet.

    Args:
        storage: root.
        path: of the artifact.
        series: (time, y, x) with CRS, lazy; texts among its coordinates are left out.
        encodings: layer to key of `ENCODINGS`.
        facts: digests, written among the attributes.

    Raises:
        FusionError: pixels that cannot be read, or a root that cannot be written.
    """
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    name = f"{stem}-{dt.datetime.now(dt.UTC):{_STAMP}}-{uuid.uuid4().hex[:8]}.zarr"
    place = beside(path, name)
    target = storage.directory(place)
    series = _described(series, facts)
    try:
        _skeleton(series).to_zarr(
            target, mode="w", compute=False, consolidated=True, zarr_format=2, encoding=_encodings(series, encodings)
        )
        found = _written(target, series)
    except BaseException:
        storage.remove_directory(place)
        raise
    digest = hashlib.sha256(repr([(str(k), v.values.tobytes()) for k, v in series.coords.items()]).encode())
    for each, _ in found:
        digest.update(each)
    sizes = storage.sizes(place)
    stats = {str(name): _combined([stats[str(name)] for _, stats in found]) for name in series.data_vars}
    return Cube(
        name, digest.hexdigest()[:12], len(sizes), sum(sizes.values()), series.sizes["time"], stats, dict(facts)
    )


def open_cube(storage: Storage, path: str, record: Mapping[str, Any], command: str) -> xr.Dataset:
    """Open the store that an artifact's JSON names, lazily, in pieces with all dates.

    Raises:
        FusionError: files are missing.
    """
    place = beside(path, str(record.get("store")))
    sizes = storage.sizes(place)
    if (len(sizes), sum(sizes.values())) != (record.get("files"), record.get("size")):
        raise FusionError(
            f"{place} has {len(sizes)} files of {sum(sizes.values()):,} bytes",
            f"{record.get('files')} files of {record.get('size'):,} bytes, as they were written",
            f"make it anew: {command}",
        )
    import rioxarray  # noqa: F401 (registers the .rio accessor)

    opened = xr.open_zarr(storage.directory(place), consolidated=True, decode_coords="all", chunks={})
    wide = {name: band.astype(np.float32) for name, band in opened.data_vars.items() if band.dtype == np.float64}
    return opened.assign(wide)


def tidy(storage: Storage, path: str, keep: tuple[str | None, ...], gone: str | None) -> None:
    """Remove the store before the last one, and what killed processes left more than a day ago.

    Args:
        storage: root.
        path: of the artifact.
        keep: names that stay: the store that has just been placed, and the one it replaces, which may be being read.
        gone: the one before that.
    """
    folder, stem = path.rsplit("/", 1)
    oldest = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=STALE_AFTER_S)
    for name in storage.directories(folder):
        if name.startswith(f"{stem.rsplit('.', 1)[0]}-") and name.endswith(".zarr") and name not in keep:
            try:
                begun = dt.datetime.strptime(name.split("-")[-2], _STAMP).replace(tzinfo=dt.UTC)
            except (ValueError, IndexError):
                continue
            if name == gone or begun < oldest:
                storage.remove_directory(f"{folder}/{name}")


def _described(series: xr.Dataset, facts: Mapping[str, str]) -> xr.Dataset:
    """The series with what CF asks for, in the order (time, y, x), without texts."""
    texts = [name for name, held in series.coords.items() if held.dtype.kind in "OU"]
    series = series.drop_vars(texts).rio.write_coordinate_system()
    for name in series.data_vars:
        series[name].attrs["grid_mapping"] = "spatial_ref"
        series[name].encoding = {}
    series["time"].attrs |= {"standard_name": "time", "axis": "T"}
    return series.assign_attrs(Conventions=_CF, **facts)


def _skeleton(series: xr.Dataset) -> xr.Dataset:
    """The same Dataset with nothing in it, in the store's chunks."""
    empty = {
        name: (band.dims, da.zeros(band.shape, dtype=band.dtype, chunks=_chunks(band)), band.attrs)
        for name, band in series.data_vars.items()
    }
    return series.assign(empty)


def _chunks(band: xr.DataArray) -> tuple[int, ...]:
    time, height, width = band.shape
    return max(time, 1), min(CHUNK, height), min(CHUNK, width)


def _encodings(series: xr.Dataset, encodings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    layers = {
        str(name): {**ENCODINGS[encodings[str(name)]], "chunks": _chunks(band)}
        for name, band in series.data_vars.items()
    }
    times = {
        str(name): {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int64"}
        for name, held in series.coords.items()
        if held.dtype.kind == "M"
    }
    return layers | times


def _pieces(series: xr.Dataset) -> list[dict[str, slice]]:
    if not series.sizes["time"]:
        return []
    rows, cols = (range(0, series.sizes[axis], PIECE) for axis in ("y", "x"))
    return [
        {
            "y": slice(row, min(row + PIECE, series.sizes["y"])),
            "x": slice(col, min(col + PIECE, series.sizes["x"])),
        }
        for row in rows
        for col in cols
    ]


def _written(target: Any, series: xr.Dataset) -> list[Any]:
    """Compute and write all pieces, a batch at a time; returns what `_write` returned of each, in their order.

    All at once, a scheduler would read ahead over the whole region: memory would grow with it. The pieces of a batch
    are optimised together: each by itself would have what it shares with its neighbours, such as a block of a file, as
    a task of its own, and that would be read again for every piece.
    """
    attributes, pieces = {str(name): band.attrs for name, band in series.data_vars.items()}, _pieces(series)
    write = dask.delayed(_write, pure=False)
    found: dict[int, Any] = {}
    for batch in _batches(pieces):
        arrays = [da.asarray(series[name].isel(pieces[k]).data) for k in batch for name in attributes]
        whole = dask.optimize(*(array.rechunk(array.shape) for array in arrays))
        blocks = iter([array.to_delayed(optimize_graph=False).item() for array in whole])
        writes = [write(target, {name: next(blocks) for name in attributes}, attributes, pieces[k]) for k in batch]
        found.update(zip(batch, dask.compute(*writes), strict=True))
    return [found[k] for k in range(len(pieces))]


def _batches(pieces: Sequence[Mapping[str, slice]]) -> list[list[int]]:
    """Indices of the pieces that are computed at once."""
    batches: dict[tuple[int, int], list[int]] = {}
    for k, piece in enumerate(pieces):
        place = piece["y"].start // PIECE // BATCH[0], piece["x"].start // PIECE // BATCH[1]
        batches.setdefault(place, []).append(k)
    return list(batches.values())


def _write(
    target: Any,
    layers: Mapping[str, np.ndarray],
    attributes: Mapping[str, Mapping[str, Any]],
    region: Mapping[str, slice],
) -> tuple[bytes, dict[str, tuple[int, int, float, float, float]]]:
    """Write one piece; returns its digest and, by layer, counts, sum and extremes."""
    digest, stats = hashlib.sha256(), {}
    for name, values in layers.items():
        digest.update(np.ascontiguousarray(values).data)
        known = values[np.isfinite(values)] if values.dtype.kind == "f" else values.reshape(-1)
        ends = (float(known.min()), float(known.max())) if known.size else (np.inf, -np.inf)
        stats[name] = (values.size, known.size, float(known.sum(dtype=np.float64)), *ends)
    piece = xr.Dataset({name: (("time", "y", "x"), values, attributes[name]) for name, values in layers.items()})
    piece.to_zarr(target, region=dict(region), consolidated=True, zarr_format=2)
    return digest.digest(), stats


def _combined(parts: list[tuple[int, int, float, float, float]]) -> dict[str, float]:
    size, known, total = (sum(part[i] for part in parts) for i in range(3))
    if not known:
        return {"valid_share": 0.0}
    return {
        "valid_share": known / size,
        "min": min(part[3] for part in parts),
        "mean": total / known,
        "max": max(part[4] for part in parts),
    }
