"""Intervals with a stated share of truths inside, from errors on simulated gaps at dates not learned from.

Lei et al., "Distribution-free predictive inference for regression", JASA 113 (2018)).

Pixels of one scene are wrong together, and neighbouring scenes too: what a new date will show is told by folds of dates
left out, not by counting pixels. A class of few folds has no intervals of its own. Errors grow with the distance to
clear scenes, and are other ones where there is none before or none after: the classes are of `situation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COVERED = 0.9
INSIDE = np.array([2.0, 4.0, 8.0, 16.0, 30.0])  # remoteness of days between clear scenes
OUTSIDE = np.array([15.0, 60.0])  # days to the only clear neighbour, before the first clear scene or after the last
SITUATIONS = len(INSIDE) + 1 + len(OUTSIDE) + 1 + 1  # the last: no clear scene at all
_FEWEST = 5  # folds from which a class stands on its own
_WIDEST = 3.0  # times as wide as the errors seen: what two degrees of freedom would ask for is 1.8, one 3.8


def remoteness(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far a day is from clear neighbours, in days: ab / (a + b), as the variance of a bridged random walk grows.

    Args:
        before: days to the clear scene before, infinite where there is none.
        after: days to the clear scene after.

    Returns:
        a or b where the other is missing; infinite without either.
    """
    with np.errstate(divide="ignore"):
        return 1 / (1 / np.maximum(before, 1e-6) + 1 / np.maximum(after, 1e-6))


def situation(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The class of a day by what is clear around it, int: by `INSIDE`, by `OUTSIDE`, without any.

    Args:
        before: days to the clear scene before, infinite where there is none.
        after: days to the clear scene after.
    """
    far = remoteness(before, after)
    alone = len(INSIDE) + 1 + np.digitize(far, OUTSIDE)
    found = np.where(np.isinf(before) | np.isinf(after), alone, np.digitize(far, INSIDE))
    return np.where(np.isinf(far), SITUATIONS - 1, found)


@dataclass(frozen=True)
class Intervals:
    """Distances from the estimate to the interval's ends, in units of the estimate's own spread, per class.

    Attributes:
        low: (classes,) usually negative.
        high: (classes,) usually positive.
    """

    low: np.ndarray
    high: np.ndarray

    def around(self, value: np.ndarray, spread: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ends, within [-1, 1], never on the wrong side of the estimate."""
        low, high = value + self.low[group] * spread, value + self.high[group] * spread
        return np.clip(np.minimum(low, value), -1, 1), np.clip(np.maximum(high, value), -1, 1)


def calibrate(error: np.ndarray, spread: np.ndarray, group: np.ndarray, fold: np.ndarray) -> Intervals:
    """Intervals from errors at dates not learned from.

    Args:
        error: (q,) truth minus estimate; NaN where there is no estimate.
        spread: (q,) the estimate's own measure of its error, above 0.
        group: (q,) the class, of `situation`.
        fold: (q,) the run of neighbouring dates that the truth is from.

    Returns:
        Ends of error / spread per class; classes with few folds take those of all.
    """
    finite = np.isfinite(error)
    score, group, fold = (error / spread)[finite], group[finite], fold[finite]
    ends = []
    for k in range(SITUATIONS):
        members = group == k
        enough = len(np.unique(fold[members])) >= _FEWEST
        ends.append(_ends(score[members], fold[members]) if enough else _ends(score, fold))
    low, high = np.array(ends).T
    return Intervals(low, high)


def _ends(score: np.ndarray, fold: np.ndarray) -> tuple[float, float]:
    """The two ends that leave the same share outside on either side, in a fold of dates that they were not made from.

    Ends made from few folds cover less than they should in another. By how much is seen by leaving each fold out in
    turn: all ends are moved from the middle by the factor at which those of the others cover what was left out
    (the jackknife of two-layer conformal prediction: R. Dunn, L. Wasserman and A. Ramdas, "Distribution-free prediction
    sets for two-layer hierarchical models", JASA 118 (2023)).
    """
    if not len(score):
        return -2.0, 2.0
    low, middle, high = _quantiles(score)
    folds, needed = np.unique(fold), []
    for left_out in folds[: len(folds) if len(folds) > 1 else 0]:
        judged = fold == left_out
        lower, centre, upper = _quantiles(score[~judged])
        away = score[judged] - centre
        needed.append(away / np.where(away < 0, min(lower - centre, -1e-6), max(upper - centre, 1e-6)))
    factor = np.clip(np.quantile(np.concatenate(needed), COVERED), 1, _WIDEST) if needed else _WIDEST
    return float(middle + factor * (low - middle)), float(middle + factor * (high - middle))


def _quantiles(score: np.ndarray) -> np.ndarray:
    return np.quantile(score, [(1 - COVERED) / 2, 0.5, (1 + COVERED) / 2])
