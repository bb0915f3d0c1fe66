"""Figures of a binary map against labels: confusion, MCC, per-class errors, average precision, calibration, thresholds.

Agreement with labels is not accuracy on the ground: prevalence and the majority baseline stand beside every figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

DRAWS = 300
BINS = 10


def confusion(label: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    """Counts `tn`, `fp`, `fn`, `tp` of boolean predictions against 0/1 labels."""
    label, predicted = label.astype(bool), predicted.astype(bool)
    return {
        "tn": int((~label & ~predicted).sum()),
        "fp": int((~label & predicted).sum()),
        "fn": int((label & ~predicted).sum()),
        "tp": int((label & predicted).sum()),
    }


def mcc(tn: ArrayLike, fp: ArrayLike, fn: ArrayLike, tp: ArrayLike) -> np.ndarray:
    """Matthews correlation coefficient of confusion counts, element by element; 0 where a margin is empty."""
    a, b, c, d = (np.asarray(v, dtype="float64") for v in (tn, fp, fn, tp))
    scale = np.sqrt((d + b) * (d + c) * (a + b) * (a + c))
    return np.where(scale > 0, (d * a - b * c) / np.where(scale > 0, scale, 1), 0.0)


def scores(label: np.ndarray, predicted: np.ndarray, probability: np.ndarray | None = None) -> dict[str, object]:
    """Figures of a map against labels, all JSON-able.

    Args:
        label: 0 or 1 per sample.
        predicted: predicted class.
        probability: of class 1, for average precision and Brier score.

    Returns:
        `confusion` (counts), `confusion_share` (each label class sums to 1), `accuracy`, `mcc`, precision, recall and
        F1 of built-up land, and `not_built_up` with the same of the rest.
    """
    counts = confusion(label, predicted)
    tn, fp, fn, tp = counts["tn"], counts["fp"], counts["fn"], counts["tp"]
    out: dict[str, object] = {
        "confusion": counts,
        "confusion_share": {
            "tn": tn / max(tn + fp, 1),
            "fp": fp / max(tn + fp, 1),
            "fn": fn / max(fn + tp, 1),
            "tp": tp / max(fn + tp, 1),
        },
        "accuracy": (tn + tp) / max(len(label), 1),
        "mcc": float(mcc(tn, fp, fn, tp)),
        **_of_class(tp, fp, fn),
        "not_built_up": _of_class(tn, fn, fp),
    }
    if probability is not None:
        out["average_precision"] = average_precision(label, probability)
        out["brier"] = float(((probability.astype("float64") - label) ** 2).mean())
    return out


def average_precision(label: np.ndarray, probability: np.ndarray) -> float:
    """Mean precision over the recall steps of the ranking by probability; ties count as one step."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    hits = np.cumsum(label[order])[ends].astype("float64")
    if not hits[-1]:
        return 0.0
    return float((np.diff(hits, prepend=0) / hits[-1] * hits / (ends + 1)).sum())


def precision_recall(label: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall at every distinct probability taken as threshold, from the highest down."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    hits = np.cumsum(label[order])[ends].astype("float64")
    return hits / (ends + 1), hits / max(hits[-1], 1)


def equal_count_bins(probability: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Bin number per sample, from the lowest probability up; bins differ by at most one sample."""
    out = np.empty(len(probability), int)
    for number, part in enumerate(np.array_split(np.argsort(probability, kind="stable"), bins)):
        out[part] = number
    return out


def calibration(label: np.ndarray, probability: np.ndarray, bins: int = BINS) -> dict[str, object]:
    """Reliability over equal-count bins: mean probability, share of positives and count per bin, and their ECE."""
    number = equal_count_bins(probability, bins)
    parts = [number == i for i in np.unique(number)]
    rows = [
        {"probability": float(probability[p].mean()), "observed": float(label[p].mean()), "count": int(p.sum())}
        for p in parts
    ]
    ece = sum(abs(r["probability"] - r["observed"]) * r["count"] for r in rows) / len(label)
    return {"bins": rows, "ece": float(ece)}


def log_loss(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Negative log-likelihood per sample, floored at a probability of 1e-4 so that no sample decides alone."""
    return -np.log(np.clip(np.where(label == 1, probability, 1 - probability), 1e-4, 1.0))


def choose_threshold(label: np.ndarray, probability: np.ndarray, block: np.ndarray, seed: int = 0) -> float:
    """The threshold nearest 0.5 whose MCC no other threshold beats beyond chance.

    The threshold of the highest MCC is a noisy thing when blocks are few: on 15 blocks it wanders from 0.2 to 0.9.
    So a threshold leaves 0.5 only as far as the data show that it pays.

    Args:
        label: 0 or 1 per sample.
        probability: predicted by a model that was not trained on the sample.
        block: block number per sample, the unit of resampling.
        seed: of the resampling.

    Returns:
        A threshold in (0, 1); positive means probability >= threshold.
    """
    equal = equal_thresholds(label, probability, block, seed)
    return float(equal[np.argmin(np.abs(equal - 0.5))])


def equal_thresholds(label: np.ndarray, probability: np.ndarray, block: np.ndarray, seed: int = 0) -> np.ndarray:
    """The thresholds, ascending, whose MCC does not lose significantly (one-sided, 5 %) to the best one.

    The difference to the best is resampled over whole blocks; arguments as for `choose_threshold`.
    """
    spread = np.quantile(probability, np.linspace(0.01, 0.99, 99))
    grid = np.unique(np.concatenate([np.linspace(0.02, 0.98, 97), np.clip(spread, 0.005, 0.995)]))
    _, inverse = np.unique(block, return_inverse=True)
    count = inverse.max() + 1
    level = np.searchsorted(grid, probability, side="right")  # thresholds a sample passes: grid[:level]
    passed = np.zeros((2, count, len(grid) + 1))
    np.add.at(passed, (label.astype(int), inverse, level), 1)
    totals = passed.sum(axis=2)
    passed = passed[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:]
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS).astype("float64")
    weights = np.vstack([np.ones(count), draws])  # row 0 is the data as they are
    tp, fp = weights @ passed[1], weights @ passed[0]
    positives, negatives = (weights @ totals[1])[:, None], (weights @ totals[0])[:, None]
    value = mcc(negatives - fp, fp, positives - tp, tp)
    best = int(np.argmax(value[0]))
    lost = value[:, [best]] - value
    equal = lost[0] <= 1.645 * lost[1:].std(axis=0)
    return grid[equal]


def _of_class(hit: int, false: int, missed: int) -> dict[str, float]:
    """Precision (1 - commission error), recall (1 - omission error) and F1 of one class."""
    return {
        "precision": hit / max(hit + false, 1),
        "recall": hit / max(hit + missed, 1),
        "f1": 2 * hit / max(2 * hit + false + missed, 1),
    }
