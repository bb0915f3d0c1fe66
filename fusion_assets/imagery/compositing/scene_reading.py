"""Reading one band of one scene onto a grid: windows, no data, interpolation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from rasterio.windows import Window

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Places, outline_window
from fusion_assets.imagery.compositing.gdal import with_retries
from fusion_assets.imagery.compositing.headers import Header, holds, read_header, settled
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.storage.raster_files import check_window, open_file

_FILL = 1e30
_AT_ONCE = 4 << 20


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
        any_number: no stored number means no data: masks, whose every number is judged; never read from overviews.

    Returns:
        `(values, valid)`, each (height, width), or None when the file lies outside the grid altogether.

    Raises:
        UnreadableFile: after retries.
    """
    if header is None:
        header = read_header(file, grid, overviews=not any_number)
        file = file if any_number else settled(file, header)
    placement = (places or Places(grid)).nearest(header.lattice)
    if placement is None:
        return None
    data, observed = read_window(file.href, header, placement.window, with_mask=not any_number)
    valid = None if any_number else _valid(data, file, observed)
    there = np.ones(grid.shape, bool) if valid is None else placement.take(valid)
    if placement.inside is not None:
        there &= placement.inside
    return placement.take(data if dtype is None else data.astype(dtype, copy=False)), there


def read_bilinear(
    file: SceneFile, grid: Grid, *, header: Header | None = None, places: Places | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Physical values (scale and offset applied, float32) interpolated at each pixel centre, and where valid.

    A value is valid where every source pixel with a non-zero weight is; beyond the outermost pixel centres, but
    inside the file, the outermost value is kept. Arguments, returns and raises as `read_nearest`.
    """
    if header is None:
        header = read_header(file, grid)
        file = settled(file, header)
    placement = (places or Places(grid)).bilinear(header.lattice)
    if placement is None:
        return None
    data, observed = read_window(file.href, header, placement.window)
    valid = _valid(data, file, observed)
    physical = data * np.float64(file.scale) + file.offset
    if valid is not None:
        physical[~valid] = np.nan
    flat, total = physical.reshape(-1), np.zeros(grid.shape)
    for position, weight in placement.corners:
        total += flat.take(position) * weight
    total[~placement.inside] = np.nan
    return total.astype(np.float32), np.isfinite(total)


def read_part(file: SceneFile, grid: Grid, header: Header | None = None) -> None:
    """Decode every block that `grid` may need and keep nothing; raises UnreadableFile when any is damaged."""
    header = header or read_header(file, grid)
    needed = outline_window(header.lattice, grid) or (0, 0, header.lattice.height, header.lattice.width)
    row, col, height, width = needed
    # Whole blocks, about four million pixels at a time.
    high, wide = header.block
    wide *= max(1, _AT_ONCE // (high * wide))
    high *= max(1, _AT_ONCE // (high * max(min(width, wide), 1)))
    for top, bottom in _steps(row, height, high):
        for left, right in _steps(col, width, wide):
            read_window(file.href, header, (top, left, bottom - top, right - left))


def _steps(start: int, length: int, step: int) -> Iterator[tuple[int, int]]:
    """Pieces of a stretch, cut at multiples of `step`."""
    for edge in range(start // step * step, start + length, step) if length > 0 else ():
        yield max(edge, start), min(edge + step, start + length)


def read_window(
    href: str, header: Header, window: tuple[int, int, int, int], with_mask: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Stored numbers of a part of a file, and where its mask or alpha band says there is data (None: it has none)."""
    row, col, height, width = window

    def read() -> tuple[np.ndarray, np.ndarray | None]:
        options: dict[str, Any] = {} if header.level is None else {"overview_level": header.level}
        if header.driver == "GTiff":
            # The header has told where the pixels lie. Not asking again saves 0.4 ms, mostly spent alone under a lock.
            options["GEOREF_SOURCES"] = "NONE"
        with open_file(href, (header.driver,), **options) as source:
            check_window(href, height, width, header.dtype.itemsize)
            part = Window(col, row, width, height)
            observed = source.read_masks(header.band, window=part) > 0 if header.masked and with_mask else None
            return source.read(header.band, window=part), observed

    return with_retries(href, read)


def _valid(values: np.ndarray, file: SceneFile, observed: np.ndarray | None) -> np.ndarray | None:
    """Where numbers are data; None when that is everywhere."""
    valid = np.isfinite(values) if values.dtype.kind == "f" else None
    for number in (file.nodata, file.unobserved):
        if number is None or math.isnan(number) or not holds(values.dtype, number):
            continue
        if math.isinf(number):
            # What GDAL makes of a declared number that single precision cannot hold; the fill may be the next that can.
            valid = np.abs(values) < _FILL if valid is None else valid & (np.abs(values) < _FILL)
            continue
        exact = int(number) if values.dtype.kind in "iu" else number
        different = values != values.dtype.type(exact)
        if values.dtype == np.float64:
            # Written from single precision, as many files are.
            different &= values != np.float64(np.float32(number))
        if values.dtype.kind == "f" and abs(number) >= _FILL:
            # Fill of this size is declared in rounded decimals, and nothing measured comes near it.
            different &= np.abs(values) < _FILL
        valid = different if valid is None else valid & different
    if observed is not None:
        valid = observed if valid is None else valid & observed
    return valid
