"""Rasters as files: writing a lazy Dataset to a Cloud Optimized GeoTIFF, window by window.

Four passes, each of them flat in memory whatever the size: blocks are computed in batches into a plain tiled GeoTIFF;
that is read back in fixed tiles for digest and statistics, which therefore do not depend on chunks; GDAL makes the
COG of it; the preview is read from the COG's overviews. Bands of named classes have files of their own
(`raster_parts.py`), filled from the same blocks.
"""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import dask
import numpy as np
import rasterio
import xarray as xr
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.disk_space import full, megabytes, why_full
from fusion_assets.storage.leftovers import WORK_PREFIX, sweep
from fusion_assets.storage.raster_classes import Palettes
from fusion_assets.storage.raster_contents import (
    CLASSES_KEY,
    DTYPE_TAG,
    TAG_PREFIX,
    TILE,
    contents,
    digest_of_all,
    gdal_statistics,
    preview,
)
from fusion_assets.storage.raster_files import GDAL_ERRORS
from fusion_assets.storage.raster_parts import Part, parts_of, threads
from fusion_assets.storage.raster_reading import open_raster
from fusion_assets.storage.simulation import NOTICE, is_marked

__all__ = ["RasterFile", "open_raster", "write_raster"]

BATCH_BYTES = 256 * 2**20
# Left alone, GDAL keeps up to 5 % of the machine's memory of what was written.
GDAL_OPTIONS = {"GDAL_CACHEMAX": 128 * 2**20, "GDAL_TIFF_OVR_BLOCKSIZE": TILE}


@dataclass
class RasterFile:
    """A finished COG in a temporary place, and what was learnt while writing it.

    Attributes:
        path: the file; with `classes`, of the other bands.
        digest: sha256 (64 hex digits) over band names, units, dtype, no-data, grid and pixels; the same for any chunks.
        grid: CRS, transform and size.
        bands: band names, in the order they came in.
        tags: what the file's tags say, keys as `open_raster` gives them.
        stats: per band `units`, `valid_share` (0..1), `min`, `max`, `mean` of the valid pixels (None where none is).
        preview: per band a (<= 512, <= 512) float32 array with NaN for no data.
        palettes: colours of bands.
        classes: files of bands of named classes, by band.
    """

    path: Path
    digest: str
    grid: Grid
    bands: tuple[str, ...]
    tags: dict[str, str] = field(default_factory=dict)
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    preview: dict[str, np.ndarray] = field(default_factory=dict)
    palettes: Palettes = field(default_factory=dict)
    classes: dict[str, Path] = field(default_factory=dict)

    def discard(self) -> None:
        """Remove the temporary files."""
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
        nodata: the file's no-data number; NaN in the data becomes this. That of named classes is always 255.
        tags: provenance; every key is stored as FUSION_<KEY>. Grid and content digest are added.
        dtype: of the file; by default the smallest that holds all bands. Floats are rounded for an integer file.
            From `open_raster` bands come back with the type they had here.
        units: per band; by default the variables' `units` attribute.
        progress: called with (blocks done, blocks in all).
        directory: where the temporary directory is made; by default the system's (TMPDIR).
        region: polygon in degrees; valid shares count only pixels whose centre lies in it. By default all pixels.
        palettes: colours of bands. Classes are not averaged; with names, each band is a file of its own, of bytes.

    Returns:
        The finished raster; call `discard()` when it has been placed.

    Raises:
        FusionError: no bands, values that do not fit the dtype, or no room on the disk.
    """
    names, palettes = tuple(str(name) for name in dataset.data_vars), palettes or {}
    if not names:
        raise FusionError("a raster without bands", "at least one variable", "give the Dataset a variable per band")
    dataset = dataset[list(names)].transpose("y", "x").unify_chunks()
    grid = Grid.of(dataset)
    band_units = {name: (units or {}).get(name) or str(dataset[name].attrs.get("units", "")) for name in names}
    described = {str(key).lower(): str(value) for key, value in tags.items()}
    described |= {"crs": grid.crs, "grid_digest": grid.digest}
    digests: dict[str, str] = {}
    stats: dict[str, dict[str, Any]] = {}
    small: dict[str, np.ndarray] = {}
    with rasterio.Env(**GDAL_OPTIONS, GDAL_NUM_THREADS=threads()), _workspace(directory) as work:
        parts = parts_of(work, dataset, palettes, nodata, dtype)
        _check_space(work, grid.height * grid.width * sum(part.pixel_bytes for part in parts))
        _write_blocks(parts, grid, dataset, progress)
        main, *classes = parts
        for part in (*classes, main):
            with rasterio.open(part.plain, "r+") as target:
                digest, found = contents(target, grid, part.bands, band_units, region)
                if part is main:
                    described |= {CLASSES_KEY: json.dumps(digests)} if digests else {}
                    described["content_digest"] = digest_of_all(digest, digests)
                else:
                    digests[part.bands[0]] = digest
                told = described if part is main else described | {"content_digest": digest}
                target.update_tags(**{TAG_PREFIX + key.upper(): value for key, value in told.items()})
                if is_marked(told):
                    target.update_tags(TIFFTAG_IMAGEDESCRIPTION=NOTICE)
                for index, name in enumerate(part.bands, start=1):
                    target.set_band_description(index, name)
                    target.set_band_unit(index, band_units[name])
                    target.update_tags(index, **{DTYPE_TAG: str(dataset[name].dtype)}, **gdal_statistics(found[name]))
            part.finish()
            stats |= found
            small |= preview(part.cog, palettes)
    return RasterFile(
        path=main.cog,
        digest=described["content_digest"],
        grid=grid,
        bands=names,
        tags=described,
        stats={name: stats[name] for name in names},
        preview={name: small[name] for name in names},
        palettes=palettes,
        classes={part.bands[0]: part.cog for part in classes},
    )


def _check_space(work: Path, pixel_bytes: int) -> None:
    free = shutil.disk_usage(work).free
    needed = 8 / 3 * pixel_bytes  # the plain file and, at worst, as much again for the COG; overviews add a third
    if needed > free:
        raise FusionError(
            f"{work.parent} has {megabytes(free)} free",
            f"{megabytes(needed)} for the temporary raster",
            "free some space, or set TMPDIR to a larger disk",
        )


@contextmanager
def _workspace(directory: str | Path | None) -> Iterator[Path]:
    """Make a temporary directory that stays only when all goes well."""
    root = Path(directory or tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    sweep(root, f"{WORK_PREFIX}*")
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


def _workers() -> int:
    """Threads that will do the work: of the distributed cluster that is the default, else of this machine."""
    if "distributed" in sys.modules:
        from distributed import default_client

        try:
            return sum(default_client().nthreads().values()) or 1
        except ValueError:  # imported, but no client
            pass
    return threads()


def _write_blocks(
    parts: Sequence[Part], grid: Grid, dataset: xr.Dataset, progress: Callable[[int, int], None] | None
) -> None:
    """Compute the bands in batches of blocks, and write each block to the files it belongs in."""
    blocks = _blocks(dataset)
    rows, cols = max(blocks, key=lambda block: (block[0].stop - block[0].start) * (block[1].stop - block[1].start))
    block_bytes = (rows.stop - rows.start) * (cols.stop - cols.start) * sum(part.pixel_bytes for part in parts)
    in_flight = max(1, min(4 * _workers(), BATCH_BYTES // block_bytes))
    done = 0
    with ExitStack() as stack:
        targets = [(part, stack.enter_context(part.created(grid))) for part in parts]
        for batch in (blocks[start : start + in_flight] for start in range(0, len(blocks), in_flight)):
            lazy = [{str(name): band.data[place] for name, band in dataset.data_vars.items()} for place in batch]
            try:
                (computed,) = dask.compute(lazy)
            except GDAL_ERRORS as error:
                raise FusionError(
                    f"pixels could not be read: {error}", "whole source files", "check the files"
                ) from error
            for (rows, cols), block in zip(batch, computed, strict=True):
                for part, target in targets:
                    target.write(part.stored(block), window=Window.from_slices(rows, cols))
            done += len(batch)
            if progress:
                progress(done, len(blocks))
