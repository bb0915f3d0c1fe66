"""Intervals for figures of a map: whole blocks are resampled, because neighbouring samples are not independent.

Every figure of one evaluation is computed on the same resamples, so that differences are paired. Intervals are
percentile intervals, widened for the number of blocks as Hesterberg (2015, doi:10.1080/00031305.2015.1089789)
recommends: plain ones are too narrow when blocks are few. They say how much a figure would move with other blocks of
the same kind of place, with the same models; not how it would move with other labels or in another country.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.evaluation.scores import BINS, equal_count_bins, mcc

if TYPE_CHECKING:
    from collections.abc import Mapping

DRAWS = 2000
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Resamples:
    """Draws of whole blocks with replacement; row 0 is the data as they are.

    Attributes:
        inverse: (n,) block of each sample, numbered from 0.
        weights: (draws + 1, blocks) how often each block was drawn.
    """

    inverse: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, block: np.ndarray, draws: int = DRAWS, seed: int = 0) -> Resamples:
        """Draw resamples of the blocks, numbered in any way, one number per sample."""
        names, inverse = np.unique(block, return_inverse=True)
        count = len(names)
        drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
        return cls(inverse, np.vstack([np.ones(count), drawn]).astype("float64"))

    def sums(self, values: np.ndarray, group: np.ndarray | None = None, groups: int = 1) -> np.ndarray:
        """Weighted sums of a value per sample, (draws + 1, groups), by a group number per sample."""
        count = self.weights.shape[1]
        key = self.inverse * groups + (0 if group is None else group)
        return self.weights @ np.bincount(key, values, count * groups).reshape(count, groups)


def resampled_figures(
    label: np.ndarray, predicted: np.ndarray, probability: np.ndarray | None, resamples: Resamples
) -> dict[str, np.ndarray]:
    """Each figure of a binary map on the data (element 0) and on every resample.

    Args:
        label: 0 or 1 per sample.
        predicted: predicted class.
        probability: of class 1; None leaves out average precision, Brier score and calibration error.
        resamples: of the same samples.

    Returns:
        By name, (draws + 1,): accuracy, mcc, precision, recall and f1 of built-up land, the same of the rest with
        `_not_built_up`, and with probabilities average_precision, brier, ece.
    """
    key = label.astype(int) * 2 + predicted.astype(int)
    tn, fp, fn, tp = resamples.sums(np.ones(len(label)), key, 4).T
    total = tn + fp + fn + tp
    out = {
        "accuracy": (tn + tp) / total,
        "mcc": mcc(tn, fp, fn, tp),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "precision_not_built_up": _ratio(tn, tn + fn),
        "recall_not_built_up": _ratio(tn, tn + fp),
        "f1_not_built_up": _ratio(2 * tn, 2 * tn + fp + fn),
    }
    if probability is None:
        return out
    squared = (probability.astype("float64") - label) ** 2
    out["average_precision"] = _average_precisions(label, probability, resamples)
    out["brier"] = resamples.sums(squared)[:, 0] / total
    bins = equal_count_bins(probability)
    gap = resamples.sums(probability.astype("float64") - label, bins, BINS)
    out["ece"] = np.abs(gap).sum(axis=1) / total
    return out


def interval(values: np.ndarray, blocks: int) -> dict[str, float]:
    """The figure itself and the ends of its 95 % interval.

    Args:
        values: element 0 on the data, the rest on resamples.
        blocks: number of blocks that were resampled.
    """
    tail = _tail(blocks)
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}


def intervals(figures: Mapping[str, np.ndarray], blocks: int) -> dict[str, dict[str, float]]:
    """`interval` of every figure.

    A calibration error is a sum of absolute values: chance alone makes it larger, more so the smaller it is, and
    resampling does so once again. Its interval is therefore joined with its reflection about the figure at twice the
    distance, which errs on the wide side, so that a calibrated model is covered.
    """
    out = {name: interval(values, blocks) for name, values in figures.items()}
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


def bin_intervals(label: np.ndarray, probability: np.ndarray, resamples: Resamples) -> list[dict[str, float]]:
    """95 % interval of the observed share of built-up land in each equal-count bin of probability."""
    bins = equal_count_bins(probability)
    positive = resamples.sums(label.astype("float64"), bins, BINS)
    share = _ratio(positive, resamples.sums(np.ones(len(label)), bins, BINS))
    return [interval(share[:, i], resamples.weights.shape[1]) for i in np.unique(bins)]


def _tail(blocks: int) -> float:
    """Share of resamples beyond each end."""
    from scipy.stats import norm, t

    if blocks < 2:
        return 0.0
    return float(norm.cdf(-np.sqrt(blocks / (blocks - 1)) * t.ppf(0.975, blocks - 1)))


def _average_precisions(label: np.ndarray, probability: np.ndarray, resamples: Resamples) -> np.ndarray:
    """As `scores.average_precision`, for every resample; ties count as one step."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    inverse, positive = resamples.inverse[order], label[order].astype("float32")
    weights = resamples.weights.astype("float32")  # counts: exact
    out = np.empty(len(weights))
    step = max(1, _AT_ONCE // len(label))
    for start in range(0, len(weights), step):
        drawn = weights[start : start + step, inverse]
        seen = np.cumsum(drawn, axis=1)[:, ends]
        hits = np.cumsum(drawn * positive, axis=1)[:, ends]
        gained = np.diff(hits, axis=1, prepend=0)
        value = (gained * _ratio(hits, seen)).sum(axis=1, dtype="float64")
        out[start : start + step] = _ratio(value, hits[:, -1])
    return out


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part by whole, 0 where there is no whole."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0)
