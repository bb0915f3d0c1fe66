"""The fusion: radar and the clear neighbours in time together, learned on gaps simulated on the place itself.

A forest learns by how much NDVI differs from the line between the clear neighbours. How far its word is taken is
decided per class of remoteness on dates far from those it has seen: where radar tells nothing there, or too few dates
say that it does, the line stays as it is.
"""

from __future__ import annotations

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.features import FEATURES, features, prepare
from fusion_assets.systems.ndvi.gap_filling.forest import Forest, grow
from fusion_assets.systems.ndvi.gap_filling.intervals import EDGES, remoteness
from fusion_assets.systems.ndvi.gap_filling.methods import Answer, Ask, State
from fusion_assets.systems.ndvi.gap_filling.series import Series
from fusion_assets.systems.ndvi.gap_filling.simulated_gaps import APART, Gaps

TREES = 5  # for every fold of dates, to judge by
ALL_TREES = 50  # grown on all dates, to answer by
LEAF = 20
BLINDED = 0.05  # share of training gaps without radar, so that it may be missing
_LEAST_SPREAD = 0.01


class Fused:
    """Our estimator."""

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Grow the forest, and decide how far to trust it."""
        values = features(prepare(gaps.series), np.arange(len(gaps.day)), gaps.day)
        state: State = {"mean": np.array(gaps.truth.mean(), np.float32), "range": _ranges(values)}
        blind = np.random.default_rng(seed).random(len(values)) < BLINDED
        learned = values.copy()
        learned[blind, FEATURES.index("vv") :] = np.nan
        wanted = gaps.truth - _line(values, state["mean"])
        judged = grow(_filled(learned, state), wanted, gaps.seen(APART), TREES, LEAF, seed)
        change, _ = judged.ask(_filled(values, state), gaps.fold)
        state["trust"] = _trust(wanted, change, _remoteness(values), gaps.fold)
        answer = _answer(state, judged, values, gaps.fold)
        everything = np.ones((1, len(values)), bool)
        return state | grow(_filled(learned, state), wanted, everything, ALL_TREES, LEAF, seed).arrays(), answer

    def ready(self, state: State, series: Series) -> Ask:
        """Lay out the series; answer by all trees."""
        prepared, forest = prepare(series), Forest.of(state)
        return lambda pixel, day: _answer(state, forest, features(prepared, pixel, day), None)


def _answer(state: State, forest: Forest, values: np.ndarray, fold: np.ndarray | None) -> Answer:
    far = _remoteness(values)
    change, spread = forest.ask(_filled(values, state), fold)
    trust = state["trust"][np.digitize(far, EDGES)]
    value = _line(values, state["mean"]) + trust * change
    seen = np.isfinite(values[:, FEATURES.index("vv")]) | np.isfinite(values[:, FEATURES.index("vh")])
    nothing = np.isinf(far) & ~seen
    return Answer(np.where(nothing, np.nan, value), spread + _LEAST_SPREAD, far, seen & (trust > 0))


def _line(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Interpolation; the place's mean for pixels without any clear value."""
    line = values[:, FEATURES.index("interpolated")]
    return np.where(np.isfinite(line) & np.isfinite(_remoteness(values)), line, mean)


def _remoteness(values: np.ndarray) -> np.ndarray:
    """In days, infinite without clear neighbours."""
    before, after = values[:, :2].T
    to_before, to_after = values[:, 2:4].T
    return remoteness(np.where(np.isnan(before), np.inf, to_before), np.where(np.isnan(after), np.inf, to_after))


def _ranges(values: np.ndarray) -> np.ndarray:
    """(2, features): where the features usually lie; 0 to 1 for one that is always missing."""
    ends = [
        np.quantile(column[np.isfinite(column)], [0.005, 0.995]) if np.isfinite(column).any() else [0, 1]
        for column in values.T
    ]
    return np.array(ends, np.float32).T


def _filled(values: np.ndarray, state: State) -> np.ndarray:
    """Features within their usual range, the missing just below it.

    A tree draws its thresholds evenly over the range of a feature: outliers, or a far value for what is missing, would
    draw most of them to where no data are.
    """
    low, high = state["range"]
    return np.where(np.isnan(values), low - (high - low) / 5, np.clip(values, low, high)).astype(np.float32)


def _trust(wanted: np.ndarray, change: np.ndarray, far: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Per class of remoteness, the multiple in [0, 1] of the forest's word to take.

    As far as it does no harm: the squared error is least at some multiple, and that of the line again at twice as much.
    The multiple is shrunk by the share of its square that is chance, as W. James and C. Stein (1961) shrink a mean; its
    standard error is between folds, as values of one date are right or wrong together.
    """
    folds, trust = int(fold.max()) + 1, np.zeros(len(EDGES) + 1)
    group = np.digitize(far, EDGES)
    for k in range(len(trust)):
        inside = group == k
        count = len(np.unique(fold[inside]))
        if count < 2:
            continue
        product = np.bincount(fold[inside], (wanted * change)[inside], folds)
        square = np.bincount(fold[inside], (change**2)[inside], folds)
        best = product.sum() / max(square.sum(), 1e-9)
        chance = ((product - best * square) ** 2).sum() * count / (count - 1) / max(square.sum(), 1e-9) ** 2
        trust[k] = np.clip(2 * best * max(0.0, 1 - chance / max(best**2, 1e-9)), 0, 1)
    return trust
