"""Series of rasters as Zarr (time, y, x) on any storage root: written piece by piece, whole or not at all.

A store is written under a name of its own beside its artifact, `<year>-<time>-<random>.zarr`, and becomes the
artifact when a small JSON names it (`companions.py`).

The form is Zarr version 2 with consolidated metadata, which xarray, GDAL and most others read, and follows the CF
conventions 1.11. A chunk holds all dates of 256 x 256 pixels, so that the series of a pixel is one read.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.storage import cube_pieces as pieces
from fusion_assets.storage.checked_stores import CheckedStore, checked_store, digest_of, is_description
from fusion_assets.storage.companions import CUBE, beside, new_name
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.raster_classes import Palettes
from fusion_assets.storage.raster_files import LARGEST_BYTES
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import NOTICE, is_marked

CHUNK = 256
_AXES = ("time", "y", "x")
_CF = "CF-1.11"
Encodings = Mapping[str, Mapping[str, Any]]
"""By layer, how xarray is to write it: `steps` or `FLAG`."""
FLAG: dict[str, Any] = {"dtype": "uint8"}
"""Encoding of a layer of codes below 256."""


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
        preview: its first layer on a few dates, thinned: (y, x) by day.
        palettes: colours of layers.
        noted: digests of its files by name, which are compared as they are read.
    """

    name: str
    digest: str
    files: int
    size: int
    dates: int
    stats: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, str] = field(default_factory=dict)
    preview: Mapping[str, np.ndarray] = field(default_factory=dict)
    palettes: Palettes = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What is recorded of it."""
        return {
            "store": self.name,
            "digest": self.digest,
            "files": self.files,
            "size": self.size,
            "dates": self.dates,
            "layers": dict(self.stats),
            "noted": dict(self.noted),
        }


def steps(size: float) -> dict[str, Any]:
    """Encoding of a layer in physical units: whole steps far below what can be told apart, in half the bytes."""
    return {"dtype": "int16", "scale_factor": size, "_FillValue": -32768}


def write_cube(
    series: xr.Dataset,
    storage: Storage,
    path: str,
    *,
    encodings: Encodings,
    facts: Mapping[str, str],
    palettes: Palettes | None = None,
) -> Cube:
    """Compute a series piece by piece into a store that nothing names yet; the IO manager places it by naming it.

    It is too large to be written twice, so it lies at once where it will stay: beside its artifact's path.

    Args:
        series: (time, y, x) with CRS, lazy; texts among its coordinates are left out.
        storage: root.
        path: of the artifact, as the storage gives it; extension `json`.
        encodings: of all layers.
        facts: digests, written among the attributes.
        palettes: colours of layers.

    Raises:
        FusionError: pixels that cannot be read, or a root that cannot be written.
    """
    name = new_name(path, CUBE)
    place = beside(path, name)
    target = checked_store(storage, place)
    series = _described(series, facts)
    try:
        _skeleton(series).to_zarr(
            target, mode="w", compute=False, consolidated=True, zarr_format=2, encoding=_encodings(series, encodings)
        )
        done = pieces.written(target, series)
    except BaseException as error:
        storage.remove_directory(place)
        if isinstance(error, OSError):
            raise storage.refused(error, place) from error
        raise
    digest = hashlib.sha256(repr([(str(k), v.values.tobytes()) for k, v in series.coords.items()]).encode())
    for each in done:
        digest.update(each.digest)
    sizes = storage.sizes(place)
    noted = target.written | {name: sha256 for each in done for name, sha256 in each.files.items()}
    noted |= {name: digest_of(storage.read_bytes(f"{place}/{name}")) for name in sizes if is_description(name)}
    return Cube(
        name=name,
        digest=digest.hexdigest()[:12],
        files=len(sizes),
        size=sum(sizes.values()),
        dates=series.sizes["time"],
        stats={str(name): pieces.combined([each.stats[str(name)] for each in done]) for name in series.data_vars},
        facts=dict(facts),
        preview=pieces.preview(series, [each.thinned for each in done]),
        palettes=palettes or {},
        noted=dict(sorted(noted.items())),
    )


def open_cube(storage: Storage, path: str, record: Mapping[str, Any], command: str) -> xr.Dataset:
    """Open the store that an artifact's JSON names, lazily, in pieces with all dates.

    Raises:
        FusionError: files are missing, or something else is there; also when it is computed.
    """
    remedy = f"make it anew: {command}"
    name, noted = str(record.get("store")), record.get("noted", {})
    if "/" in name or not name.endswith(CUBE) or not isinstance(noted, dict):
        raise FusionError(f"{path} names the store {name[:80]!r}", "one beside it", remedy)
    place = beside(path, name)
    sizes = storage.sizes(place)
    if (len(sizes), sum(sizes.values())) != (record.get("files"), record.get("size")):
        raise FusionError(
            f"{place} has {number_of(len(sizes), 'file')} of {sum(sizes.values()):,} bytes",
            f"{record.get('files')} files of {record.get('size')} bytes, as they were written",
            remedy,
        )
    import rioxarray  # noqa: F401 (registers the .rio accessor)

    with as_written(place, remedy):
        store = checked_store(storage, place, noted, remedy)
        _check_sizes(store, place, record.get("dates"), remedy)
        opened = xr.open_zarr(store, consolidated=True, decode_coords="all", chunks={})
        wide = {name: band.astype(np.float32) for name, band in opened.data_vars.items() if band.dtype == np.float64}
        return opened.assign(wide)


def _check_sizes(store: CheckedStore, place: str, dates: Any, remedy: str) -> None:
    """Refuse a store before its own word on its size is believed: axes are read whole, chunks are unpacked whole.

    Raises:
        FusionError: declared sizes beyond what is read here, or layers that are not (time, y, x) of its axes.
    """
    import zarr

    layers = dict(zarr.open_group(store, mode="r", zarr_format=2, use_consolidated=True).arrays())
    axes = [layers[name].shape[0] for name in _AXES]
    if dates is not None and axes[0] != dates:
        raise FusionError(f"{place} has {axes[0]} dates", f"{dates}, as they were written", remedy)
    for name, layer in layers.items():
        whole = math.prod(layer.chunks if layer.ndim == len(_AXES) else layer.shape) * layer.dtype.itemsize
        if whole > LARGEST_BYTES:
            found = f"{place}/{name} takes {whole >> 20} MiB at once"
            raise FusionError(found, f"at most {LARGEST_BYTES >> 20} MiB", remedy)
        if layer.ndim == len(_AXES) and list(layer.shape) != axes:
            raise FusionError(f"{place}/{name} is of {layer.shape}", f"{tuple(axes)}, as its axes are", remedy)


def changed_files(storage: Storage, path: str, record: Mapping[str, Any]) -> list[str]:
    """Names of the files of a cube that are not what was written, or not there; all of them are read."""
    place, noted = beside(path, str(record.get("store"))), record.get("noted", {})
    there = storage.sizes(place)
    return [
        name
        for name, noted_digest in noted.items()
        if name not in there or digest_of(storage.read_bytes(f"{place}/{name}")) != noted_digest
    ]


def _described(series: xr.Dataset, facts: Mapping[str, str]) -> xr.Dataset:
    """The series with what CF asks for, in the order (time, y, x), without texts."""
    texts = [name for name, held in series.coords.items() if held.dtype.kind in "OU"]
    series = series.drop_vars(texts).rio.write_coordinate_system()
    for name in series.data_vars:
        series[name].attrs["grid_mapping"] = "spatial_ref"
        series[name].encoding = {}
    series["time"].attrs |= {"standard_name": "time", "axis": "T"}
    notice = {"comment": NOTICE} if is_marked(facts) else {}
    return series.assign_attrs(Conventions=_CF, **notice, **facts)


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


def _encodings(series: xr.Dataset, encodings: Encodings) -> dict[str, dict[str, Any]]:
    layers = {str(name): {**encodings[str(name)], "chunks": _chunks(band)} for name, band in series.data_vars.items()}
    times = {
        str(name): {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int64"}
        for name, held in series.coords.items()
        if held.dtype.kind == "M"
    }
    return layers | times
