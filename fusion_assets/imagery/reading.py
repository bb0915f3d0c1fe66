"""Reading one band of one scene onto a grid, exactly.

Nearest neighbour follows the pixel-centre rule with an exact transform at every pixel centre: GDAL's warper
approximates the transform by default, which moves 0.4 % of nearest-neighbour pixels. What does not belong here:
which pixels are clear and how scenes are reduced (`composite.py`).
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyproj
import rasterio
import rasterio.windows
from affine import Affine
from rasterio.errors import RasterioError

from fusion_assets.errors import FusionError
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.storage import public_url

ATTEMPTS = 3
_PAUSE_SECONDS = 0.2
# A centre that falls on a pixel edge belongs to the pixel right of and below it, whatever rounding says.
_EDGE = 1e-8
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "CPL_VSIL_CURL_CACHE_SIZE": 128_000_000,
    "GDAL_CACHEMAX": 256,
}


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
class Placement:
    """Which source pixels a grid's pixel centres fall on.

    Attributes:
        rows: source row of each pixel centre, in pixels from the upper edge; (h,) when separable, else (h, w).
        cols: source column likewise; (w,) when separable, else (h, w).
    """

    rows: np.ndarray
    cols: np.ndarray

    @property
    def separable(self) -> bool:
        """Whether rows depend on y alone and columns on x alone (same CRS, both north-up)."""
        return self.rows.ndim == 1


@contextlib.contextmanager
def gdal_environment(requester_pays: bool = False) -> Iterator[None]:
    """GDAL settings for many small windowed reads, local or over HTTP."""
    extra = {"AWS_REQUEST_PAYER": "requester"} if requester_pays else {}
    with rasterio.Env(**_GDAL, **extra):
        yield


def read_nearest(file: SceneFile, grid: Grid, dtype: np.dtype | None = None) -> tuple[np.ndarray, np.ndarray] | None:
    """Stored numbers at each pixel centre of `grid`, and where there are any.

    Args:
        file: what to read; its scale and offset are not applied.
        grid: where to; when its pixels are larger than the file's, the overview next finer than them is read.
        dtype: of the result; the file's own when None.

    Returns:
        `(values, valid)`, each (height, width), or None when the file lies outside the grid altogether.

    Raises:
        UnreadableFile: after retries.
    """
    return _with_retries(file.href, functools.partial(_read_nearest, file, grid, dtype))


def read_bilinear(file: SceneFile, grid: Grid) -> tuple[np.ndarray, np.ndarray] | None:
    """Physical values (scale and offset applied, float32) interpolated at each pixel centre, and where valid.

    A value is valid where every source pixel with a non-zero weight is; beyond the outermost pixel centres, but
    inside the file, the outermost value is kept. Returns and raises as `read_nearest`.
    """
    return _with_retries(file.href, functools.partial(_read_bilinear, file, grid))


def stored_dtype(file: SceneFile) -> np.dtype:
    """Dtype of the numbers in a file."""

    def read() -> np.dtype:
        with rasterio.open(file.href) as source:
            return np.dtype(source.dtypes[0])

    return _with_retries(file.href, read)


def read_everything(file: SceneFile) -> None:
    """Decode every block once and keep nothing; raises UnreadableFile when any of them is damaged."""

    def decode() -> None:
        with rasterio.open(file.href) as source:
            for _, window in source.block_windows(1):
                source.read(1, window=window)

    _with_retries(file.href, decode)


def source_grid(file: SceneFile) -> tuple[str, Affine]:
    """CRS and affine transform of a file."""

    def describe() -> tuple[str, Affine]:
        with rasterio.open(file.href) as source:
            return source.crs.to_string(), source.transform

    return _with_retries(file.href, describe)


def _with_retries(href: str, read):  # noqa: ANN001, ANN202
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return read()
        except (RasterioError, OSError, ValueError) as error:
            if attempt == ATTEMPTS:
                cause = str(error.__cause__ or error).replace(href, public_url(href)).strip()
                raise UnreadableFile(href, cause or type(error).__name__) from None
            time.sleep(_PAUSE_SECONDS * attempt)


def _read_nearest(file: SceneFile, grid: Grid, dtype: np.dtype | None) -> tuple[np.ndarray, np.ndarray] | None:
    with _open(file.href, grid) as source:
        nodata = file.nodata_given(source.nodata)
        placed = placement(grid, source.crs.to_string(), source.transform)
        rows, cols = (np.floor(axis + _EDGE).astype(np.int64) for axis in (placed.rows, placed.cols))
        inside_rows, inside_cols = (rows >= 0) & (rows < source.height), (cols >= 0) & (cols < source.width)
        if not (inside_rows.any() and inside_cols.any()):
            return None
        row0, row1 = rows[inside_rows].min(), rows[inside_rows].max() + 1
        col0, col1 = cols[inside_cols].min(), cols[inside_cols].max() + 1
        data = source.read(1, window=rasterio.windows.Window(col0, row0, col1 - col0, row1 - row0), out_dtype=dtype)
    if placed.separable:
        inside = inside_rows[:, None] & inside_cols[None, :]
        if inside.all() and data.shape == grid.shape:
            values = data
        else:
            values = data[np.ix_(np.clip(rows - row0, 0, row1 - row0 - 1), np.clip(cols - col0, 0, col1 - col0 - 1))]
    else:
        inside = inside_rows & inside_cols
        values = data[np.where(inside, rows - row0, 0), np.where(inside, cols - col0, 0)]
    return values, _valid(values, nodata) & inside


def _read_bilinear(file: SceneFile, grid: Grid) -> tuple[np.ndarray, np.ndarray] | None:
    with _open(file.href, grid) as source:
        nodata = file.nodata_given(source.nodata)
        height, width = source.height, source.width
        placed = placement(grid, source.crs.to_string(), source.transform)
        rows, cols = (
            np.broadcast_arrays(placed.rows, placed.cols)
            if not placed.separable
            else np.meshgrid(placed.rows, placed.cols, indexing="ij")
        )
        inside = (rows >= -_EDGE) & (rows <= height + _EDGE) & (cols >= -_EDGE) & (cols <= width + _EDGE)
        if not inside.any():
            return None
        # Centre coordinates: source pixel i has its centre at i + 0.5.
        rows, cols = np.clip(rows - 0.5, 0, height - 1), np.clip(cols - 0.5, 0, width - 1)
        row0, row1 = int(rows[inside].min()), min(int(rows[inside].max()) + 2, height)
        col0, col1 = int(cols[inside].min()), min(int(cols[inside].max()) + 2, width)
        data = source.read(1, window=rasterio.windows.Window(col0, row0, col1 - col0, row1 - row0))
    known = _valid(data, nodata)
    physical = np.where(known, data * np.float64(file.scale) + file.offset, 0.0)
    rows, cols = np.where(inside, rows - row0, 0), np.where(inside, cols - col0, 0)
    top, left = np.floor(rows + _EDGE).astype(np.int64), np.floor(cols + _EDGE).astype(np.int64)
    down, right = np.clip(rows - top, 0, 1), np.clip(cols - left, 0, 1)
    total, valid = np.zeros(grid.shape), inside.copy()
    for dy, wy in ((0, 1 - down), (1, down)):
        for dx, wx in ((0, 1 - right), (1, right)):
            weight = wy * wx
            r, c = np.minimum(top + dy, row1 - row0 - 1), np.minimum(left + dx, col1 - col0 - 1)
            total += weight * physical[r, c]
            valid &= known[r, c] | (weight <= _EDGE)
    return np.where(valid, total, np.nan).astype(np.float32), valid


def _valid(values: np.ndarray, nodata: float | None) -> np.ndarray:
    valid = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    return valid if nodata is None or math.isnan(nodata) else valid & (values != nodata)


def _open(href: str, grid: Grid) -> rasterio.DatasetReader:
    """Open a file, at the coarsest overview that is still at least as fine as the grid."""
    source = rasterio.open(href)
    if source.crs is None:
        source.close()
        raise ValueError("it has no coordinate reference system")
    level = _overview_level(source, grid)
    if level is None:
        return source
    source.close()
    return rasterio.open(href, overview_level=level)


def _overview_level(source: rasterio.DatasetReader, grid: Grid) -> int | None:
    factors = source.overviews(1)
    if not factors or pyproj.CRS(source.crs).is_geographic != pyproj.CRS(grid.crs).is_geographic:
        return None
    ratio = grid.resolution / abs(source.transform.a)
    fitting = [level for level, factor in enumerate(factors) if factor <= ratio * (1 + 1e-9)]
    return fitting[-1] if fitting else None


@functools.lru_cache(maxsize=24)
def placement(grid: Grid, crs: str, transform: Affine) -> Placement:
    """Fractional source row and column of every pixel centre of `grid` in a raster of that CRS and transform."""
    x, y = grid.centres()
    if transform.b == 0 and transform.d == 0 and _same_crs(crs, grid.crs):
        return Placement((y - transform.f) / transform.e, (x - transform.c) / transform.a)
    xs, ys = np.meshgrid(x, y)
    if not _same_crs(crs, grid.crs):
        xs, ys = _transformer(grid.crs, crs).transform(xs, ys)
    xs, ys = np.where(np.isfinite(xs), xs, np.inf), np.where(np.isfinite(ys), ys, np.inf)
    inverse = ~transform
    with np.errstate(invalid="ignore"):
        cols = inverse.a * xs + inverse.b * ys + inverse.c if inverse.b else inverse.a * xs + inverse.c
        rows = inverse.d * xs + inverse.e * ys + inverse.f if inverse.d else inverse.e * ys + inverse.f
    # Points without an image in the source CRS land outside it.
    rows, cols = (np.where(np.isfinite(axis), axis, -1.0) for axis in (rows, cols))
    return Placement(rows, cols)


@functools.lru_cache(maxsize=64)
def _same_crs(one: str, other: str) -> bool:
    return pyproj.CRS(one).equals(pyproj.CRS(other), ignore_axis_order=True)


def _transformer(source: str, target: str) -> pyproj.Transformer:
    # Transformers are not safe to share between threads.
    return pyproj.Transformer.from_crs(source, target, always_xy=True)
