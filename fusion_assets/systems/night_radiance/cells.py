"""Lights of a year on the product's own cells: weighted by what they rest on, negative ones kept, noise told."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.grids.grid import Grid

STEP = 15 / 3600
"""Edge of the product's cells, degrees."""
_DARKEST = 0.2
"""Share of the cells that background and noise are read off: places without lamps, in any but the densest region."""
_LEAST_NOISE = 0.05
DARK_DEVIATIONS = 3.0


def yearly(series: xr.Dataset, lights: str, coverage: str) -> dict[str, np.ndarray]:
    """One year's radiance of every cell, from its composites.

    Args:
        series: (time, y, x) of radiance, nW/cm2/sr, NaN where not observed, and of cloud-free observations.
        lights: name of the radiance.
        coverage: name of the observations.

    Returns:
        (y, x) float32 each: the mean weighted by observations, those observations, and the standard deviation of what
        the mean is of (NaN for one composite alone); NaN where nothing was observed.
    """
    values, counts = np.asarray(series[lights], np.float64), np.asarray(series[coverage], np.float64)
    weights = np.where(np.isfinite(values) & (counts > 0), counts, 0.0)
    values = np.nan_to_num(values)
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (values * weights).sum(axis=0) / total
        spread = np.sqrt(((values - mean) ** 2 * weights).sum(axis=0) / total)
    several = (weights > 0).sum(axis=0) > 1
    return {
        lights: np.where(total > 0, mean, np.nan).astype(np.float32),
        coverage: np.where(total > 0, total, np.nan).astype(np.float32),
        "deviation": np.where(several, spread, np.nan).astype(np.float32),
    }


def without_fires(
    radiance: np.ndarray, others: Sequence[np.ndarray], cells: Grid
) -> tuple[np.ndarray, dict[str, float]]:
    """Cells without lights that burn in one year alone, and how much light that is.

    Args:
        radiance: of the year, (y, x) nW/cm2/sr; NaN where unknown.
        others: of years that would have announced what stays; the brightest of them counts.
        cells: the product's.

    Returns:
        The cells, (y, x) float32; and `cells` (changed), `light` (taken away, nW/cm2/sr x km2), `share` (of the year's
        light).
    """
    import dask.array as da

    from fusion_assets.imagery import fires
    from fusion_assets.systems.night_radiance.sensor import pixel_metres

    announced = np.asarray(functools.reduce(np.fmax, others), np.float32)
    level, resolution = background(announced)[0], math.sqrt(math.prod(pixel_metres(cells)))
    now, then = (da.from_array(np.asarray(each, np.float32), chunks=-1) for each in (radiance, announced))
    cleared = np.asarray(fires.without_fires(now, then, level, resolution))
    taken = np.nan_to_num(radiance - cleared) * cells.pixel_areas_km2()
    whole = float((np.maximum(np.nan_to_num(radiance), 0.0) * cells.pixel_areas_km2()).sum())
    light = float(taken.sum())
    return cleared, {"cells": float((taken != 0).sum()), "light": light, "share": light / whole if whole else 0.0}


def background(radiance: np.ndarray) -> tuple[float, float]:
    """What the darkest cells measure and how much that scatters, nW/cm2/sr: airglow and noise, or no lamps at all.

    Args:
        radiance: cells, NaN where unknown.
    """
    known = radiance[np.isfinite(radiance)]
    if not known.size:
        return 0.0, _LEAST_NOISE
    darkest = known[known <= np.quantile(known, _DARKEST)]
    level = float(np.median(darkest))
    return level, max(_LEAST_NOISE, 1.4826 * float(np.median(np.abs(darkest - level))))


def dark(radiance: np.ndarray) -> np.ndarray:
    """Cells that no light is told from the background in, bool."""
    level, deviation = background(radiance)
    return radiance <= level + DARK_DEVIATIONS * deviation
