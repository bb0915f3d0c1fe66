"""Rasters from files: a COG as a lazy Dataset with named bands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from dask.base import tokenize
from rasterio.windows import Window

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.grids.grid import Grid
from fusion_assets.redaction import public_url
from fusion_assets.storage.addresses import local_copy
from fusion_assets.storage.raster_contents import DIGEST_TAG, DTYPE_TAG, TAG_PREFIX
from fusion_assets.storage.raster_files import GDAL_ERRORS, GDAL_OPTIONS, check_window, number_type, open_file
from fusion_assets.storage.raster_places import UnfitFile

REMAKE = "remove the file and make it again: fusion run --select <asset> --region <region> --years <year>"

Fingerprint = tuple[int, int, int]


def open_raster(url: str | Path, chunks: int = 1024, *, masked: bool | None = None) -> xr.Dataset:
    """Open a raster lazily, one variable per band.

    A dask block holds all bands of its window, because that is how the file is compressed: bands that are used
    together are read once. Each block opens the file anew, so blocks are read in parallel, on a cluster too where
    its workers see the path. A file replaced meanwhile is noticed, never mixed with a new one of other content.

    Args:
        url: a local path, or any fsspec URL (downloaded once to a temporary cache).
        chunks: edge of the square blocks, pixels.
        masked: True puts NaN where the file has no data (float32, or float64 where needed); False leaves the numbers
            as stored. By default float bands are masked, and bands that were written as integers come back as those.

    Returns:
        (y, x) variables named by the file's band descriptions, with attribute `units`; dataset attributes are the
        file's FUSION_ tags, keys in lower case without the prefix, and `nodata`.

    Raises:
        FusionError: no such file, or not a whole raster; also from the blocks, when computed.
    """
    path = local_copy(url)
    shown = public_url(str(url))
    try:
        fingerprint = _fingerprint(path)
        with rasterio.Env(**GDAL_OPTIONS), open_file(path) as source:
            _check_whole(source, path, shown)
            height, width = (min(chunks, edge) for edge in source.shape)
            check_window(shown, height, width, source.count * number_type(source.dtypes[0]).itemsize)
            crs_tag = source.tags().get(f"{TAG_PREFIX}CRS")  # one spelling, where a GeoTIFF has several for one CRS
            grid = Grid(crs_tag or source.crs.to_wkt() if source.crs else "", source.transform, *source.shape)
            names = [text or f"band_{index}" for index, text in enumerate(source.descriptions, start=1)]
            dtype, nodata, units = np.dtype(source.dtypes[0]), source.nodata, source.units
            given = [np.dtype(source.tags(index).get(DTYPE_TAG, dtype)) for index in source.indexes]
            tags = {key[len(TAG_PREFIX) :].lower(): v for key, v in source.tags().items() if key.startswith(TAG_PREFIX)}
    except UnfitFile as unfit:
        raise _damaged(shown, unfit.reason) from None
    except (*GDAL_ERRORS, OSError) as error:
        raise _damaged(shown, error.__cause__ or error) from None
    pixels = da.map_blocks(
        _read_block,
        str(path),
        shown,
        fingerprint,
        tags.get("content_digest"),
        chunks=((len(names),), *da.core.normalize_chunks((chunks, chunks), grid.shape)),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype),
        name=f"raster-{tokenize(str(path), fingerprint, chunks)}",
    )
    bands = {name: _as_given(pixels[i], given[i], nodata, masked) for i, name in enumerate(names)}
    dataset = grid.dataset(bands).assign_attrs(tags | {"nodata": nodata})
    for name, unit in zip(names, units, strict=True):
        dataset[name].attrs["units"] = unit or ""
    return dataset


def _as_given(band: da.Array, given: np.dtype, nodata: float | None, masked: bool | None) -> da.Array:
    """One band with the dtype and the no-data it had in memory when it was written."""
    if masked is None:
        masked = np.issubdtype(given, np.floating)
        target = given
    else:
        target = np.result_type(band.dtype, np.float32) if masked else band.dtype
    if masked and nodata is not None and not np.isnan(nodata):
        return da.where(band == nodata, target.type(np.nan), band.astype(target))
    return band.astype(target)


def _fingerprint(path: Path | str) -> Fingerprint:
    status = Path(path).stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read_block(
    path: str, shown: str, fingerprint: Fingerprint, digest: str | None, block_info: dict[Any, Any]
) -> np.ndarray:
    _, (top, bottom), (left, right) = block_info[None]["array-location"]
    problem: FusionError | None = None
    try:
        with rasterio.Env(**GDAL_OPTIONS), open_file(path) as source:
            values = source.read(window=Window(left, top, right - left, bottom - top))
            said = source.tags().get(DIGEST_TAG)
        now = _fingerprint(path)
        # Placed anew with the same content, as runs beside this one do: every block of it is the same.
        same = said is not None and said == digest and now[0] != fingerprint[0]
        if now != fingerprint and not same:
            problem = Replaced(
                f"{shown} was replaced while it was being read",
                "one version of it from the first block to the last",
                "run again: the new version will be read",
            )
    except UnfitFile as unfit:
        problem = _damaged(shown, unfit.reason)
    except (*GDAL_ERRORS, OSError) as error:
        problem = _damaged(shown, error.__cause__ or error)
    # Raised outside the handler: GDAL's errors cannot be pickled, and as context they would keep this one from
    # coming back whole from a worker process.
    if problem:
        raise problem
    return values


def _check_whole(source: rasterio.io.DatasetReader, path: Path, shown: str) -> None:
    """Find a truncated file at once: a COG ends with the last tile of its full resolution."""
    height, width = source.block_shapes[0]
    last = f"{(source.width - 1) // width}_{(source.height - 1) // height}"
    offset = source.get_tag_item(f"BLOCK_OFFSET_{last}", "TIFF", bidx=1)
    length = source.get_tag_item(f"BLOCK_SIZE_{last}", "TIFF", bidx=1)
    if offset and length and int(offset) + int(length) > path.stat().st_size:
        raise _damaged(shown, f"it ends at byte {path.stat().st_size}, its last tile at {int(offset) + int(length)}")


def _damaged(shown: str, detail: object) -> FusionError:
    return FusionError(f"{shown} cannot be read as a raster: {detail}", "a whole GeoTIFF", REMAKE)
