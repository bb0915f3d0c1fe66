"""The course that a place as a whole takes: a Gaussian process of time and radar on the few dozen means of its dates.

What a single date shows of all pixels together is told by the dates around it and, as they grow distant, by radar's
mean over the place, by the time of the year where the series is longer than one, and at last by the mean of the
series: so the course goes on beyond the first and the last clear date, where a line between dates has nothing to lead
to. A process with several outputs would tie the sensors likewise (L. Pipia et al., "Fusing optical and SAR time
series for LAI gap filling with multioutput Gaussian processes", Remote Sensing of Environment 235 (2019)); radar as a
covariate costs the cube of the clear dates alone. Hyperparameters are the best of a small grid by marginal likelihood
(C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press (2006), equation 5.8).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.features import NARROW, Prepared
from fusion_assets.systems.ndvi.gap_filling.kernels import at_scenes

MARGIN = 200  # days that the course is told beyond the series
_PIXELS = 2000  # that radar's mean over the place is taken from
_SCARCE = 0.02  # of the best date's clear pixels: fewer are no mean of the place
_LENGTHS, _SHARES, _REACHES, _NOISES = (
    (10.0, 20.0, 40.0, 80.0),
    (0.0, 0.3, 0.6, 0.9),
    (1.0, 2.0, 4.0),
    (0.01, 0.05, 0.2),
)
_YEARLY = (0.0, 0.4)  # shares of what is not radar's that come back each year
_YEAR, _LONGER = 365.25, 400


@dataclass(frozen=True)
class Course:
    """The course of a place.

    Attributes:
        first: the day of `mean[0]`, days since 1970.
        mean: (days,) NDVI, day by day; at the days of scenes all dates are made use of.
        scenes: (k,) indices of the scenes that it rests on.
        told: (k,) their means.
        inverse: (k, k) inverse of their covariance, of centred values.
    """

    first: int
    mean: np.ndarray
    scenes: np.ndarray
    told: np.ndarray
    inverse: np.ndarray

    def without(self, scene: int, low: int, high: int) -> float:
        """The course at a scene as it would be without the scenes from `low` to before `high`, of indices.

        The mean of what is left out follows from the inverse alone (Rasmussen and Williams, section 5.4.2).
        """
        at, begin, end = np.searchsorted(self.scenes, [scene, low, high])
        if at == len(self.scenes) or self.scenes[at] != scene:
            return float("nan")
        hidden = slice(begin, end)
        centre = self.told.mean()
        if end - begin == len(self.scenes):
            return float(centre)
        error = np.linalg.solve(self.inverse[hidden, hidden], self.inverse[hidden] @ (self.told - centre))
        return float(self.told[at] - error[at - begin])


def course_of(prepared: Prepared) -> Course:
    """Fit the course of a place.

    Args:
        prepared: its pixels, or a sample of them.
    """
    clear = np.isfinite(prepared.ndvi)
    count = clear.sum(axis=0)
    scenes = np.flatnonzero(count > _SCARCE * count.max())
    level = prepared.year[:, 0]
    away = np.where(clear, prepared.ndvi - level[:, None], 0).sum(axis=0, dtype=np.float64)[scenes]
    told = np.nanmean(level) + away / count[scenes]
    days = np.arange(prepared.days[0] - MARGIN, prepared.days[-1] + MARGIN + 1)
    radar = _radar(prepared, days)
    at = prepared.days[scenes] - days[0]
    centre, spread = told.mean(), max(told.var(), 1e-4)
    noise = 1 + 0.05 * count.max() / count[scenes]
    long = prepared.days[scenes[-1]] - prepared.days[scenes[0]] > _LONGER
    apart = np.abs(days[at, None] - days[at])
    between = ((radar[at, None] - radar[at]) ** 2).sum(axis=2)
    best, chosen = np.inf, None
    grid = itertools.product(_LENGTHS, _SHARES if radar.any() else (0.0,), _REACHES, _YEARLY if long else (0.0,))
    for choice in grid:
        _, share, reach, _ = choice
        if share == 0 and reach != _REACHES[0]:
            continue
        alike = _covariance(apart, between, *choice)
        for much in _NOISES:
            values, vectors = np.linalg.eigh(alike + np.diag(much * noise))
            turned = vectors.T @ (told - centre)
            scale = np.mean(turned**2 / values)
            cost = (
                len(told) * np.log(max(scale, 0.1 * spread))
                + np.log(values).sum()
                + len(told) * scale / max(scale, 0.1 * spread)
            )
            if cost < best:
                best, chosen, inverse = cost, choice, (vectors / values) @ vectors.T
    assert chosen is not None
    far = np.abs(days[:, None] - days[at])
    other = ((radar[:, None] - radar[at]) ** 2).sum(axis=2)
    mean = centre + _covariance(far, other, *chosen) @ (inverse @ (told - centre))
    return Course(int(days[0]), mean.astype(np.float32), scenes, told, inverse)


def _covariance(
    apart: np.ndarray, between: np.ndarray, length: float, share: float, reach: float, yearly: float
) -> np.ndarray:
    """Correlation of days `apart` whose radar differs by the squared distance `between`; 1 on the diagonal."""
    scaled = np.sqrt(3) * apart / length
    time = (1 - yearly) * (1 + scaled) * np.exp(-scaled)
    if yearly:
        time += yearly * np.exp(-2 * np.sin(np.pi * apart / _YEAR) ** 2 / 0.25)
    return (1 - share) * time + share * np.exp(-0.5 * between / reach**2)


def _radar(prepared: Prepared, days: np.ndarray) -> np.ndarray:
    """(days, 2): radar's mean over the place, VV and VH minus VV, in standard deviations; 0 where there is none."""
    some = np.linspace(0, len(prepared.vv) - 1, min(_PIXELS, len(prepared.vv))).astype(int)
    out = np.zeros((len(days), 2))
    if not len(prepared.radar_days):
        return out
    bands = []
    for band in (prepared.vv[some], prepared.vh[some]):
        finite = np.isfinite(band)
        mean = np.where(finite, band, 0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
        bands.append(np.where(finite.any(axis=0), mean, np.nan).astype(np.float32)[None])
    vv, vh = (at_scenes(prepared.radar_days, band, days, NARROW)[0] for band in bands)
    for k, values in enumerate((vv, vh - vv)):
        if np.isfinite(values).any() and np.nanstd(values) > 0:
            out[:, k] = np.nan_to_num((values - np.nanmean(values)) / np.nanstd(values))
    return out
