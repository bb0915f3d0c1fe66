"""Figures of a map or an estimate on the data and on every resample: two classes, many classes, regression.

Each function returns arrays by name, (draws + 1,): element 0 is the figure, `bootstrap.interval` makes its interval of
the rest. So a figure and its interval come from one computation, and differences of two are paired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.evaluation.bootstrap import Resamples, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

DRAWS = 300
BINS = 10
_AT_ONCE = 4_000_000


def confusion(label: np.ndarray, predicted: np.ndarray, resamples: Resamples, classes: int = 2) -> np.ndarray:
    """Counts by label and predicted class, (draws + 1, classes, classes); both are numbered from 0."""
    key = label.astype(int) * classes + predicted.astype(int)
    return resamples.sums(np.ones(len(label)), key, classes**2).reshape(-1, classes, classes)


def two_classes(
    label: np.ndarray,
    predicted: np.ndarray,
    probability: np.ndarray | None,
    resamples: Resamples,
    rest: str = "rest",
) -> dict[str, np.ndarray]:
    """Figures of a binary map.

    Args:
        label: 0 or 1 per sample.
        predicted: predicted class.
        probability: of class 1; None leaves out average precision, Brier score and calibration error.
        resamples: of the same samples.
        rest: what class 0 is called in names.

    Returns:
        accuracy, mcc, precision, recall and f1 of class 1, the same of class 0 as `precision_<rest>` and so on, and
        with probabilities average_precision, brier, ece (over equal-count bins).
    """
    tn, fp, fn, tp = confusion(label, predicted, resamples).reshape(-1, 4).T
    total = tn + fp + fn + tp
    out = {"accuracy": (tn + tp) / total, "mcc": mcc(tn, fp, fn, tp)}
    out |= {
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        f"precision_{rest}": ratio(tn, tn + fn),
        f"recall_{rest}": ratio(tn, tn + fp),
        f"f1_{rest}": ratio(2 * tn, 2 * tn + fp + fn),
    }
    if probability is None:
        return out
    out["average_precision"] = _average_precision(label, probability, resamples)
    out["brier"] = resamples.sums((probability.astype("float64") - label) ** 2)[:, 0] / total
    gap = resamples.sums(probability.astype("float64") - label, equal_count_bins(probability), BINS)
    out["ece"] = np.abs(gap).sum(axis=1) / total
    return out


def many_classes(
    label: np.ndarray, predicted: np.ndarray, names: Sequence[str], resamples: Resamples
) -> dict[str, np.ndarray]:
    """Figures of a map of many classes.

    Args:
        label: class per sample, an index into `names`.
        predicted: predicted class, likewise.
        names: of the classes.
        resamples: of the same samples.

    Returns:
        accuracy (overall), average_accuracy (mean recall of the classes that are labelled), kappa, macro_f1 (mean over
        the classes that are labelled or predicted); `precision_<name>` (user's accuracy), `recall_<name>` (producer's)
        and `f1_<name>` of each class, 0 where there is nothing of it.
    """
    counts = confusion(label, predicted, resamples, len(names))
    hit = np.diagonal(counts, axis1=1, axis2=2)
    labelled, mapped, total = counts.sum(axis=2), counts.sum(axis=1), counts.sum(axis=(1, 2))
    accuracy, chance = hit.sum(axis=1) / total, (labelled * mapped).sum(axis=1) / total**2
    recall, f1 = ratio(hit, labelled), ratio(2 * hit, labelled + mapped)
    out = {
        "accuracy": accuracy,
        "average_accuracy": recall.sum(axis=1) / (labelled > 0).sum(axis=1),
        "kappa": ratio(accuracy - chance, 1 - chance),
        "macro_f1": f1.sum(axis=1) / (labelled + mapped > 0).sum(axis=1),
    }
    for figure, values in (("precision", ratio(hit, mapped)), ("recall", recall), ("f1", f1)):
        out |= {f"{figure}_{name}": values[:, number] for number, name in enumerate(names)}
    return out


def regression(truth: np.ndarray, estimate: np.ndarray, resamples: Resamples) -> dict[str, np.ndarray]:
    """Errors of estimated numbers, in their unit.

    Args:
        truth: finite value per sample.
        estimate: of it, finite.
        resamples: of the same samples.

    Returns:
        bias (estimate minus truth), mae, rmse, r2 (share of the truth's variance that is explained, may be negative)
        and correlation (Pearson); the last two are NaN where nothing varies.
    """
    truth, estimate = truth.astype("float64"), estimate.astype("float64")
    error, middle = estimate - truth, truth.mean()
    x, y = truth - middle, estimate - middle  # sums of squares of what is far from 0 would lose digits
    bias, square, mean_x, mean_y = map(resamples.mean, (error, error**2, x, y))
    variance_x, variance_y, shared = map(resamples.mean, (x**2, y**2, x * y))
    variance_x, variance_y = np.maximum(variance_x - mean_x**2, 0), np.maximum(variance_y - mean_y**2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.where(variance_x > 0, 1 - square / variance_x, np.nan)
        correlation = (shared - mean_x * mean_y) / np.sqrt(variance_x * variance_y)
    mae, rmse = resamples.mean(np.abs(error)), np.sqrt(square)
    return {"bias": bias, "mae": mae, "rmse": rmse, "r2": r2, "correlation": correlation}


def mcc(tn: ArrayLike, fp: ArrayLike, fn: ArrayLike, tp: ArrayLike) -> np.ndarray:
    """Matthews correlation coefficient of confusion counts, element by element; 0 where a margin is empty."""
    a, b, c, d = (np.asarray(v, dtype="float64") for v in (tn, fp, fn, tp))
    scale = np.sqrt((d + b) * (d + c) * (a + b) * (a + c))
    return np.where(scale > 0, (d * a - b * c) / np.where(scale > 0, scale, 1), 0.0)


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


def observed_shares(label: np.ndarray, probability: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Share of class 1 in each equal-count bin of probability, (draws + 1, bins)."""
    bins = equal_count_bins(probability)
    positive = resamples.sums(label.astype("float64"), bins, BINS)
    return ratio(positive, resamples.sums(np.ones(len(label)), bins, BINS))


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
    resamples = Resamples.of(block, DRAWS, seed)
    weights, count = resamples.weights, resamples.groups
    level = np.searchsorted(grid, probability, side="right")  # thresholds a sample passes: grid[:level]
    passed = np.zeros((2, count, len(grid) + 1))
    np.add.at(passed, (label.astype(int), resamples.inverse, level), 1)
    totals = passed.sum(axis=2)
    passed = passed[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:]
    tp, fp = weights @ passed[1], weights @ passed[0]
    positives, negatives = (weights @ totals[1])[:, None], (weights @ totals[0])[:, None]
    value = mcc(negatives - fp, fp, positives - tp, tp)
    best = int(np.argmax(value[0]))
    lost = value[:, [best]] - value
    equal = lost[0] <= 1.645 * lost[1:].std(axis=0)
    return grid[equal]


def _average_precision(label: np.ndarray, probability: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Mean precision over the recall steps of the ranking by probability; ties count as one step."""
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
        value = (gained * ratio(hits, seen)).sum(axis=1, dtype="float64")
        out[start : start + step] = ratio(value, hits[:, -1])
    return out
