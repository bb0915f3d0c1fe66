"""What the sensors saw, date by date: NDVI of Sentinel-2, and Sentinel-1 backscatter in decibels, with less speckle.

Speckle is filtered in linear power, orbit by orbit and polarisation by polarisation: decibels do not average, and
orbits see a place from different sides. Windows reach over the edges of pieces, so that tiling leaves no seams.

Source of the multitemporal filter: Quegan and Yu (2001), Filtering of multichannel SAR images, IEEE TGRS 39(11),
equation for uncorrelated channels: J_k = m_k / N * sum_i (I_i / m_i), where m is the local mean.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.timeseries import Treatment, dataset_of
from fusion_assets.storage.cubes import steps

Filter = Literal["multitemporal", "spatial", "none"]
NDVI, BANDS = "ndvi", ("VV", "VH")
INDEX, DECIBELS = steps(1e-4), steps(0.005)
"""How layers of NDVI and of backscatter are stored."""
PALETTES = {NDVI: "RdYlGn"}
_LEAST_POWER = 1e-6
"""-60 dB, below any sensor's noise."""


def clear_ndvi(optics: xr.Dataset) -> xr.Dataset:
    """NDVI = (B08 - B04) / (B08 + B04), float32 in [-1, 1], lazily.

    NaN where a band is, and where one is not above 0: an atmospheric correction that left less than nothing.

    Args:
        optics: (time, y, x) reflectance of B04 and B08, NaN where not clear.
    """
    red, near = optics["B04"], optics["B08"]
    ndvi = ((near - red) / (near + red)).where((red > 0) & (near > 0)).astype(np.float32)
    return ndvi.assign_attrs(standard_name="normalized_difference_vegetation_index", units="1").to_dataset(name=NDVI)


def treatment(unit: str, method: Filter, window: int) -> Treatment | None:
    """What makes decibels with less speckle of what an engine reads.

    Args:
        unit: of the product: `dB`, or `1` for linear power.
        method: see `section.Speckle`.
        window: edge in pixels, odd.
    """
    if unit == "dB" and method == "none":
        return None
    reach = 0 if method == "none" else window // 2
    return Treatment(functools.partial(_treated, unit=unit, method=method, window=window), reach)


def _treated(values: np.ndarray, orbits: np.ndarray, unit: str, method: Filter, window: int) -> np.ndarray:
    """All dates of a piece, (time, band, y, x), band by band in place."""
    if unit != "dB":
        with np.errstate(invalid="ignore"):
            values = decibels(np.where(values > 0, values, np.float32(np.nan)))
    if method != "none":
        for band in range(values.shape[1]):
            values[:, band] = filtered(values[:, band], orbits, method, window)
    return values


def decibels(power: np.ndarray) -> np.ndarray:
    """Decibels of linear power, float32."""
    return (10 * np.log10(power)).astype(np.float32)


def nothing(grid: Grid) -> xr.Dataset:
    """A series without dates."""
    empty = np.zeros((0, len(BANDS), *grid.shape), np.float32)
    return dataset_of(empty, BANDS, [], grid)


def filtered(values: np.ndarray, orbits: np.ndarray, method: Filter, window: int) -> np.ndarray:
    """One polarisation (time, y, x), dB to dB; NaN stays NaN and counts nowhere."""
    out = np.empty(values.shape, np.float32)
    for orbit in np.unique(orbits):
        layers = np.flatnonzero(orbits == orbit)
        total, count = np.zeros(values.shape[1:], np.float32), np.zeros(values.shape[1:], np.float32)
        for layer in layers:
            power = np.power(np.float32(10), values[layer] / np.float32(10))
            valid = np.isfinite(power)
            # The local mean; it is kept where the result will lie.
            out[layer] = np.where(valid, _local_mean(power, valid, window), np.nan)
            ratio = power / out[layer]
            total += np.where(valid, ratio, 0)
            count += valid
        if method == "multitemporal":
            # Where one date is alone, this gives that date back: nothing can be told from one look.
            out[layers] *= total / np.maximum(count, 1)
        out[layers] = decibels(np.maximum(out[layers], _LEAST_POWER))
    return out


def _local_mean(power: np.ndarray, valid: np.ndarray, window: int) -> np.ndarray:
    """Mean of the valid pixels in a window around each."""
    from scipy.ndimage import uniform_filter

    share = uniform_filter(valid.astype(np.float32), window, mode="constant")
    total = uniform_filter(np.where(valid, power, 0), window, mode="constant")
    # A running sum is rounded: no mean below the least power, nor of nothing.
    share = np.maximum(share, 0.5 / window**2)
    return np.maximum(total, _LEAST_POWER * share) / share
