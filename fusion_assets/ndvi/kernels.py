"""Compiled loops over (pixel, day) queries: clear neighbours in time, radar passes, and the features of the fusion.

What belongs here: code on plain arrays, pixels first (n, t) so that one pixel's series lies together in memory. What
does not: shapes as others know them and choices of method (`features`, `estimators`). A query names a pixel and a day;
each costs a walk over the few scenes and passes around its day, so cost is linear in pixels and in dates.
"""

from collections.abc import Callable

import numba
import numpy as np


def compiled(function: Callable) -> Callable:
    """Compile on first use, kept on disk where there is a place to keep it; releases the GIL."""
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return numba.njit(nogil=True, error_model="numpy")(function)


@compiled
def neighbours(days: np.ndarray, ndvi: np.ndarray, pixel: np.ndarray, day: np.ndarray) -> np.ndarray:
    """(q, 4): the last clear value strictly before, the first strictly after, and the days to each.

    Values are NaN and distances infinite where there is none.
    """
    found = np.full((len(pixel), 4), np.nan, np.float32)
    for k in range(len(pixel)):
        values, middle = ndvi[pixel[k]], np.searchsorted(days, day[k])
        found[k, 2] = found[k, 3] = np.inf
        for i in range(middle - 1, -1, -1):
            if np.isfinite(values[i]):
                found[k, 0], found[k, 2] = values[i], day[k] - days[i]
                break
        for i in range(middle, len(days)):
            if days[i] > day[k] and np.isfinite(values[i]):
                found[k, 1], found[k, 3] = values[i], days[i] - day[k]
                break
    return found


@compiled
def nearest_pass(
    days: np.ndarray, vv: np.ndarray, vh: np.ndarray, pixel: np.ndarray, day: np.ndarray, reach: int
) -> np.ndarray:
    """(q, 2): VV and VH in dB of the pass nearest in time within `reach` days, the earlier of two; NaN if none."""
    found = np.full((len(pixel), 2), np.nan, np.float32)
    for k in range(len(pixel)):
        p, best = pixel[k], reach + 1
        for i in range(np.searchsorted(days, day[k] - reach), len(days)):
            if days[i] > day[k] + reach:
                break
            distance = abs(days[i] - day[k])
            if distance < best and np.isfinite(vv[p, i]) and np.isfinite(vh[p, i]):
                best, found[k, 0], found[k, 1] = distance, vv[p, i], vh[p, i]
    return found


@compiled
def local_mean(days: np.ndarray, values: np.ndarray, day: int, weights: np.ndarray) -> float:
    """Mean of one pixel's values around a day, weighted by whole days of distance; NaN if there is none in reach."""
    total, weight, reach = 0.0, 0.0, len(weights) - 1
    for i in range(np.searchsorted(days, day - reach), len(days)):
        if days[i] > day + reach:
            break
        if np.isfinite(values[i]):
            w = weights[abs(days[i] - day)]
            total += w * values[i]
            weight += w
    return total / weight if weight > 0 else np.nan


@compiled
def level_orbits(days: np.ndarray, values: np.ndarray, orbit: np.ndarray, orbits: int, weights: np.ndarray) -> None:
    """Take from each pixel's backscatter, in place, what its orbits differ by (incidence angle, look direction).

    An orbit's offset is the mean difference between its passes and the local mean over all orbits, refined in turns.
    Orbits that never overlap in time keep their difference: it cannot be told from change on the ground.
    """
    offset, total, count = np.empty(orbits), np.empty(orbits), np.empty(orbits)
    levelled = np.empty(values.shape[1], values.dtype)
    for p in range(values.shape[0]):
        offset[:] = 0
        for _ in range(3):
            total[:], count[:] = 0, 0
            for i in range(len(days)):
                levelled[i] = values[p, i] - offset[orbit[i]]
            for i in range(len(days)):
                if np.isfinite(values[p, i]):
                    total[orbit[i]] += values[p, i] - local_mean(days, levelled, days[i], weights)
                    count[orbit[i]] += 1
            middle, passes = 0.0, 0.0
            for o in range(orbits):
                offset[o] = total[o] / count[o] if count[o] else 0.0
                middle += offset[o] * count[o]
                passes += count[o]
            for o in range(orbits):
                offset[o] -= middle / max(passes, 1.0)
        for i in range(len(days)):
            values[p, i] -= offset[orbit[i]]


@compiled
def at_scenes(days: np.ndarray, values: np.ndarray, scene_days: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, t): local mean of the backscatter at the dates of the scenes."""
    found = np.empty((values.shape[0], len(scene_days)), np.float32)
    for p in range(values.shape[0]):
        for i in range(len(scene_days)):
            found[p, i] = local_mean(days, values[p], scene_days[i], weights)
    return found
