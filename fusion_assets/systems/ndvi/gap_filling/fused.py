"""The fusion: radar and the clear neighbours in time together, learned on gaps simulated on the place itself.

It starts from the line between the clear neighbours. Before the first and after the last of them the line is drawn
towards the place's course (`course`) and towards how much the pixel usually differs from it; how far is measured per
situation on simulated gaps. A forest learns what is still wrong. How far its word is taken is decided per situation on
dates far from those it has seen: where radar tells nothing there, or too few dates say that it does, the estimate stays
as it is. Between clear neighbours the course corrects what is wrong after that, which is most where dates are too few
for a forest. (Drawn before the forest it takes from what the forest learns: RMSE 0.153 instead of 0.146 on a Belgian
place with 30 days withheld.)
"""

from __future__ import annotations

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.course import Course, course_of
from fusion_assets.systems.ndvi.gap_filling.features import FEATURES, Prepared, features, prepare
from fusion_assets.systems.ndvi.gap_filling.forest import Forest, grow
from fusion_assets.systems.ndvi.gap_filling.intervals import INSIDE, SITUATIONS, situation
from fusion_assets.systems.ndvi.gap_filling.methods import Answer, Ask, State
from fusion_assets.systems.ndvi.gap_filling.series import Series
from fusion_assets.systems.ndvi.gap_filling.simulated_gaps import APART, Gaps

TREES = 5  # for every fold of dates, to judge by
ALL_TREES = 50  # grown on all dates, to answer by
LEAF = 20
BLINDED = 0.05  # share of training gaps without radar, so that it may be missing
_LEAST_SPREAD = 0.01
_INSIDE = np.arange(SITUATIONS) <= len(INSIDE)
_OUTSIDE = ~_INSIDE


class Fused:
    """Our estimator."""

    def train(self, gaps: Gaps, seed: int) -> tuple[State, Answer]:
        """Fit the course, measure how far to draw to it, grow the forest, decide how far to trust it."""
        prepared = prepare(gaps.series)
        values = features(prepared, np.arange(len(gaps.day)), gaps.day)
        course = course_of(prepared)
        state: State = {
            "mean": np.array(gaps.truth.mean(), np.float32),
            "range": _ranges(values),
            "course": course.mean,
            "course_first": np.array(course.first),
        }
        offset, group = _usual(prepared, state), _situation(values)
        terms = _terms(values, state, offset, gaps.day, _without(course, gaps))
        line = _line(values, state["mean"])
        state["draw"] = _draw(gaps.truth - line, terms, group, gaps.fold, _OUTSIDE, 1.0)
        base = line + _drawn(state, terms, group, _OUTSIDE)
        blind = np.random.default_rng(seed).random(len(values)) < BLINDED
        learned = values.copy()
        learned[blind, FEATURES.index("vv") :] = np.nan
        wanted = gaps.truth - base
        judged = grow(_filled(learned, state), wanted, gaps.seen(APART), TREES, LEAF, seed)
        change, spread = judged.ask(_filled(values, state), gaps.fold)
        state["trust"] = _trust(wanted, change, group, gaps.fold)
        left = wanted - state["trust"][group] * change
        state["draw"] = state["draw"] + _draw(left, terms, group, gaps.fold, _INSIDE, 0.0)
        answer = _answer(state, values, terms, group, change, spread)
        everything = np.ones((1, len(values)), bool)
        return state | grow(_filled(learned, state), wanted, everything, ALL_TREES, LEAF, seed).arrays(), answer

    def ready(self, state: State, series: Series) -> Ask:
        """Lay out the series; answer by all trees."""
        prepared, forest = prepare(series), Forest.of(state)
        usual = _usual(prepared, state)

        def ask(pixel: np.ndarray, day: np.ndarray) -> Answer:
            values = features(prepared, pixel, day)
            group = _situation(values)
            terms = _terms(values, state, usual[pixel], day, _course(state, day))
            return _answer(state, values, terms, group, *forest.ask(_filled(values, state)))

        return ask


def _answer(
    state: State, values: np.ndarray, terms: np.ndarray, group: np.ndarray, change: np.ndarray, spread: np.ndarray
) -> Answer:
    trust = state["trust"][group]
    value = _line(values, state["mean"]) + _drawn(state, terms, group) + trust * change
    seen = np.isfinite(values[:, FEATURES.index("vv")]) | np.isfinite(values[:, FEATURES.index("vh")])
    nothing = (group == SITUATIONS - 1) & ~seen
    return Answer(np.where(nothing, np.nan, value), spread + _LEAST_SPREAD, group, seen & (trust > 0))


def _drawn(state: State, terms: np.ndarray, group: np.ndarray, kind: np.ndarray | None = None) -> np.ndarray:
    """What the course adds to the line, in all situations or those of a kind."""
    draw = state["draw"] if kind is None else np.where(kind[:, None], state["draw"], 0)
    return (terms * draw[group]).sum(axis=1)


def _course(state: State, day: np.ndarray) -> np.ndarray:
    """NDVI of the place on a day; far beyond the series what it comes to at its ends."""
    return state["course"][np.clip(day - int(state["course_first"]), 0, len(state["course"]) - 1)]


def _without(course: Course, gaps: Gaps) -> np.ndarray:
    """(q,) the course on the gaps' days, each without what its gap hides."""
    queries = np.column_stack([gaps.scene, gaps.hidden])
    unique, which = np.unique(queries, axis=0, return_inverse=True)
    return np.array([course.without(*query) for query in unique.tolist()], np.float32)[which.ravel()]


def _usual(prepared: Prepared, state: State) -> np.ndarray:
    """(n,) mean difference of each pixel from the course on its clear days; 0 without any."""
    clear = np.isfinite(prepared.ndvi)
    course = _course(state, prepared.days)
    mean = (clear @ course) / np.maximum(clear.sum(axis=1), 1)
    return np.nan_to_num(prepared.year[:, 0] - mean).astype(np.float32)


def _terms(values: np.ndarray, state: State, usual: np.ndarray, day: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(q, 2) what the line may be drawn by.

    First what the course does between the clear neighbours that a line does not; then how much more the pixel differs
    from the course at present than it usually does, taken back.
    """
    before, after = values[:, :2].T
    to_before, to_after = values[:, 2:4].T
    then, later = (
        _course(state, day + (step * away).astype(np.int64)) for step, away in ((-1, to_before), (1, to_after))
    )
    weight = to_before / np.maximum(to_before + to_after, 1e-6)
    weight = np.where(np.isnan(before), 1, np.where(np.isnan(after), 0, weight))
    line = then * (1 - weight) + later * weight
    none = np.isnan(before) & np.isnan(after)
    moved = np.where(none, now - state["mean"], now - line)
    different = np.where(none, 0, usual - (values[:, FEATURES.index("interpolated")] - line))
    return np.nan_to_num(np.stack([moved, different], axis=1))


def _draw(
    wanted: np.ndarray, terms: np.ndarray, group: np.ndarray, fold: np.ndarray, kind: np.ndarray, usual: float
) -> np.ndarray:
    """(situations, 2): multiples in [0, 1] of the terms to add, by least squares over gaps; 0 for another kind.

    Each situation's are shrunk to those of its kind, and these to `usual`.
    """
    draw, members = np.zeros((SITUATIONS, 2)), kind[group]
    common = _solve(wanted[members], terms[members], fold[members], np.full(2, usual))
    for k in np.flatnonzero(kind):
        own = group == k
        draw[k] = _solve(wanted[own], terms[own], fold[own], common)
    return draw


def _solve(wanted: np.ndarray, terms: np.ndarray, fold: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Least squares shrunk to `prior` by the share of the difference's square that is chance, as `_trust` is.

    A fold of dates is right or wrong together: chance is what leaving out one after the other changes (the jackknife).
    """
    folds = np.unique(fold)
    if len(folds) < 3:
        return prior
    parts = [
        (terms[fold == k].T @ terms[fold == k], terms[fold == k].T @ (wanted - terms @ prior)[fold == k]) for k in folds
    ]
    squares, products = (np.array(part) for part in zip(*parts, strict=True))
    ridge = np.diag(np.maximum(np.diag(squares.sum(axis=0)), 1e-6)) / len(folds)
    best = np.linalg.solve(squares.sum(axis=0) + ridge, products.sum(axis=0))
    others = np.array(
        [
            np.linalg.solve(squares.sum(axis=0) - s + ridge, products.sum(axis=0) - p)
            for s, p in zip(squares, products, strict=True)
        ]
    )
    chance = (len(folds) - 1) / len(folds) * ((others - others.mean(axis=0)) ** 2).sum(axis=0)
    return np.clip(prior + best * np.maximum(0, 1 - chance / np.maximum(best**2, 1e-9)), 0, 1)


def _line(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Interpolation; the place's mean for pixels without any clear value."""
    line = values[:, FEATURES.index("interpolated")]
    return np.where(np.isfinite(line) & np.isfinite(values[:, :2]).any(axis=1), line, mean)


def _situation(values: np.ndarray) -> np.ndarray:
    before, after = values[:, :2].T
    to_before, to_after = values[:, 2:4].T
    return situation(np.where(np.isnan(before), np.inf, to_before), np.where(np.isnan(after), np.inf, to_after))


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


def _trust(wanted: np.ndarray, change: np.ndarray, group: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Per situation, the multiple in [0, 1] of the forest's word to take.

    As far as it does no harm: the squared error is least at some multiple, and that of the base again at twice as much.
    The multiple is shrunk by the share of its square that is chance, as W. James and C. Stein (1961) shrink a mean; its
    standard error is between folds, as values of one date are right or wrong together.
    """
    folds, trust = int(fold.max()) + 1, np.zeros(SITUATIONS)
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
