"""From stored series to what estimators take, and back: samples, blocks, dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.cubes import FLAG
from fusion_assets.systems.ndvi.gap_filling.series import Series
from fusion_assets.systems.ndvi.observations import INDEX

LAYERS = {"ndvi": INDEX, "low": INDEX, "high": INDEX, "source": FLAG}
"""Layers of the filled series, and how each is stored."""
SOURCES = ("no_data", "observed", "radar", "interpolated")
MOST_BLOCKS = 24
"""Blocks of a large region that samples come from: each is read whole."""


def series_of(bands: Sequence[np.ndarray], times: dict[str, np.ndarray]) -> Series:
    """NDVI, VV and VH, (time, ...) each, as a `Series`, pixels in one row."""
    ndvi, vv, vh = map(_flat, bands)
    return Series(
        time=times["time"],
        ndvi=ndvi,
        radar_time=times["radar_time"],
        vv=vv,
        vh=vh,
        orbit=times["orbit"],
    )


def _flat(values: np.ndarray) -> np.ndarray:
    """(time, ...) as (time, pixels), also where there is no time."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def times_of(clear: xr.Dataset, radar: xr.Dataset | None) -> dict[str, np.ndarray]:
    """Days of both series, and orbits."""
    nothing = np.array([], "datetime64[D]")
    return {
        "time": clear["time"].values.astype("datetime64[D]"),
        "radar_time": nothing if radar is None else radar["time"].values.astype("datetime64[D]"),
        "orbit": np.array([], np.int32) if radar is None else radar["orbit"].values,
    }


def sampled(clear: xr.Dataset, radar: xr.Dataset | None, polygon: BaseGeometry, count: int, seed: int = 0) -> Series:
    """A random sample of the region's pixels, from at most `MOST_BLOCKS` blocks.

    Args:
        clear: stored NDVI.
        radar: stored backscatter, or None.
        polygon: outline in degrees; pixels outside are not sampled.
        count: at most so many pixels.
        seed: the same seed samples the same pixels.

    Raises:
        FusionError: nothing was ever clear.
    """
    rng, times = np.random.default_rng(seed), times_of(clear, radar)
    bands = _arrays(clear, radar)
    grid = Grid.of(clear)
    inside = grid.inside(polygon)
    corners = [(i, j) for i in range(bands[0].numblocks[1]) for j in range(bands[0].numblocks[2])]
    tops, lefts = (np.cumsum([0, *chunks]) for chunks in bands[0].chunks[1:])
    chosen = [corners[k] for k in sorted(rng.permutation(len(corners)))]
    chosen = [(i, j) for i, j in chosen if inside[tops[i] : tops[i + 1], lefts[j] : lefts[j + 1]].any()]
    if len(chosen) > MOST_BLOCKS:
        chosen = [chosen[k] for k in sorted(rng.choice(len(chosen), MOST_BLOCKS, replace=False))]
    parts: list[list[np.ndarray]] = []
    for i, j in chosen:
        block = dask.compute(*(band.blocks[0, i, j] for band in bands))
        pixels = inside[tops[i] : tops[i + 1], lefts[j] : lefts[j + 1]] & np.isfinite(block[0]).any(axis=0)
        places = np.flatnonzero(pixels)
        places = np.sort(rng.permutation(places)[: -(-count // len(chosen))])
        parts.append([_flat(each)[:, places] for each in block])
    together = [np.concatenate(each, axis=1) for each in zip(*parts, strict=True)]
    if not together or not together[0].size:
        raise FusionError(
            "no pixel of the region was clear on any date",
            "clear observations to learn from",
            "widen margin_days, allow more classes (ndvi.sentinel2.mask), or leave this year out of ndvi.years",
        )
    return series_of(together, times)


def target_days(clear: xr.Dataset, year: int, every: int | None) -> np.ndarray:
    """Days to fill, datetime64[D]: those of Sentinel-2 in a year, or every so many from 1 January.

    Raises:
        FusionError: no date of Sentinel-2 in the year.
    """
    first, last = np.datetime64(f"{year}-01-01"), np.datetime64(f"{year}-12-31")
    if every is not None:
        return np.arange(first, last + 1, every)
    days = np.unique(clear["time"].values.astype("datetime64[D]"))
    days = days[(days >= first) & (days <= last)]
    if not days.size:
        raise FusionError(
            f"no Sentinel-2 scene of {year}, only of its neighbours",
            "dates to fill",
            "set ndvi.every_days, or leave this year out of ndvi.years",
        )
    return days


def filled(fitted: Any, clear: xr.Dataset, radar: xr.Dataset | None, days: np.ndarray) -> xr.Dataset:
    """Gap-free NDVI on `days`, lazily, block by block.

    Args:
        fitted: a fitted estimator.
        clear: stored NDVI.
        radar: stored backscatter, or None.
        days: datetime64[D].

    Returns:
        (time, y, x): `ndvi`, `low` and `high` (90 % interval) float32, `source` uint8 (see `SOURCES`).
    """
    bands, times = _arrays(clear, radar), times_of(clear, radar)
    shared = dask.delayed((fitted, times, days), pure=False, traverse=False)
    fill = dask.delayed(_fill, pure=False, nout=len(LAYERS))
    rows, cols = bands[0].chunks[1:]
    kinds = [np.dtype(np.uint8 if encoding is FLAG else np.float32) for encoding in LAYERS.values()]

    def block(i: int, j: int) -> list[da.Array]:
        made = fill(shared, *(band.blocks[0, i, j] for band in bands))
        shape = len(days), rows[i], cols[j]
        return [da.from_delayed(made[k], shape, kind) for k, kind in enumerate(kinds)]

    lines = [[block(i, j) for j in range(len(cols))] for i in range(len(rows))]
    layers = [da.block([[[each[k] for each in line] for line in lines]]) for k in range(len(kinds))]
    result = xr.Dataset(
        {name: (("time", "y", "x"), layer) for name, layer in zip(LAYERS, layers, strict=True)},
        {"time": days.astype("datetime64[ns]"), "y": clear["y"], "x": clear["x"]},
    )
    about = {"standard_name": "normalized_difference_vegetation_index", "units": "1"}
    result["ndvi"].attrs |= about | {"ancillary_variables": "low high source"}
    result["low"].attrs |= about | {"long_name": "lower end of the 90 % interval"}
    result["high"].attrs |= about | {"long_name": "upper end of the 90 % interval"}
    result["source"].attrs |= {
        "long_name": "what the value rests on",
        "flag_values": np.arange(len(SOURCES), dtype=np.uint8),
        "flag_meanings": " ".join(SOURCES),
    }
    grid = Grid.of(clear)
    return result.rio.write_crs(grid.crs).rio.write_transform(grid.transform)


def _fill(shared: tuple[Any, dict[str, np.ndarray], np.ndarray], *bands: np.ndarray) -> tuple[np.ndarray, ...]:
    """One block: the estimator's four layers, each (time, y, x)."""
    fitted, times, days = shared
    estimate = fitted.fill(series_of(bands, times), days)
    shape = len(days), *bands[0].shape[1:]
    layers = (estimate.ndvi, estimate.low, estimate.high, estimate.source)
    return tuple(np.ascontiguousarray(layer.reshape(shape)) for layer in layers)


def _arrays(clear: xr.Dataset, radar: xr.Dataset | None) -> list[da.Array]:
    """NDVI, VV and VH with all dates in a block, in the same blocks; radar without dates where there is none."""
    ndvi = da.asarray(clear["ndvi"].data).rechunk({0: -1})
    blocks = ndvi.chunks[1:]
    if radar is None or not radar.sizes["time"]:
        none = da.zeros((0, *ndvi.shape[1:]), dtype=np.float32, chunks=(1, *blocks))
        return [ndvi, none, none]
    return [ndvi, *(da.asarray(radar[name].data).rechunk((-1, *blocks)) for name in ("VV", "VH"))]


def share_of_sources(source: xr.DataArray) -> dict[str, float]:
    """Share of all values by source, counted block by block."""
    counts = da.asarray(source.data).map_blocks(
        lambda block: np.bincount(block.reshape(-1), minlength=len(SOURCES))[None, None], chunks=(1, 1, len(SOURCES))
    )
    total = np.asarray(counts.sum(axis=(0, 1)).compute(), float)
    total = total.reshape(-1, len(SOURCES)).sum(axis=0)
    return dict(zip(SOURCES, (total / max(total.sum(), 1)).tolist(), strict=True))
