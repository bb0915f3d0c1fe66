"""Intervals with a stated share of truths inside, from errors on simulated gaps at dates not learned from.

What belongs here: how errors become intervals (split conformal prediction: J. Lei et al., "Distribution-free predictive
inference for regression", JASA 113 (2018)). What does not: making the errors (`estimators`).

Pixels of one scene are wrong together, so the errors must come from scenes not learned from, and from many: a class of
few scenes has no intervals of its own. Errors grow with the distance to clear scenes: the classes are of `remoteness`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COVERED = 0.9
EDGES = np.array([2.0, 4.0, 8.0, 16.0])  # of remoteness, days
_MOST_COVERED = 0.95
_FEWEST = 5  # dates from which a class stands on its own


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


@dataclass(frozen=True)
class Intervals:
    """Distances from the estimate to the interval's ends, in units of the estimate's own spread, per class.

    Attributes:
        low: (classes,) usually negative.
        high: (classes,) usually positive.
    """

    low: np.ndarray
    high: np.ndarray

    def around(self, value: np.ndarray, spread: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ends, within [-1, 1], never on the wrong side of the estimate."""
        group = np.digitize(far, EDGES)
        low, high = value + self.low[group] * spread, value + self.high[group] * spread
        return np.clip(np.minimum(low, value), -1, 1), np.clip(np.maximum(high, value), -1, 1)


def calibrate(error: np.ndarray, spread: np.ndarray, far: np.ndarray, day: np.ndarray) -> Intervals:
    """Intervals from errors at dates not learned from.

    Args:
        error: (q,) truth minus estimate; NaN where there is no estimate.
        spread: (q,) the estimate's own measure of its error, above 0.
        far: (q,) remoteness in days.
        day: (q,) the date that the truth is from, in days.

    Returns:
        Quantiles of error / spread per class of remoteness; classes with few dates take those of all.
    """
    known = np.isfinite(error)
    score, far, day = (error / spread)[known], far[known], day[known]
    group, ends = np.digitize(far, EDGES), []
    for k in range(len(EDGES) + 1):
        own = group == k
        enough = len(np.unique(day[own])) >= _FEWEST
        ends.append(_quantiles(score[own], far[own], day[own]) if enough else _quantiles(score, far, day))
    low, high = np.array(ends).T
    return Intervals(low, high)


def _quantiles(score: np.ndarray, far: np.ndarray, day: np.ndarray) -> tuple[float, float]:
    """The two ends that leave the same share outside on either side.

    Dates within one gap are wrong together (a gap is four times as long as its middle is remote), so few gaps fit into
    the dates there are: the fewer, the more than the stated share must be inside, as in conformal prediction from few
    cases; a tenth of that surplus, as pixels differ within a gap
    (the tenth was found by trial on one Belgian place, whole and thinned out).
    """
    if not len(score):
        return -2.0, 2.0
    finite = far[np.isfinite(far)]
    gaps = max(1.0, np.ptp(day) / (4 * max(1.0, float(np.median(finite)) if len(finite) else 1.0)))
    inside = min(_MOST_COVERED, COVERED * (1 + 0.1 / gaps))
    low, high = np.quantile(score, [(1 - inside) / 2, (1 + inside) / 2])
    return float(low), float(high)
