"""From imagery of a region to its map of zones: a network is asked for the 320 m around the middle of every cell.

A network with dense layers sees patches of one size, so it cannot be run over an image at once: patches are cut from
strips of rows, which are all that memory holds of the imagery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_classes import NO_CLASS
from fusion_assets.systems.climate_zones.channels import band_of
from fusion_assets.systems.climate_zones.legend import SIGNS, ZONES
from fusion_assets.systems.climate_zones.so2sat.cache import DARKEST_DB
from fusion_assets.systems.climate_zones.so2sat.layout import PIXEL_M, PIXELS, SEN1
from fusion_assets.systems.climate_zones.training import BATCH_ASKED

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.evaluation.held_out_calibration import Calibration

Ask = Callable[[np.ndarray], np.ndarray]
"""Patches (n, 32, 32, channels) to probabilities (n, 17)."""
LEAST_KNOWN = 0.9
"""Share of a patch's pixels that must be known in all channels; networks have learnt from patches without gaps."""
_STRIP = 16
"""Rows of cells that are read at once."""


def imagery_grid(grid: Grid) -> Grid:
    """The pixels of 10 m that the patches of a map's cells are made of; they reach beyond the map.

    Args:
        grid: of the map, its cells a multiple of 20 m up to 320 m, so that a patch has as many pixels on both sides.
    """
    split = _split(grid)
    margin = (PIXELS - split) // 2
    return grid.refine(split).window(
        -margin, -margin, grid.height * split + 2 * margin, grid.width * split + 2 * margin
    )


def zone_map(
    optics: xr.Dataset,
    radar: xr.Dataset | None,
    grid: Grid,
    inside: np.ndarray,
    ask: Ask,
    channels: Sequence[str],
    decibels: bool,
    calibration: Calibration | None,
) -> dict[str, np.ndarray]:
    """The zone of every cell and how sure it is.

    Args:
        optics: reflectance on `imagery_grid(grid)`.
        radar: backscatter in decibels on the same; None for a network that reads none.
        grid: of the map.
        inside: (height, width) cells of the region; others are not asked for.
        ask: the network.
        channels: that it reads, in its order.
        decibels: whether it has learnt from radar in decibels; else from linear intensities.
        calibration: of its probabilities; None where there is none: they are then as the network gives them.

    Returns:
        (height, width) each: `lcz`, 1 to 17, 255 for no data, uint8; and, float32 with NaN for none, `probability` of
        that zone, calibrated; `set_size`, zones in the calibrated set, where there is a calibration; `entropy` of the
        probabilities, from 0 (sure) to 1 (any zone).

    Raises:
        FusionError: imagery on another grid, or no cell with enough of it.
    """
    lcz = np.full(grid.shape, NO_CLASS, np.uint8)
    names = ("probability", "set_size", "entropy") if calibration else ("probability", "entropy")
    bands = {name: np.full(grid.shape, np.nan, np.float32) for name in names}
    for *at, patches in patches_of(optics, radar, grid, inside, channels, decibels):
        answer, place = np.asarray(ask(patches)), tuple(at)
        answer = calibration.probability(answer) if calibration else answer
        lcz[place] = answer.argmax(axis=1) + 1
        bands["probability"][place] = answer.max(axis=1)
        if calibration:
            bands["set_size"][place] = calibration.sets_of_calibrated(answer).sum(axis=1)
        bands["entropy"][place] = -(answer * np.log(np.maximum(answer, 1e-12))).sum(axis=1) / math.log(len(ZONES))
    if not (lcz != NO_CLASS).any():
        raise FusionError(
            "no cell of the region has imagery that is known in all channels",
            f"{LEAST_KNOWN:.0%} of the pixels of 320 m around a cell",
            "look at the imagery of this region and year: at its scenes, masks and season",
        )
    return {"lcz": lcz, **bands}


def patches_of(
    optics: xr.Dataset,
    radar: xr.Dataset | None,
    grid: Grid,
    wanted: np.ndarray,
    channels: Sequence[str],
    decibels: bool = True,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Patches around cells whose surroundings are known, some hundred at once, from strips of rows.

    Args:
        optics: as for `zone_map`, as are the others.
        radar: in decibels; None where no channel is of radar.
        grid: of the map.
        wanted: (height, width) cells.
        channels: of the patches, in this order.
        decibels: whether radar is given so; else as linear intensities.

    Yields:
        Rows and columns of cells, and their patches (n, 32, 32, channels) float32 without gaps.

    Raises:
        FusionError: imagery on another grid.
    """
    _check_grid(optics, radar, imagery_grid(grid))
    for first in range(0, grid.height, _STRIP):
        rows = slice(first, min(first + _STRIP, grid.height))
        if wanted[rows].any():
            values = _strip(optics, radar, rows, _split(grid), channels, decibels)
            for row, column, patches in _patches(values, wanted[rows], _split(grid)):
                yield row + first, column, patches


def about(bands: dict[str, np.ndarray], inside: np.ndarray) -> dict[str, Any]:
    """What a map comes to: `mapped`, share of the region's cells; share of every zone; mean set and probability."""
    known = bands["lcz"] != NO_CLASS
    count = np.bincount(bands["lcz"][known], minlength=len(ZONES) + 1)[1:]
    shares = {f"share_{sign}": float(n / known.sum()) for sign, n in zip(SIGNS, count, strict=True) if n}
    told = [name for name in ("set_size", "probability") if name in bands]
    means = {f"mean_{name}": float(bands[name][known].mean()) for name in told}
    return {"mapped": float(known[inside].mean()), **means, **shares}


def _split(grid: Grid) -> int:
    """Pixels along a cell."""
    split = round(grid.resolution / PIXEL_M)
    assert split * PIXEL_M == grid.resolution and split % 2 == 0 and split <= PIXELS, "the section allows no other"
    return split


def _check_grid(optics: xr.Dataset, radar: xr.Dataset | None, expected: Grid) -> None:
    for name, raster in (("optics", optics), ("radar", radar)):
        if raster is not None and Grid.of(raster).digest != expected.digest:
            raise FusionError(
                f"{name} on the grid {Grid.of(raster).digest}",
                f"{expected.digest}, which patches around all cells of the map are on",
                "make it anew: fusion run --select lcz_sentinel2,lcz_sentinel1",
            )


def _strip(
    optics: xr.Dataset, radar: xr.Dataset | None, rows: slice, split: int, channels: Sequence[str], decibels: bool
) -> np.ndarray:
    """Pixels of the patches of some rows of cells, (row, column, channel) float32, NaN where unknown."""
    part = slice(rows.start * split, rows.stop * split + PIXELS - split)
    size = part.stop - part.start, optics.sizes["x"]
    values = np.empty((*size, len(channels)), np.float32)
    for number, channel in enumerate(channels):
        of_radar = channel in SEN1
        raster = radar if of_radar else optics
        assert raster is not None, "a network that reads radar is given it"
        band = np.asarray(raster[band_of(channel)].isel(y=part).values, np.float32)
        if of_radar:
            band = np.maximum(band, np.float32(DARKEST_DB))  # NaN stays
            band = band if decibels else np.power(np.float32(10), band / np.float32(10))
        values[..., number] = band
    return values


def _patches(values: np.ndarray, inside: np.ndarray, split: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows and columns of the cells that are known enough, and their patches, some hundred at once."""
    windows = np.lib.stride_tricks.sliding_window_view
    known = np.isfinite(values).all(axis=-1)
    share = windows(known, (PIXELS, PIXELS))[::split, ::split].mean(axis=(2, 3))
    row, column = np.nonzero(inside & (share >= LEAST_KNOWN))
    every = windows(values, (PIXELS, PIXELS), axis=(0, 1))[::split, ::split]
    for first in range(0, len(row), BATCH_ASKED):
        part = slice(first, first + BATCH_ASKED)
        patches = np.ascontiguousarray(np.moveaxis(every[row[part], column[part]], 1, -1))
        yield row[part], column[part], _without_gaps(patches)


def _without_gaps(patches: np.ndarray) -> np.ndarray:
    """Patches whose unknown pixels have the mean of the known ones."""
    gaps = ~np.isfinite(patches)
    if not gaps.any():
        return patches
    mean = np.nanmean(np.where(gaps, np.nan, patches), axis=(1, 2), keepdims=True, dtype=np.float64)
    return np.where(gaps, mean, patches).astype(np.float32)
