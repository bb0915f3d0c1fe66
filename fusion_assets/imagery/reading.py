"""Reading one band of one scene onto a grid: files, overviews, no-data, retries.

What does not belong here: where a grid's pixels fall in a file (`placement.py`), which pixels are clear and how scenes
are reduced (`composite.py`).
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import rasterio
import rasterio.windows
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from fusion_assets.errors import FusionError
from fusion_assets.imagery.addresses import public_url
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.placement import Lattice, Places, is_geographic, outline_window
from fusion_assets.imagery.scenes import SceneFile

ATTEMPTS = 3
_PAUSE_SECONDS = 0.2
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "CPL_VSIL_CURL_CACHE_SIZE": 128_000_000,
    # Bytes, for all threads together: a file's blocks are kept only while one window of it is read.
    "GDAL_CACHEMAX": 64 << 20,
}
_T = TypeVar("_T")

# Files without a CRS are refused when their header is read; see `_read_window`.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module=r"rasterio$")


class UnreadableFile(FusionError):
    """A scene file that could not be read, after retries. `href` says which."""

    def __init__(self, href: str, reason: str) -> None:
        self.href, self.reason = href, reason
        super().__init__(
            f"{public_url(href)} cannot be read after {ATTEMPTS} attempts: {reason}",
            "a complete GeoTIFF",
            "restore the file, or raise `max_unreadable_share` in the study to go on without such scenes",
        )

    def __reduce__(self) -> tuple:
        """Rebuild from its parts, so that it crosses process boundaries."""
        return type(self), (self.href, self.reason)


@dataclass(frozen=True)
class Header:
    """What a file says about itself, at the overview level that suits a grid.

    Attributes:
        lattice: CRS, transform and size at that level.
        dtype: of the stored numbers.
        nodata: the file's own tag.
        block: (height, width) of the blocks it is compressed in.
        level: overview to read; None for full resolution.
        driver: GDAL's name of the format.
    """

    lattice: Lattice
    dtype: np.dtype
    nodata: float | None
    block: tuple[int, int]
    level: int | None
    driver: str


@contextlib.contextmanager
def gdal_environment(requester_pays: bool = False) -> Iterator[None]:
    """GDAL settings for many small windowed reads, local or over HTTP; they hold for the calling thread."""
    extra = {"AWS_REQUEST_PAYER": "requester"} if requester_pays else {}
    with rasterio.Env(**_GDAL, **extra):
        yield


def read_header(file: SceneFile, grid: Grid, overviews: bool = True) -> Header:
    """Describe a file at the coarsest overview that is still at least as fine as `grid`; truncated files are refused.

    Args:
        file: to describe.
        grid: to read it onto.
        overviews: False describes full resolution always.

    Raises:
        UnreadableFile: after retries.
    """

    def describe() -> Header:
        with rasterio.open(file.href) as source:
            _check_length(source, file.href)
            level = _overview_level(source, grid) if overviews else None
            if level is None:
                return _header(source, None)
        with rasterio.open(file.href, overview_level=level) as source:
            return _header(source, level)

    return _with_retries(file.href, describe)


def read_nearest(
    file: SceneFile,
    grid: Grid,
    dtype: np.dtype | None = None,
    *,
    header: Header | None = None,
    places: Places | None = None,
    any_number: bool = False,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Stored numbers at each pixel centre of `grid`, and where there are any.

    Args:
        file: what to read; its scale and offset are not applied.
        grid: where to; when its pixels are larger than the file's, the overview next finer than them is read.
        dtype: of the result; the file's own when None.
        header: of the file for this grid's resolution, when it is known already.
        places: of the grid, shared between files.
        any_number: no stored number means no data: masks, whose every number is judged.

    Returns:
        `(values, valid)`, each (height, width), or None when the file lies outside the grid altogether.

    Raises:
        UnreadableFile: after retries.
    """
    header = header or read_header(file, grid)
    found = (places or Places(grid)).nearest(header.lattice)
    if found is None:
        return None
    data = _read_window(file.href, header, found.window)
    valid = None if any_number else _valid(data, file.nodata_given(header.nodata))
    known = np.ones(grid.shape, bool) if valid is None else found.take(valid)
    if found.inside is not None:
        known &= found.inside
    return found.take(data if dtype is None else data.astype(dtype, copy=False)), known


def read_bilinear(
    file: SceneFile, grid: Grid, *, header: Header | None = None, places: Places | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Physical values (scale and offset applied, float32) interpolated at each pixel centre, and where valid.

    A value is valid where every source pixel with a non-zero weight is; beyond the outermost pixel centres, but
    inside the file, the outermost value is kept. Arguments, returns and raises as `read_nearest`.
    """
    header = header or read_header(file, grid)
    found = (places or Places(grid)).bilinear(header.lattice)
    if found is None:
        return None
    data = _read_window(file.href, header, found.window)
    valid = _valid(data, file.nodata_given(header.nodata))
    physical = data * np.float64(file.scale) + file.offset
    if valid is not None:
        physical[~valid] = np.nan
    flat, total = physical.reshape(-1), np.zeros(grid.shape)
    for position, weight in found.corners:
        total += flat.take(position) * weight
    total[~found.inside] = np.nan
    return total.astype(np.float32), np.isfinite(total)


def read_part(file: SceneFile, grid: Grid) -> None:
    """Decode every block that `grid` may need and keep nothing; raises UnreadableFile when any is damaged."""
    header = read_header(file, grid)
    needed = outline_window(header.lattice, grid) or (0, 0, header.lattice.height, header.lattice.width)
    row, col, height, width = needed
    # Whole blocks, about four million pixels at a time.
    step = max(1, (4 << 20) // (header.block[0] * max(width, 1))) * header.block[0]
    for top in range(row // step * step, row + height, step):
        first, last = max(top, row), min(top + step, row + height)
        if width > 0:
            _read_window(file.href, header, (first, col, last - first, width))


def _read_window(href: str, header: Header, window: tuple[int, int, int, int]) -> np.ndarray:
    row, col, height, width = window

    def read() -> np.ndarray:
        options: dict[str, Any] = {} if header.level is None else {"overview_level": header.level}
        if header.driver == "GTiff":
            # The header has told where the pixels lie. Not asking again saves 0.4 ms, mostly spent alone under a lock.
            options["GEOREF_SOURCES"] = "NONE"
        with rasterio.open(href, driver=header.driver, **options) as source:
            return source.read(1, window=rasterio.windows.Window(col, row, width, height))

    return _with_retries(href, read)


def _with_retries(href: str, read: Callable[[], _T]) -> _T:
    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return read()
        except (RasterioError, OSError, ValueError) as error:
            reason = str(error.__cause__ or error).replace(href, public_url(href)).strip() or type(error).__name__
        if attempt < ATTEMPTS:
            time.sleep(_PAUSE_SECONDS * attempt)
    # Outside the handler: GDAL's own errors cannot be pickled, and a cluster would lose ours with them.
    raise UnreadableFile(href, reason)


def _valid(values: np.ndarray, nodata: float | None) -> np.ndarray | None:
    """Where numbers are data; None when that is everywhere."""
    floats = values.dtype.kind == "f"
    valid = np.isfinite(values) if floats else None
    if nodata is None or not math.isfinite(nodata):
        return valid
    if floats:
        return valid & (values != values.dtype.type(nodata))
    limits = np.iinfo(values.dtype)
    if not (limits.min <= nodata <= limits.max and float(nodata).is_integer()):
        return None
    return values != values.dtype.type(int(nodata))


def _header(source: rasterio.DatasetReader, level: int | None) -> Header:
    if source.crs is None:
        raise ValueError("it has no coordinate reference system")
    lattice = Lattice(_crs_text(source.crs.to_wkt()), source.transform, source.height, source.width)
    dtype = np.dtype(source.dtypes[0])
    return Header(lattice, dtype, source.nodata, tuple(source.block_shapes[0]), level, source.driver)


def _check_length(source: rasterio.DatasetReader, href: str) -> None:
    """Refuse a local TIFF that ends before its last block, whether or not that block will be needed."""
    if source.driver != "GTiff" or not os.path.isfile(href):
        return
    height, width = source.block_shapes[0]
    block = f"{(source.width - 1) // width}_{(source.height - 1) // height}"
    offset, size = (source.get_tag_item(f"BLOCK_{what}_{block}", "TIFF", bidx=1) for what in ("OFFSET", "SIZE"))
    end, length = int(offset or 0) + int(size or 0), os.path.getsize(href)
    if end > length:
        raise ValueError(f"it is truncated: it has {length} bytes, and its last block ends at {end}")


@functools.lru_cache(maxsize=256)
def _crs_text(wkt: str) -> str:
    return rasterio.CRS.from_wkt(wkt).to_string()


def _overview_level(source: rasterio.DatasetReader, grid: Grid) -> int | None:
    factors = source.overviews(1)
    ratio = grid.resolution / abs(source.transform.a)
    fitting = [level for level, factor in enumerate(factors) if factor <= ratio * (1 + 1e-9)]
    if not fitting or source.crs is None or is_geographic(source.crs.to_wkt()) != is_geographic(grid.crs):
        return None
    return fitting[-1]
