"""Compiled loops over (pixel, day) queries: clear neighbours in time, radar passes, and the features of the fusion.

A query names a pixel and a day; each costs a walk over the few scenes and passes around its day, so cost is linear
in pixels and in dates.
"""

from collections.abc import Callable

import numba
import numpy as np

STRIP = 64  # pixels that arithmetic over whole series takes at once: vectors for the processor, all of it in cache


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
    out = np.full((len(pixel), 4), np.nan, np.float32)
    for k in range(len(pixel)):
        values, middle = ndvi[pixel[k]], np.searchsorted(days, day[k])
        out[k, 2] = out[k, 3] = np.inf
        for i in range(middle - 1, -1, -1):
            if np.isfinite(values[i]):
                out[k, 0], out[k, 2] = values[i], day[k] - days[i]
                break
        for i in range(middle, len(days)):
            if days[i] > day[k] and np.isfinite(values[i]):
                out[k, 1], out[k, 3] = values[i], days[i] - day[k]
                break
    return out


@compiled
def nearest_pass(
    days: np.ndarray, vv: np.ndarray, vh: np.ndarray, pixel: np.ndarray, day: np.ndarray, reach: int
) -> np.ndarray:
    """(q, 2): VV and VH in dB of the pass nearest in time within `reach` days, the earlier of two; NaN if none."""
    out = np.full((len(pixel), 2), np.nan, np.float32)
    for k in range(len(pixel)):
        p, best = pixel[k], reach + 1
        for i in range(np.searchsorted(days, day[k] - reach), len(days)):
            if days[i] > day[k] + reach:
                break
            distance = abs(days[i] - day[k])
            if distance < best and np.isfinite(vv[p, i]) and np.isfinite(vh[p, i]):
                best, out[k, 0], out[k, 1] = distance, vv[p, i], vh[p, i]
    return out


@compiled
def first_from(days: np.ndarray, start: int, day: int) -> int:
    """Index of the first of the ascending `days` that is not before `day`, sought from `start` on: near it is fast."""
    while start > 0 and days[start - 1] >= day:
        start -= 1
    while start < len(days) and days[start] < day:
        start += 1
    return start


@compiled
def local_mean(days: np.ndarray, values: np.ndarray, first: int, day: int, weights: np.ndarray) -> float:
    """Mean of one pixel's values around a day, weighted by whole days of distance; NaN if there is none in reach.

    `first` is the index of the first value in reach; reach is the distance that the last weight is for.
    """
    total, weight, reach = 0.0, 0.0, len(weights) - 1
    for i in range(first, len(days)):
        if days[i] > day + reach:
            break
        if np.isfinite(values[i]):
            w = weights[abs(days[i] - day)]
            total += w * values[i]
            weight += w
    return total / weight if weight > 0 else np.nan


@compiled
def add_local_means(days: np.ndarray, rows: np.ndarray, day: int, weights: np.ndarray, out: np.ndarray) -> None:
    """Put `local_mean` of every pixel of a strip into `found` (p,); `rows` is (days, p), of finite values and NaN."""
    weight, reach = np.zeros(out.shape), len(weights) - 1
    out[:] = 0
    for i in range(np.searchsorted(days, day - reach), len(days)):
        if days[i] > day + reach:
            break
        row, w = rows[i], weights[abs(days[i] - day)]
        for p in range(len(out)):
            out[p] += w * row[p] if row[p] == row[p] else 0.0
            weight[p] += w if row[p] == row[p] else 0.0
    for p in range(len(out)):
        out[p] = out[p] / weight[p] if weight[p] > 0 else np.nan


@compiled
def level_orbits(days: np.ndarray, values: np.ndarray, orbit: np.ndarray, orbits: int, weights: np.ndarray) -> None:
    """Take from each pixel's backscatter, in place, what its orbits differ by (incidence angle, look direction).

    An orbit's offset is the mean difference between its passes and the local mean over all orbits, refined in turns.
    Orbits that never overlap in time keep their difference: it cannot be told from change on the ground.
    """
    for start in range(0, len(values), STRIP):
        strip = values[start : start + STRIP]
        rows = strip.T.copy()
        levelled, mean = np.empty(rows.shape, rows.dtype), np.empty(rows.shape[1])
        shape = orbits, rows.shape[1]
        offset, total, count = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for _ in range(3):
            total[:], count[:] = 0, 0
            for i in range(len(days)):
                for p in range(rows.shape[1]):
                    levelled[i, p] = rows[i, p] - offset[orbit[i], p]
            for i in range(len(days)):
                add_local_means(days, levelled, days[i], weights, mean)
                row, totals, counts = rows[i], total[orbit[i]], count[orbit[i]]
                for p in range(len(mean)):
                    totals[p] += row[p] - mean[p] if row[p] == row[p] else 0.0
                    counts[p] += 1.0 if row[p] == row[p] else 0.0
            for p in range(rows.shape[1]):
                middle, passes = 0.0, 0.0
                for o in range(orbits):
                    offset[o, p] = total[o, p] / count[o, p] if count[o, p] else 0.0
                    middle += offset[o, p] * count[o, p]
                    passes += count[o, p]
                for o in range(orbits):
                    offset[o, p] -= middle / max(passes, 1.0)
        for p in range(rows.shape[1]):
            for i in range(len(days)):
                strip[p, i] -= offset[orbit[i], p]


@compiled
def at_scenes(days: np.ndarray, values: np.ndarray, scene_days: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, t): local mean of the backscatter at the dates of the scenes."""
    out = np.empty((len(values), len(scene_days)), np.float32)
    for start in range(0, len(values), STRIP):
        strip = out[start : start + STRIP]
        rows, mean = values[start : start + STRIP].T.copy(), np.empty(len(strip))
        for i in range(len(scene_days)):
            add_local_means(days, rows, scene_days[i], weights, mean)
            strip[:, i] = mean
    return out
