"""Nested block cross-validation: predictions of samples by models that saw neither them nor their surroundings.

The samples of fold k are predicted by models that saw neither fold k nor a buffer around it. Setting and threshold for
fold k come from models that saw neither k nor another fold j, judged on j. Such a pair model serves both k and j, so
five folds need ten inner fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.scores import choose_threshold, log_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of every sample.

    Attributes:
        probability: (n,) float32, by models that did not see the sample's fold.
        thresholds: (folds,) chosen without the fold; 0.5 where two folds leave nothing to choose with.
        settings: of each fold.
        inner: for each fold, the held-out probabilities of all others that its choices were made with; NaN within it.
    """

    probability: np.ndarray
    thresholds: np.ndarray
    settings: tuple[Any, ...] = ()
    inner: tuple[np.ndarray, ...] = ()

    def predicted(self, fold: np.ndarray) -> np.ndarray:
        """Class per sample at the threshold of its fold."""
        return (self.probability >= self.thresholds[fold]).astype("int8")


def nested(
    label: np.ndarray,
    fold: np.ndarray,
    block: np.ndarray,
    *,
    candidates: Callable[[list[np.ndarray]], Mapping[Any, Sequence[np.ndarray]]],
    fit: Callable[[list[Any]], Sequence[np.ndarray]],
    choose: Callable[[np.ndarray, dict[Any, np.ndarray], np.ndarray], Any],
    default: Any = None,
) -> OutOfFold:
    """Choose a setting and a threshold for each fold without it, and predict it.

    Args:
        label: 0 or 1 per sample.
        fold: fold number per sample, from 0.
        block: block number per sample.
        candidates: given the samples to be tested by each training, (n,) bool each: by setting, the probability (n,)
            by each training.
        fit: given the setting of each fold: the probability (n,) by a training without the fold.
        choose: given label, held-out probability by setting, and block: the setting.
        default: setting where two folds leave nothing to choose with.
    """
    count = int(fold.max()) + 1
    pairs = list(combinations(range(count), 2)) if count > 2 else []
    settings, thresholds, inner = [default] * count, np.full(count, 0.5), []
    answers = candidates([np.isin(fold, pair) for pair in pairs]) if pairs else {}
    for k in range(count if pairs else 0):
        rest, others = fold != k, [j for j in range(count) if j != k]
        at, tests = [pairs.index((min(k, j), max(k, j))) for j in others], [fold == j for j in others]
        joined = {s: held_out(tests, [a[i] for i in at]).astype("float32") for s, a in answers.items()}
        settings[k] = choose(label[rest], {s: p[rest] for s, p in joined.items()}, block[rest])
        inner.append(joined[settings[k]])
        thresholds[k] = choose_threshold(label[rest], inner[k][rest], block[rest])
    probability = held_out([fold == k for k in range(count)], fit(settings)).astype("float32")
    return OutOfFold(probability, thresholds, tuple(settings), tuple(inner))


def held_out(tests: Sequence[np.ndarray], answers: Sequence[np.ndarray]) -> np.ndarray:
    """Each test's samples as answered by its own training, (n,); NaN for samples of no test."""
    out = np.full(len(tests[0]), np.nan, np.result_type(*answers))
    for test, answer in zip(tests, answers, strict=True):
        out[test] = answer[test]
    return out


def simplest(
    label: np.ndarray, candidates: Mapping[Any, np.ndarray], block: np.ndarray, family: Callable[[Any], Hashable]
) -> Any:
    """The simplest family of settings within a standard error of the best, in its best setting.

    Losses are compared pairwise per block, because few blocks tell apart only what differs on most of them.

    Args:
        label: 0 or 1 per sample.
        candidates: held-out probability per sample of each setting, simpler families before wider ones.
        block: block number per sample.
        family: of a setting.

    Returns:
        The setting to refit with.
    """
    _, inverse = np.unique(block, return_inverse=True)
    count = inverse.max() + 1
    loss = {s: np.bincount(inverse, log_loss(label, p), count) for s, p in candidates.items()}
    best_of = {f: min((s for s in loss if family(s) == f), key=lambda s: loss[s].sum()) for f in map(family, loss)}
    best = min(best_of.values(), key=lambda s: loss[s].sum())
    for setting in best_of.values():
        difference = loss[setting] - loss[best]
        if difference.sum() <= difference.std(ddof=1 if count > 1 else 0) * np.sqrt(count):
            return setting
    return best
