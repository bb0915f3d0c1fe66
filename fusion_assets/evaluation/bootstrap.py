"""Intervals for figures: whole groups (blocks, dates) are resampled, for samples of a group are not independent.

Every figure of one evaluation is computed on the same resamples, so that differences are paired. Intervals are
percentile intervals, widened for the number of groups as Hesterberg (2015, doi:10.1080/00031305.2015.1089789)
recommends: plain ones are too narrow when groups are few. They say how much a figure would move with other groups of
the same kind of place, with the same models; not how it would move with other labels or in another country.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

DRAWS = 2000


@dataclass(frozen=True)
class Resamples:
    """Draws of whole groups with replacement; row 0 is the data as they are.

    Attributes:
        inverse: (n,) group of each sample, numbered from 0.
        weights: (draws + 1, groups) how often each group was drawn.
    """

    inverse: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, group: np.ndarray, draws: int = DRAWS, seed: int = 0) -> Resamples:
        """Draw resamples of the groups, numbered in any way, one number per sample; without draws, the data alone."""
        names, inverse = np.unique(group, return_inverse=True)
        count = len(names)
        drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
        return cls(inverse, np.vstack([np.ones(count), drawn]).astype("float64"))

    @classmethod
    def without_each(cls, group: np.ndarray) -> Resamples:
        """The data, then all but the first group, all but the second, and so on: what a jackknife needs."""
        names, inverse = np.unique(group, return_inverse=True)
        return cls(inverse, np.vstack([np.ones(len(names)), 1 - np.eye(len(names))]))

    @classmethod
    def each_alone(cls, group: np.ndarray) -> Resamples:
        """The data, then the first group alone, the second alone, and so on, in the order of their names."""
        names, inverse = np.unique(group, return_inverse=True)
        return cls(inverse, np.vstack([np.ones(len(names)), np.eye(len(names))]))

    @property
    def groups(self) -> int:
        """Number of groups that are drawn."""
        return self.weights.shape[1]

    def sums(self, values: np.ndarray, part: np.ndarray | None = None, parts: int = 1) -> np.ndarray:
        """Weighted sums of a value per sample, (draws + 1, parts), by a part number per sample."""
        key = self.inverse * parts + (0 if part is None else part)
        return self.weights @ np.bincount(key, values, self.groups * parts).reshape(self.groups, parts)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Weighted mean of a value per sample, (draws + 1,)."""
        return self.sums(values)[:, 0] / self.sums(np.ones(len(values)))[:, 0]


def interval(values: np.ndarray, groups: int) -> dict[str, float]:
    """The figure itself and the ends of its 95 % interval.

    Args:
        values: element 0 on the data, the rest on resamples.
        groups: number of groups that were resampled.
    """
    tail = _tail(groups)
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}


def intervals(figures: Mapping[str, np.ndarray], groups: int) -> dict[str, dict[str, float]]:
    """`interval` of every figure.

    A calibration error is a sum of absolute values: chance alone makes it larger, more so the smaller it is, and
    resampling does so once again. Its interval is therefore joined with its reflection about the figure at twice the
    distance, which errs on the wide side, so that a calibrated model is covered.
    """
    out = {name: interval(values, groups) for name, values in figures.items()}
    if "ece" in out:
        value, low, high = out["ece"].values()
        ends = {"low": min(low, 3 * value - 2 * high), "high": max(high, 3 * value - 2 * low)}
        if (figures["ece"] >= 0).all():  # not the difference of two
            ends = {"low": max(ends["low"], 0.0), "high": max(high, value)}
        out["ece"] |= ends
    return out


def differences(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """First minus second, resample by resample, for the figures that both have."""
    return {name: first[name] - second[name] for name in first if name in second}


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part by whole, 0 where there is no whole."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0)


def _tail(groups: int) -> float:
    """Share of resamples beyond each end."""
    from scipy.stats import norm, t

    if groups < 2:
        return 0.0
    return float(norm.cdf(-np.sqrt(groups / (groups - 1)) * t.ppf(0.975, groups - 1)))
