"""Rasters as files: writing a lazy Dataset to a Cloud Optimized GeoTIFF, window by window.

Four passes, each of them flat in memory whatever the size: blocks are computed in batches into a plain tiled GeoTIFF;
that is read back in fixed tiles for digest and statistics, which therefore do not depend on chunks; GDAL makes the
COG of it; the preview is read from the COG's overviews.
"""

from __future__ import annotations

import atexit
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import dask
import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from rasterio.enums import Resampling
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.disk_space import full, megabytes, why_full
from fusion_assets.storage.leftovers import WORK_PREFIX, sweep
from fusion_assets.storage.raster_contents import (
    DTYPE_TAG,
    TAG_PREFIX,
    TILE,
    Palettes,
    contents,
    gdal_statistics,
    is_class,
    preview,
)
from fusion_assets.storage.raster_files import GDAL_ERRORS
from fusion_assets.storage.raster_reading import open_raster

__all__ = ["RasterFile", "open_raster", "write_raster"]

BATCH_BYTES = 256 * 2**20
# Left alone, GDAL keeps up to 5 % of the machine's memory of what was written.
GDAL_OPTIONS = {"GDAL_CACHEMAX": 128 * 2**20, "GDAL_TIFF_OVR_BLOCKSIZE": TILE}


@dataclass
class RasterFile:
    """A finished COG in a temporary place, and what was learnt while writing it.

    Attributes:
        path: the file.
        digest: sha256 (64 hex digits) over band names, units, dtype, no-data, grid and pixels; the same for any chunks.
        grid: CRS, transform and size.
        bands: band names in file order.
        tags: what the file's tags say, keys as `open_raster` gives them.
        stats: per band `units`, `valid_share` (0..1), `min`, `max`, `mean` of the valid pixels (None where none is).
        preview: per band a (<= 512, <= 512) float32 array with NaN for no data.
        palettes: colours of bands.
    """

    path: Path
    digest: str
    grid: Grid
    bands: tuple[str, ...]
    tags: dict[str, str] = field(default_factory=dict)
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    preview: dict[str, np.ndarray] = field(default_factory=dict)
    palettes: Palettes = field(default_factory=dict)

    def discard(self) -> None:
        """Remove the temporary file."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def write_raster(
    dataset: xr.Dataset,
    *,
    nodata: float,
    tags: Mapping[str, str],
    dtype: str | np.dtype | None = None,
    units: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    directory: str | Path | None = None,
    region: BaseGeometry | None = None,
    palettes: Palettes | None = None,
) -> RasterFile:
    """Compute a Dataset block by block into a temporary COG.

    The default dask scheduler does the work: threads, or the cluster of the distributed Client that is registered.

    Args:
        dataset: one (y, x) variable per band, numpy or dask, on a grid with a CRS; NaN is no data in float bands.
        nodata: the file's no-data number; NaN in the data becomes this.
        tags: provenance; every key is stored as FUSION_<KEY>. Grid and content digest are added.
        dtype: of the file; by default the smallest that holds all bands. Floats are rounded for an integer file.
            Integer bands of a float file come back as integers from `open_raster`.
        units: per band; by default the variables' `units` attribute.
        progress: called with (blocks done, blocks in all).
        directory: where the temporary directory is made; by default the system's (TMPDIR).
        region: polygon in degrees; valid shares count only pixels whose centre lies in it. By default all pixels.
        palettes: colours of bands; those of classes are not averaged.

    Returns:
        The finished file; call `discard()` when it has been placed.

    Raises:
        FusionError: no bands, values that do not fit the dtype, or no room on the disk.
    """
    names, palettes = tuple(str(name) for name in dataset.data_vars), palettes or {}
    if not names:
        raise FusionError("a raster without bands", "at least one variable", "give the Dataset a variable per band")
    dataset = dataset[list(names)].transpose("y", "x").unify_chunks()
    grid = Grid.of(dataset)
    file_dtype = np.dtype(dtype or np.result_type(*(dataset[name].dtype for name in names)))
    band_units = {name: (units or {}).get(name) or str(dataset[name].attrs.get("units", "")) for name in names}
    _check_nodata(nodata, file_dtype)
    described = {str(key).lower(): str(value) for key, value in tags.items()}
    profile = {
        "driver": "GTiff", "dtype": file_dtype, "nodata": nodata, "count": len(names), "crs": grid.crs,
        "transform": grid.transform, "height": grid.height, "width": grid.width,
        "tiled": True, "blockxsize": TILE, "blockysize": TILE, "interleave": "band", "bigtiff": "IF_SAFER",
    }  # fmt: skip
    pixel_bytes = len(names) * grid.height * grid.width * file_dtype.itemsize
    with _workspace(directory, pixel_bytes) as work, rasterio.Env(**GDAL_OPTIONS, GDAL_NUM_THREADS=_threads()):
        plain, cog = work / "plain.tif", work / "raster.tif"
        with rasterio.open(plain, "w", **profile) as target:
            _write_blocks(target, dataset, names, file_dtype, nodata, progress)
        with rasterio.open(plain, "r+") as target:
            digest, stats = contents(target, grid, names, band_units, region)
            described |= {"crs": grid.crs, "grid_digest": grid.digest, "content_digest": digest}
            target.update_tags(**{TAG_PREFIX + key.upper(): value for key, value in described.items()})
            for index, name in enumerate(names, start=1):
                target.set_band_description(index, name)
                target.set_band_unit(index, band_units[name])
                target.update_tags(index, **{DTYPE_TAG: str(dataset[name].dtype)}, **gdal_statistics(stats[name]))
        _convert(plain, cog, _resampling(names, palettes))
        plain.unlink()
        return RasterFile(cog, digest, grid, names, described, stats, preview(cog, names, palettes), palettes)


def _check_nodata(nodata: float, dtype: np.dtype) -> None:
    fits = np.issubdtype(dtype, np.floating) or (
        not math.isnan(nodata) and np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max
    )
    if not fits:
        raise FusionError(f"no-data {nodata} does not fit a {dtype} file", "a number of that type", "choose another")


@contextmanager
def _workspace(directory: str | Path | None, pixel_bytes: int) -> Iterator[Path]:
    """Make a temporary directory that stays only when all goes well."""
    root = Path(directory or tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    sweep(root, f"{WORK_PREFIX}*")
    free = shutil.disk_usage(root).free
    needed = 8 / 3 * pixel_bytes  # the plain file and, at worst, as much again for the COG; overviews add a third
    if needed > free:
        raise FusionError(
            f"{root} has {megabytes(free)} free",
            f"{megabytes(needed)} for the temporary raster",
            "free some space, or set TMPDIR to a larger disk",
        )
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=root))
    atexit.register(shutil.rmtree, work, ignore_errors=True)  # for whoever fails between writing and placing
    try:
        yield work
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if why := why_full(error):
            raise full(root, why, None, "set TMPDIR to a larger disk") from error
        if isinstance(error, GDAL_ERRORS):
            raise FusionError(
                f"no raster could be written in {root}: {error}", "a working disk", "set TMPDIR"
            ) from error
        raise


def _blocks(dataset: xr.Dataset) -> list[tuple[slice, slice]]:
    """Row and column slices of the dask blocks, row by row; fixed squares where the data are plain numpy."""

    def slices(dim: str) -> list[slice]:
        size = dataset.sizes[dim]
        chunks = dataset.chunksizes.get(dim) or [2 * TILE] * (size // (2 * TILE)) + [size % (2 * TILE)]
        edges = np.cumsum([0, *(chunk for chunk in chunks if chunk)]).tolist()
        return [slice(start, stop) for start, stop in pairwise(edges)]

    return list(product(slices("y"), slices("x")))


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers() -> int:
    """Threads that will do the work: of the distributed cluster that is the default, else of this machine."""
    if "distributed" in sys.modules:
        from distributed import default_client

        try:
            return sum(default_client().nthreads().values()) or 1
        except ValueError:  # imported, but no client
            pass
    return _threads()


def _write_blocks(
    target: rasterio.io.DatasetWriter,
    dataset: xr.Dataset,
    names: tuple[str, ...],
    dtype: np.dtype,
    nodata: float,
    progress: Callable[[int, int], None] | None,
) -> None:
    blocks = _blocks(dataset)
    rows, cols = max(blocks, key=lambda block: (block[0].stop - block[0].start) * (block[1].stop - block[1].start))
    block_bytes = (rows.stop - rows.start) * (cols.stop - cols.start) * len(names) * dtype.itemsize
    in_flight = max(1, min(4 * _workers(), BATCH_BYTES // block_bytes))
    done = 0
    for batch in (blocks[start : start + in_flight] for start in range(0, len(blocks), in_flight)):
        lazy = [[dataset[name].data[rows, cols] for name in names] for rows, cols in batch]
        try:
            (computed,) = dask.compute(lazy)
        except GDAL_ERRORS as error:
            raise FusionError(f"pixels could not be read: {error}", "whole source files", "check the files") from error
        for (rows, cols), bands in zip(batch, computed, strict=True):
            values = np.stack([_stored(band, name, dtype, nodata) for name, band in zip(names, bands, strict=True)])
            target.write(values, window=Window.from_slices(rows, cols))
        done += len(batch)
        if progress:
            progress(done, len(blocks))


def _stored(values: np.ndarray, name: str, dtype: np.dtype, nodata: float) -> np.ndarray:
    """One band's pixels as the file holds them."""
    values = np.asarray(values)
    if np.issubdtype(values.dtype, np.floating) and not math.isnan(nodata):
        values = np.where(np.isnan(values), values.dtype.type(nodata), values)
    if np.issubdtype(dtype, np.integer) and values.dtype != dtype:
        limits = np.iinfo(dtype)
        values = np.rint(values) if np.issubdtype(values.dtype, np.floating) else values
        if values.size and not (values.min() >= limits.min and values.max() <= limits.max):
            raise FusionError(
                f"band {name} reaches from {values.min()} to {values.max()}",
                f"{limits.min} to {limits.max}, the range of a {dtype} file",
                "write it with a wider dtype",
            )
    return values.astype(dtype, copy=False)


def _resampling(names: tuple[str, ...], palettes: Palettes) -> Resampling:
    """Overviews have one rule per file: average, the most frequent class, or the nearest pixel when both kinds meet."""
    kinds = {is_class(name, palettes) for name in names}
    return Resampling.nearest if len(kinds) == 2 else Resampling.mode if kinds == {True} else Resampling.average


def _convert(plain: Path, cog: Path, resampling: Resampling) -> None:
    """Make the COG, overviews first: built by the COG driver itself they take memory in proportion to the width."""
    with rasterio.open(plain, "r+") as target:
        levels = max(0, math.ceil(math.log2(max(target.shape) / TILE)))
        if levels:
            target.build_overviews([2**level for level in range(1, levels + 1)], resampling)
    options = {
        "COMPRESS": "DEFLATE", "LEVEL": 3, "PREDICTOR": "YES", "BLOCKSIZE": TILE, "BIGTIFF": "IF_SAFER",
        "OVERVIEWS": "FORCE_USE_EXISTING", "NUM_THREADS": _threads(),
    }  # fmt: skip
    rasterio.shutil.copy(plain, cog, driver="COG", **options)
