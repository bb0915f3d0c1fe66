"""The files that a task wrote to the bucket: found, verified against the grid, read back lazily as one raster."""

from __future__ import annotations

import math
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from rasterio.windows import Window

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import normal_crs
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.earth_engine.connection import stored_sign_in
from fusion_assets.imagery.engines.earth_engine.expressions import NO_DATA
from fusion_assets.redaction import public_url
from fusion_assets.storage.addresses import file_system, local_copy
from fusion_assets.storage.raster_files import GDAL_ERRORS, check_sizes, open_file

# Row and column of the first pixel; Earth Engine's documentation and its buckets differ by a hyphen.
_SHARD = re.compile(r"(-?\d{10}-\d{10})?\.tif")
_BLOCK = 1024
_MARKER = b"written and removed by fusion doctor\n"


class BucketUnreachable(FusionError):
    """The bucket does not answer, or not to this account: nothing is known of the files in it."""


@dataclass(frozen=True)
class Shard:
    """One file and the part of the grid that it holds."""

    url: str
    row: int
    col: int
    height: int
    width: int


def find_shards(folder: str, prefix: str, grid: Grid, bands: Sequence[str]) -> list[Shard]:
    """The shards of an export, each looked into, and together covering the grid once.

    Args:
        folder: URL of the bucket or folder in it, such as `gs://bucket`.
        prefix: what the names begin with.
        grid: that they must cover.
        bands: that each must have, in order.

    Raises:
        FusionError: the export is not ready; names what is missing or damaged.
    """
    url = f"{folder.rstrip('/')}/{prefix}"
    try:
        fs, path = open_bucket(url)
        fs.invalidate_cache()
        parent, _, start = path.rpartition("/")
        listed = fs.ls(parent, detail=False) if fs.exists(parent) else []
    except FileNotFoundError:
        raise _problem(f"there is no file {public_url(url)}*.tif") from None
    except Exception as error:
        unreachable = _unreachable(url, error)
        listed = None
    if listed is None:
        raise unreachable
    names = sorted(name for name in map(str, listed) if name.rsplit("/", 1)[-1].startswith(start))
    names = [name for name in names if _SHARD.fullmatch(name.rsplit("/", 1)[-1][len(start) :])]
    if not names:
        raise _problem(f"there is no file {public_url(url)}*.tif")
    shards = [_verified(fs, name, grid, bands) for name in names]
    covered = sum(shard.height * shard.width for shard in shards)
    if covered != grid.height * grid.width or len({(s.row, s.col) for s in shards}) != len(shards):
        missing = 1 - covered / (grid.height * grid.width)
        held = number_of(len(shards), "file")
        raise _problem(f"{missing:.1%} of the grid is left uncovered by {held} {public_url(url)}*.tif")
    return shards


def _verified(fs: Any, name: str, grid: Grid, bands: Sequence[str]) -> Shard:
    url = fs.unstrip_protocol(name)
    with _not_ready(url), fs.open(name, "rb") as content, rasterio.open(content, driver="GTiff") as file:
        check_sizes(file, url)
        if file.crs is None or normal_crs(file.crs.to_wkt()) != grid.crs:
            raise _problem(f"{public_url(url)} has another CRS than {grid.crs}")
        if tuple(file.descriptions) != tuple(bands):
            raise _problem(f"{public_url(url)} has the bands {file.descriptions}, not {tuple(bands)}")
        col, row = ~grid.transform @ (file.transform.c, file.transform.f)
        aligned = math.isclose(file.transform.a, grid.resolution, rel_tol=1e-9)
        if not aligned or max(abs(col - round(col)), abs(row - round(row))) > 1e-6:
            raise _problem(f"{public_url(url)} does not lie on the grid")
        if _needed_bytes(file) > fs.size(name):
            raise _problem(f"{public_url(url)} is truncated")
        return Shard(url, round(row), round(col), file.height, file.width)


def _needed_bytes(file: rasterio.DatasetReader) -> int:
    """Where the last bytes of the blocks at the end of each band lie."""
    height, width = file.block_shapes[0]
    rows, cols = math.ceil(file.height / height), math.ceil(file.width / width)
    ends = []
    for band in range(1, file.count + 1):
        for row, col in ((0, 0), (rows - 1, cols - 1)):
            offset, size = (
                file.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE")
            )
            ends.append(int(offset or 0) + int(size or 0))
    return max(ends)


def lazy_pixels(shards: Sequence[Shard], grid: Grid, bands: Sequence[str]) -> xr.Dataset:
    """The shards as one raster, downloaded when it is computed."""
    read = dask.delayed(_read, pure=False)
    shared = dask.delayed((tuple(shards), len(bands)), pure=False, traverse=False)
    lines = []
    for row in range(0, grid.height, _BLOCK):
        height = min(_BLOCK, grid.height - row)
        line = []
        for col in range(0, grid.width, _BLOCK):
            width = min(_BLOCK, grid.width - col)
            block = read(shared, (row, col, height, width))
            line.append(da.from_delayed(block, (len(bands), height, width), np.dtype(np.float32)))
        lines.append(line)
    stack = da.block(lines)
    return grid.dataset({name: stack[i] for i, name in enumerate(bands)})


def _read(shared: tuple[tuple[Shard, ...], int], block: tuple[int, int, int, int]) -> np.ndarray:
    (shards, count), (top, left, height, width) = shared, block
    out = np.full((count, height, width), np.nan, np.float32)
    for shard in shards:
        first, last = max(top, shard.row), min(top + height, shard.row + shard.height)
        west, east = max(left, shard.col), min(left + width, shard.col + shard.width)
        if first >= last or west >= east:
            continue
        window = Window(west - shard.col, first - shard.row, east - west, last - first)
        with _not_ready(shard.url), open_file(_copy(shard.url)) as file:
            out[:, first - top : last - top, west - left : east - left] = file.read(window=window)
    return np.where(out > NO_DATA / 2, out, np.float32(np.nan))


def open_bucket(url: str) -> tuple[Any, str]:
    """The file system of a URL in a bucket, in the name that Earth Engine's requests bear, and the path in it.

    gcsfs itself finds key files and application default credentials, but not what `earthengine authenticate` stored.
    """
    # An emulator gets no credential.
    stored = stored_sign_in() if url.startswith("gs://") and not os.environ.get("STORAGE_EMULATOR_HOST") else None
    return file_system(url, **({"token": stored} if stored else {}))


def _copy(url: str) -> Path:
    return local_copy(url, open_bucket(url)[0])


def check_bucket(folder: str) -> None:
    """Write a small object where tasks write, read it back the way shards are read, and remove it.

    Args:
        folder: URL of the bucket or folder in it.

    Raises:
        BucketUnreachable: no such bucket, or not for this account.
    """
    url = f"{folder.rstrip('/')}/fusion-doctor-{uuid.uuid4().hex}.txt"
    step = "written to"
    try:
        fs, path = open_bucket(url)
        fs.pipe_file(path, _MARKER)
        step = "read"
        try:
            whole = fs.cat_file(path) == _MARKER
        finally:
            fs.rm_file(path)
    except Exception as error:
        problem = _unreachable(folder, error, step)
    else:
        if whole:
            return
        problem = BucketUnreachable(f"{public_url(url)} is not what was written", "it", "try again")
    raise problem


@contextmanager
def _not_ready(url: str) -> Iterator[None]:
    """Name the file in errors; signed addresses and credentials of the store's own errors stay out."""
    try:
        yield
        return
    except FusionError:
        raise
    except (*GDAL_ERRORS, OSError, ValueError) as error:
        problem = _problem(f"{public_url(url)} cannot be read ({type(error).__name__})")
    except Exception as error:
        problem = _unreachable(url, error)
    raise problem


def _unreachable(url: str, error: Exception, step: str = "reached") -> FusionError:
    return BucketUnreachable(
        f"the bucket of {public_url(url)} cannot be {step} ({type(error).__name__})",
        "a bucket that may be read and written",
        "check FUSION_EE_BUCKET and the account's role Storage Object Admin there",
    )


def _problem(found: str) -> FusionError:
    return FusionError(
        found,
        "all files of the export, whole",
        "wait a little if the task has only just finished; else materialize the export again",
    )
