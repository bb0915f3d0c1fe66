"""The way out without a bucket: pixels asked for tile by tile, lazily and several at once."""

from __future__ import annotations

import functools
import io
import itertools
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid, rows_and_columns
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read
from fusion_assets.imagery.engines.earth_engine.expressions import NO_DATA, Plan, composite_image, crs_text
from fusion_assets.imagery.engines.services import Undocumented

MOST_BYTES = 40 << 20
"""Of one request; Earth Engine allows 48 MB."""
MOST_EDGE = 8192
"""Pixels along an edge; Earth Engine allows 32,768."""
MOST_OBSERVATIONS = 2e9
"""Working pixels times scenes and bands of one request: more would not be computed within its five minutes."""
_AT_ONCE = 16
_SERIALIZE = threading.Lock()
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def tile_edge(plan: Plan) -> int:
    """Edge of a tile in pixels of the grid, so that one request stays within the limits."""
    k, bands = plan.recipe.subdivision, len(plan.bands)
    by_bytes = math.isqrt(MOST_BYTES // (4 * bands))
    by_work = math.isqrt(int(MOST_OBSERVATIONS / (k * k * bands * max(plan.scene_count, 1))))
    return max(1, min(by_bytes, by_work, MOST_EDGE))


def is_small(plan: Plan) -> bool:
    """Whether one request answers it."""
    return max(plan.grid.shape) <= tile_edge(plan)


def lazy_pixels(plan: Plan, connection: Connection) -> xr.Dataset:
    """The composite, fetched when it is computed: a dask block is a square of tiles that are asked for at once."""
    edge = tile_edge(plan)
    step = edge * math.isqrt(_AT_ONCE)
    fetch = dask.delayed(_fetch_block, pure=False)
    shared = dask.delayed((plan, connection, edge), pure=False, traverse=False)

    def line(row: int, height: int) -> list[da.Array]:
        return [
            da.from_delayed(
                fetch(shared, (row, col, height, width)), (len(plan.bands), height, width), np.dtype(np.float32)
            )
            for col, width in _pieces(plan.grid.width, step)
        ]

    stack = da.block([line(row, height) for row, height in _pieces(plan.grid.height, step)])
    return plan.grid.dataset({name: stack[i] for i, name in enumerate(plan.bands)})


def _pieces(length: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(step, length - start)) for start in range(0, length, step)]


def _fetch_block(shared: tuple[Plan, Connection, int], block: tuple[int, int, int, int]) -> np.ndarray:
    (plan, connection, edge), (top, left, height, width) = shared, block
    out = np.empty((len(plan.bands), height, width), np.float32)

    def fill(tile: tuple[tuple[int, int], tuple[int, int]]) -> None:
        (row, tall), (col, wide) = tile
        window = plan.grid.window(top + row, left + col, tall, wide)
        out[:, row : row + tall, col : col + wide] = fetch(plan, window, connection)

    tiles = list(itertools.product(_pieces(height, edge), _pieces(width, edge)))
    with ThreadPoolExecutor(min(len(tiles), _AT_ONCE)) as pool:
        list(pool.map(fill, tiles))
    return out


def fetch(plan: Plan, window: Grid, connection: Connection) -> np.ndarray:
    """Pixels of a part of the grid: (bands, height, width) float32 with NaN for no data."""
    connection.open()
    return fetch_image(image_of(plan), plan.bands, window, connection, plan.product)


def fetch_image(image: Any, bands: Sequence[str], window: Grid, connection: Connection, what: str) -> np.ndarray:
    """Pixels of an image, (bands, height, width) float32 with NaN for no data.

    Args:
        image: `ee.Image`, `NO_DATA` where masked.
        bands: its bands.
        window: grid to fetch, within the limits of one request.
        connection: to ask.
        what: for messages.
    """
    import ee

    connection.open()
    a, b, c, d, e, f = window.transform[:6]
    affine = {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}
    grid = {
        "dimensions": {"width": window.width, "height": window.height},
        "affineTransform": affine,
        "crsCode" if window.crs.startswith("EPSG:") else "crsWkt": crs_text(window),
    }
    request = {"expression": image, "fileFormat": "NPY", "grid": grid}
    about = f"fetching {what}, {rows_and_columns(*window.shape)} at {c:g}, {f:g}"
    answer: Callable[[], Any] = functools.partial(ee.data.computePixels, request)
    content = connection.ask(answer, about)
    layers = read(lambda: _layers(content, bands, window), about)
    pixels = np.stack([layers[name] for name in bands]).astype(np.float32)
    return np.where(pixels > NO_DATA / 2, pixels, np.float32(np.nan))


def _layers(content: bytes, bands: Sequence[str], window: Grid) -> np.ndarray:
    """Pixels of an answer; numpy's own reader takes the memory that a header asks for.

    Raises:
        ValueError: they are not what was asked for.
    """
    whole = io.BytesIO(content)
    shape, by_column, kinds = _HEADERS[np.lib.format.read_magic(whole)](whole)
    numbers = [kinds[name] for name in bands]
    if shape != window.shape or by_column or not all(kind.kind in "iuf" and not kind.shape for kind in numbers):
        raise Undocumented("other pixels than were asked for")
    return np.frombuffer(content, kinds, offset=whole.tell()).reshape(shape)


@functools.lru_cache(maxsize=8)
def image_of(plan: Plan) -> Any:
    """The composite as Earth Engine is asked for it, kept for the tiles that follow."""
    with _SERIALIZE:
        return read(lambda: composite_image(plan).unmask(NO_DATA, False).toFloat(), f"a composite of {plan.product}")
