"""The methods that the fusion is compared with: formulas, fits on radar alone, interpolation, smoothing.

The published formula is that of R. Filgueiras, E. C. Mantovani, D. Althoff, E. I. Fernandes Filho and F. F. da Cunha,
"Crop NDVI Monitoring Based on Sentinel 1", Remote Sensing 11 (2019) 1441, doi:10.3390/rs11121441, equations 3, 4 and 14
as Sentinel Hub's example of data fusion cites them: fitted on soybean and maize in Bahia, four dates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.systems.ndvi.gap_filling.forest import Forest, grow
from fusion_assets.systems.ndvi.gap_filling.intervals import situation
from fusion_assets.systems.ndvi.gap_filling.kernels import nearest_pass, neighbours
from fusion_assets.systems.ndvi.gap_filling.series import Series, day_numbers
from fusion_assets.systems.ndvi.gap_filling.simulated_gaps import Gaps
from fusion_assets.systems.ndvi.gap_filling.smoothing import whittaker

REACH = 12  # days: a pass farther away says nothing about a day; one full cycle of a satellite
CONSTANT, PER_VH, PER_VV, PER_RATIO = 2.572, -0.05047, 0.176, 3.422

State = dict[str, np.ndarray]


class Answer(NamedTuple):
    """What a method says of q pixels and days: NDVI before clipping (NaN: nothing), and about itself.

    `spread` is its own measure of its error (1 where it has none), `situation` the class of intervals where its error
    depends on it (0 elsewhere), `radar` whether radar of about that day was used.
    """

    value: np.ndarray
    spread: np.ndarray
    situation: np.ndarray
    radar: np.ndarray


Ask = Callable[[np.ndarray, np.ndarray], Answer]  # (pixel, day) -> Answer


class Method(Protocol):
    """A way to estimate NDVI."""

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Learn; also the answers for the gaps themselves, each without what was learned from its fold of dates."""

    def ready(self, state: State, series: Series) -> Ask:
        """Lay out a series, and answer for its pixels and days, values on the day itself unseen."""


@dataclass(frozen=True)
class FixedFormula:
    """A formula with fixed coefficients on the nearest pass.

    Attributes:
        formula: (vv, vh, sign) to NDVI.
        signs: tried for the doubtful coefficient; the one with the smaller error on the place's clear pixels is kept.
    """

    formula: Callable[..., np.ndarray]
    signs: tuple[float, ...] = (1.0,)

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Choose the sign; nothing else is learned."""
        bands = _passes(gaps.series)(np.arange(len(gaps.day)), gaps.day)
        _require_radar(bands, gaps)
        errors = [np.nanmean((np.clip(self.formula(*bands.T, sign), -1, 1) - gaps.truth) ** 2) for sign in self.signs]
        state = {"sign": np.array(self.signs[int(np.argmin(errors))])}
        return state, self.ready(state, gaps.series)(np.arange(len(gaps.day)), gaps.day)

    def ready(self, state: State, series: Series) -> Ask:
        """Answer by the formula."""
        passes = _passes(series)
        return lambda pixel, day: _from_radar(self.formula(*passes(pixel, day).T, float(state["sign"])))


class LinearFit:
    """Least squares on VV, VH and their normalised ratio of the nearest pass, fitted on the place."""

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Fit, and fit again without each fold of dates."""
        bands = _passes(gaps.series)(np.arange(len(gaps.day)), gaps.day)
        _require_radar(bands, gaps)
        finite = np.isfinite(bands).all(axis=1)
        terms = _terms(bands)

        def solve(rows: np.ndarray) -> np.ndarray:
            return np.linalg.lstsq(terms[rows], gaps.truth[rows], rcond=None)[0]

        value = np.full(len(gaps.day), np.nan)
        for fold in range(gaps.folds):
            judged = gaps.fold == fold
            value[judged] = terms[judged] @ solve(finite & ~judged)
        return {"coefficients": solve(finite)}, _from_radar(value)

    def ready(self, state: State, series: Series) -> Ask:
        """Answer by the fit."""
        passes = _passes(series)
        return lambda pixel, day: _from_radar(_terms(passes(pixel, day)) @ state["coefficients"])


class RadarForest:
    """A forest on VV, VH and their ratios of the nearest pass, grown on the place."""

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Grow."""
        bands = _passes(gaps.series)(np.arange(len(gaps.day)), gaps.day)
        _require_radar(bands, gaps)
        finite = np.isfinite(bands).all(axis=1)
        terms = _terms(bands)[:, 1:].astype(np.float32)
        forest = grow(terms[finite], gaps.truth[finite], gaps.seen()[:, finite], trees=6, leaf=20, seed=seed)
        return forest.arrays(), self._answer(forest, terms, finite, gaps.fold)

    def ready(self, state: State, series: Series) -> Ask:
        """Answer by all trees."""
        forest, passes = Forest.of(state), _passes(series)

        def ask(pixel: np.ndarray, day: np.ndarray) -> Answer:
            bands = passes(pixel, day)
            terms = _terms(bands)[:, 1:].astype(np.float32)
            return self._answer(forest, terms, np.isfinite(bands).all(axis=1), None)

        return ask

    @staticmethod
    def _answer(forest: Forest, terms: np.ndarray, finite: np.ndarray, fold: np.ndarray | None) -> Answer:
        value, spread = forest.ask(np.where(finite[:, None], terms, 0), fold)
        return _from_radar(np.where(finite, value, np.nan), spread + 0.01)


class Interpolation:
    """A straight line between the clear values before and after; the one there is, at either end of the series."""

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Nothing is learned."""
        return {}, self.ready({}, gaps.series)(np.arange(len(gaps.day)), gaps.day)

    def ready(self, state: State, series: Series) -> Ask:
        """Answer from the clear neighbours."""
        days, ndvi = day_numbers(series.time), np.ascontiguousarray(series.ndvi.T, np.float32)

        def ask(pixel: np.ndarray, day: np.ndarray) -> Answer:
            before, after, *away = neighbours(days, ndvi, pixel, day).T
            return _from_neighbours(between(before, after, *away), situation(*away))

        return ask


class Whittaker:
    """The Whittaker smoother, as smooth as tells hidden values best on the place."""

    choices = 10.0 ** np.arange(1, 7)

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Choose the smoothness."""
        pixel = np.arange(len(gaps.day))
        few = pixel[:: max(1, len(pixel) // 4000)]
        part = gaps.series.take(few)

        def error(smoothness: float) -> float:
            answer = self.ready({"smoothness": np.array(smoothness)}, part)(np.arange(len(few)), gaps.day[few])
            return float(np.nanmean((np.clip(answer.value, -1, 1) - gaps.truth[few]) ** 2))

        state = {"smoothness": np.array(min(self.choices, key=error))}
        return state, self.ready(state, gaps.series)(pixel, gaps.day)

    def ready(self, state: State, series: Series) -> Ask:
        """Answer from the curve, day by day, so that it does not depend on which days are asked for."""
        days, ndvi = day_numbers(series.time), np.ascontiguousarray(series.ndvi.T, np.float32)

        def ask(pixel: np.ndarray, day: np.ndarray) -> Answer:
            pixels, column = np.unique(pixel, return_inverse=True)
            first, last = min(days[0], day.min()), max(days[-1], day.max())
            values = np.full((last - first + 1, len(pixels)), np.nan, np.float32)
            values[days - first] = series.ndvi[:, pixels]
            curve = whittaker(np.arange(first, last + 1), values, float(state["smoothness"]))
            away = neighbours(days, ndvi, pixel, day).T[2:]
            return _from_neighbours(curve[day - first, column], situation(*away))

        return ask


def normalised_ratio(vv: np.ndarray, vh: np.ndarray) -> np.ndarray:
    """(VH - VV) / (VH + VV), the paper's normalised ratio of polarisations; NaN where the sum is 0."""
    total = vh + vv
    return np.where(total == 0, np.nan, (vh - vv) / np.where(total == 0, 1, total))


def seed_as_printed(vv: np.ndarray, vh: np.ndarray) -> np.ndarray:
    """NDVI as Sentinel Hub's example computes it: 10 x ln 10 x linear backscatter stands where decibels should.

    Args:
        vv: backscatter in dB; turned into linear power first, as the example reads it.
        vh: likewise.
    """
    vv, vh = (10 * np.log(10) * 10 ** (band / 10) for band in (vv, vh))
    return CONSTANT + PER_VH * vh + PER_VV * vv + PER_RATIO * normalised_ratio(vv, vh)


def published_formula(vv: np.ndarray, vh: np.ndarray, sign: float = 1.0) -> np.ndarray:
    """NDVI by the published formula on true decibels.

    Args:
        vv: backscatter in dB.
        vh: likewise.
        sign: of the ratio's coefficient: +1 as cited. With it most fields come out far above 1, with -1 within the
            range of NDVI, so that the printed sign is doubtful.
    """
    return CONSTANT + PER_VH * vh + PER_VV * vv + sign * PER_RATIO * normalised_ratio(vv, vh)


def between(before: np.ndarray, after: np.ndarray, to_before: np.ndarray, to_after: np.ndarray) -> np.ndarray:
    """Linear interpolation from `neighbours`; the only neighbour's value where one is missing, NaN without any."""
    with np.errstate(invalid="ignore"):
        line = (before * to_after + after * to_before) / (to_before + to_after)
    return np.where(np.isnan(before), after, np.where(np.isnan(after), before, line))


def _passes(series: Series) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    days = day_numbers(series.radar_time)
    vv, vh = (np.ascontiguousarray(band.T, np.float32) for band in (series.vv, series.vh))
    return lambda pixel, day: nearest_pass(days, vv, vh, pixel, day, REACH)


def _terms(bands: np.ndarray) -> np.ndarray:
    vv, vh = bands.T.astype(np.float64)
    return np.stack([np.ones(len(vv)), vv, vh, vh - vv, normalised_ratio(vv, vh)], axis=1)


def _require_radar(bands: np.ndarray, gaps: Gaps) -> None:
    near = np.unique(gaps.scene[np.isfinite(bands).all(axis=1)])
    if len(near) < 2 or len(np.unique(gaps.fold[np.isin(gaps.scene, near)])) < 2:
        raise FusionError(
            f"{number_of(len(near), 'clear Sentinel-2 scene')} with a Sentinel-1 pass within {REACH} days",
            "several: this estimator rests on radar alone",
            "choose an estimator that works without radar (fused, interpolation, whittaker), or a year with Sentinel-1",
        )


def _from_radar(value: np.ndarray, spread: np.ndarray | None = None) -> Answer:
    return Answer(
        value, np.ones(len(value)) if spread is None else spread, np.zeros(len(value), int), np.isfinite(value)
    )


def _from_neighbours(value: np.ndarray, group: np.ndarray) -> Answer:
    return Answer(value, np.ones(len(value)), group, np.zeros(len(value), bool))
