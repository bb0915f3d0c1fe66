"""Figures of a binary map against labels: confusion, MCC, F1, average precision, calibration, thresholds.

Belongs here: pure functions of arrays (label, probability, block). Not here: who was trained on what (`evaluation.py`).

Agreement with labels is not accuracy on the ground: prevalence and the majority baseline stand beside every figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

DRAWS = 300


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
    """Confusion matrix, accuracy, MCC, F1 and, with probabilities, average precision; all JSON-able."""
    counts = confusion(label, predicted)
    tn, fp, fn, tp = counts["tn"], counts["fp"], counts["fn"], counts["tp"]
    out: dict[str, object] = {
        "confusion": counts,
        "accuracy": (tn + tp) / max(len(label), 1),
        "mcc": float(mcc(tn, fp, fn, tp)),
        "f1": 2 * tp / max(2 * tp + fp + fn, 1),
    }
    if probability is not None:
        out["average_precision"] = average_precision(label, probability)
    return out


def average_precision(label: np.ndarray, probability: np.ndarray) -> float:
    """Mean precision over the recall steps of the ranking by probability; ties count as one step."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    hits = np.cumsum(label[order])[ends].astype("float64")
    if not hits[-1]:
        return 0.0
    return float((np.diff(hits, prepend=0) / hits[-1] * hits / (ends + 1)).sum())


def calibration(label: np.ndarray, probability: np.ndarray, bins: int = 10) -> dict[str, object]:
    """Reliability over equal-count bins: mean probability, share of positives and count per bin, and their ECE."""
    parts = [p for p in np.array_split(np.argsort(probability, kind="stable"), bins) if len(p)]
    rows = [
        {"probability": float(probability[p].mean()), "observed": float(label[p].mean()), "count": len(p)}
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
    So a threshold leaves 0.5 only as far as the data show that it pays: the difference to the best one is
    resampled over whole blocks, and all thresholds that do not lose significantly (one-sided, 5 %) count as equal.

    Args:
        label: 0 or 1 per sample.
        probability: predicted by a model that was not trained on the sample.
        block: block number per sample, the unit of resampling.
        seed: of the resampling.

    Returns:
        A threshold in (0, 1); positive means probability >= threshold.
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
    return float(grid[equal][np.argmin(np.abs(grid[equal] - 0.5))])


def block_bootstrap(
    label: np.ndarray, first: np.ndarray, second: np.ndarray, block: np.ndarray, draws: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Paired interval of the MCC difference of two predictions, resampling whole blocks.

    Args:
        label: 0 or 1 per sample.
        first: predicted class of one model.
        second: predicted class of the other.
        block: block number per sample.
        draws: resamples.
        seed: of the resampling.

    Returns:
        `difference` (first minus second) with the `low` and `high` ends of its 95 % percentile interval.
    """
    _, inverse = np.unique(block, return_inverse=True)
    count = inverse.max() + 1
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws).astype("float64")
    weights = np.vstack([np.ones(count), weights])
    values = []
    for predicted in (first, second):
        key = label.astype(int) * 2 + predicted.astype(int)
        cells = [weights @ np.bincount(inverse, weights=key == k, minlength=count) for k in range(4)]
        values.append(mcc(*cells))
    difference = values[0] - values[1]
    low, high = np.quantile(difference[1:], [0.025, 0.975])
    return {"difference": float(difference[0]), "low": float(low), "high": float(high)}
