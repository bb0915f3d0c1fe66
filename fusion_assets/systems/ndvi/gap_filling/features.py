"""What the fusion knows about a pixel on a day: its clear neighbours in time, its year, and what radar saw meanwhile.

Backscatter enters as local means over time (which also reduce speckle), with the orbits levelled first, and mostly as
differences: to the pixel's own mean, and to what it was on the dates of the clear neighbours. Differences carry over
between fields and soils; levels do less. There is no date among the features: with a few dozen clear dates in a year
a learner takes the day of the year as the scene's name and learns each scene's weather (on a Belgian year the error
in gaps of 60 days rose from 0.137 to 0.146 with it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.kernels import at_scenes, compiled, first_from, level_orbits, local_mean
from fusion_assets.systems.ndvi.gap_filling.series import Series, day_numbers

FAR = 180  # days: a clear neighbour farther away, or none, counts as this far
_CLEAR = ["before", "after", "days_before", "days_after", "interpolated", "mean", "lowest", "highest", "deviation"]
_CLEAR += ["days_to_nearest", "days_of_gap"]
_RADAR = ["", "_wide", "_anomaly", "_change"]
FEATURES = [*_CLEAR, *(f"{band}{kind}" for band in ("vv", "vh", "ratio") for kind in _RADAR)]


def _weights(sigma: float, reach: int) -> np.ndarray:
    return np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)


NARROW, WIDE = _weights(5, 15), _weights(15, 40)  # of whole days of distance


@dataclass(frozen=True)
class Prepared:
    """A series laid out for queries, pixels first.

    Attributes:
        days: (t,) dates of the scenes in days since 1970.
        ndvi: (n, t) float32.
        year: (n, 4) mean, lowest, highest and standard deviation of each pixel's clear values.
        radar_days: (s,) dates of the passes in days since 1970.
        vv: (n, s) float32 in dB, orbits levelled.
        vh: (n, s) float32 in dB, orbits levelled.
        vv_at_scenes: (n, t) local mean at the dates of the scenes.
        vh_at_scenes: (n, t) local mean at the dates of the scenes.
        vv_wide: (n, t) wider local mean at the dates of the scenes.
        vh_wide: (n, t) wider local mean at the dates of the scenes.
        radar_mean: (n, 2) mean of vv and vh.
    """

    days: np.ndarray
    ndvi: np.ndarray
    year: np.ndarray
    radar_days: np.ndarray
    vv: np.ndarray
    vh: np.ndarray
    vv_at_scenes: np.ndarray
    vh_at_scenes: np.ndarray
    vv_wide: np.ndarray
    vh_wide: np.ndarray
    radar_mean: np.ndarray


def prepare(series: Series) -> Prepared:
    """Lay a series out for queries, with the orbits levelled. Memory: about four times the series."""
    days, radar_days = day_numbers(series.time), day_numbers(series.radar_time)
    ndvi = np.ascontiguousarray(series.ndvi.T, np.float32)
    codes, orbit = np.unique(series.orbit, return_inverse=True)
    vv, vh = (np.array(band.T, np.float32, order="C") for band in (series.vv, series.vh))
    for band in (vv, vh):
        level_orbits(radar_days, band, orbit, len(codes), NARROW)
    vv_scenes, vh_scenes = (at_scenes(radar_days, band, days, NARROW) for band in (vv, vh))
    vv_wide, vh_wide = (at_scenes(radar_days, band, days, WIDE) for band in (vv, vh))
    means = np.stack([_mean(vv), _mean(vh)], axis=1)
    return Prepared(days, ndvi, _year(ndvi), radar_days, vv, vh, vv_scenes, vh_scenes, vv_wide, vh_wide, means)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean of each row's finite values, NaN where there are none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=1)
    total = np.where(finite, values, 0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _year(ndvi: np.ndarray) -> np.ndarray:
    mean, finite = _mean(ndvi), np.isfinite(ndvi)
    lowest = np.where(finite, ndvi, np.inf).min(axis=1, initial=9)
    highest = np.where(finite, ndvi, -np.inf).max(axis=1, initial=-9)
    year = np.stack([mean, lowest, highest, np.sqrt(_mean((ndvi - mean[:, None]) ** 2))], axis=1)
    return np.where(np.isfinite(mean)[:, None], year, np.nan).astype(np.float32)


def features(prepared: Prepared, pixel: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Features of queries.

    Args:
        prepared: the series; a value on the day itself is not looked at.
        pixel: (q,) int64, index of the pixel.
        day: (q,) int64, days since 1970.

    Returns:
        (q, features) float32 in the order of `FEATURES`; NaN where unknown.
    """
    p = prepared
    radar = (p.radar_days, p.vv, p.vh, p.vv_at_scenes, p.vh_at_scenes, p.vv_wide, p.vh_wide, p.radar_mean)
    return _features(p.days, p.ndvi, p.year, *radar, pixel, day, NARROW, WIDE)


@compiled
def _features(
    days: np.ndarray,
    ndvi: np.ndarray,
    year: np.ndarray,
    radar_days: np.ndarray,
    vv: np.ndarray,
    vh: np.ndarray,
    vv_at_scenes: np.ndarray,
    vh_at_scenes: np.ndarray,
    vv_wide: np.ndarray,
    vh_wide: np.ndarray,
    radar_mean: np.ndarray,
    pixel: np.ndarray,
    day: np.ndarray,
    narrow: np.ndarray,
    wide: np.ndarray,
) -> np.ndarray:
    out = np.full((len(pixel), 23), np.nan, np.float32)
    here = near = far = 0  # sought from the last query on: those of a pixel usually stand together, by date
    for k in range(len(pixel)):
        p, row = pixel[k], out[k]
        here = after = first_from(days, here, day[k])
        near = first_from(radar_days, near, day[k] - len(narrow) + 1)
        far = first_from(radar_days, far, day[k] - len(wide) + 1)
        before = after - 1
        while before >= 0 and not np.isfinite(ndvi[p, before]):
            before -= 1
        while after < len(days) and (days[after] == day[k] or not np.isfinite(ndvi[p, after])):
            after += 1
        has_before, has_after = before >= 0, after < len(days)
        d_before = day[k] - days[before] if has_before else 0
        d_after = days[after] - day[k] if has_after else 0
        share = 0.5  # weight of the neighbour after
        if has_before and has_after:
            share = d_before / (d_before + d_after)
        elif has_before or has_after:
            share = 0.0 if has_before else 1.0
        if has_before:
            row[0] = ndvi[p, before]
        if has_after:
            row[1] = ndvi[p, after]
        row[2] = min(d_before, FAR) if has_before else FAR
        row[3] = min(d_after, FAR) if has_after else FAR
        row[4] = (row[0] * (1 - share) if share < 1 else 0.0) + (row[1] * share if share > 0 else 0.0)
        row[5:9] = year[p]
        row[9] = min(row[2], row[3])
        row[10] = row[2] + row[3]
        for band in range(2):
            passes = vv[p] if band == 0 else vh[p]
            scenes = vv_at_scenes[p] if band == 0 else vh_at_scenes[p]
            at = 11 + 4 * band
            if here < len(days) and days[here] == day[k]:
                row[at], row[at + 1] = scenes[here], vv_wide[p, here] if band == 0 else vh_wide[p, here]
            else:
                row[at] = local_mean(radar_days, passes, near, day[k], narrow)
                row[at + 1] = local_mean(radar_days, passes, far, day[k], wide)
            now = row[at]
            row[at + 2] = now - radar_mean[p, band]
            then = 0.0
            if has_before or has_after:
                if share < 1:
                    then += scenes[before] * (1 - share)
                if share > 0:
                    then += scenes[after] * share
                row[at + 3] = now - then
        for i in range(4):
            row[19 + i] = row[15 + i] - row[11 + i]
    return out
