"""Boosted trees of one depth as plain arrays, fitted by scikit-learn, asked by a compiled loop.

Stochastic gradient boosting on binned features (Friedman 2002, doi:10.1016/S0167-9473(01)00065-2; Ke et al. 2017). A
tree is full: every path asks `DEPTH` questions, so that trees are rectangles of numbers, which are stored as they are
and which any library that can compare and multiply can ask. What scikit-learn ends early is filled up with questions
whose answer does not matter.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DEPTH = 4
QUESTIONS, LEAVES = 2**DEPTH - 1, 2**DEPTH
RATE, SMALLEST_LEAF, PULL, COLUMNS = 0.04, 60, 10.0, 0.3
"""Learning rate, samples in a leaf, L2 penalty of leaves, and the share of features that a split looks at."""
_BLOCK = 512
"""Samples that are asked together: their features stay in the processor's cache."""
_NEVER = np.finfo(np.float32).max
"""A threshold that nothing is above."""


@dataclass(frozen=True)
class Trees:
    """T fitted trees; the logarithm of the odds is the sum of the leaves that a sample ends in.

    Attributes:
        feature: (T, 15) int32, what each question looks at; question 0 comes first, 2 i + 1 or 2 i + 2 after i.
        threshold: (T, 15) float32; above it the second of the two comes next.
        leaf: (T, 16) float32, from left to right; the prevalence is part of the first tree's.
    """

    feature: np.ndarray
    threshold: np.ndarray
    leaf: np.ndarray

    def first(self, count: int) -> Trees:
        """The first trees alone: what would have been fitted in as many rounds."""
        return Trees(self.feature[:count], self.threshold[:count], self.leaf[:count])

    def probability(self, planes: np.ndarray) -> np.ndarray:
        """Probability of class 1, (n,) float32.

        Args:
            planes: (feature, n) float32, finite.
        """
        total = _compiled()(np.ascontiguousarray(planes, np.float32), self.feature, self.threshold, self.leaf)
        return (1 / (1 + np.exp(-total))).astype(np.float32)


def fit(values: np.ndarray, label: np.ndarray, rounds: int, seed: int = 0) -> Trees:
    """Fit trees, as many as there are rounds.

    Args:
        values: (n, feature) float32, finite.
        label: (n,) 0 or 1; where all are equal the trees say so.
        rounds: of boosting.
        seed: of the features that splits look at.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    share = float(np.mean(label))
    if share in (0.0, 1.0):
        return _constant(share, rounds)
    model = HistGradientBoostingClassifier(
        learning_rate=RATE,
        max_iter=rounds,
        max_depth=DEPTH,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=SMALLEST_LEAF,
        l2_regularization=PULL,
        max_features=COLUMNS,
        early_stopping=False,
        random_state=seed,
    )
    # Sums in one order are the same on every machine, and threads would wait for each other in nodes as small as these.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(values, label)
    trees = [_full(predictors[0].nodes) for predictors in model._predictors]
    feature, threshold, leaf = (np.stack(parts) for parts in zip(*trees, strict=True))
    leaf[0] += np.float32(model._baseline_prediction.ravel()[0])
    return Trees(feature, threshold, leaf)


def _constant(share: float, rounds: int) -> Trees:
    """Trees that say what all samples were: nothing is known of the other class."""
    leaf = np.zeros((rounds, LEAVES), np.float32)
    leaf[0] = 10.0 if share else -10.0
    return Trees(np.zeros((rounds, QUESTIONS), np.int32), np.full((rounds, QUESTIONS), _NEVER, np.float32), leaf)


def _full(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of scikit-learn's tree as a full one."""
    feature, threshold = np.zeros(QUESTIONS, np.int32), np.full(QUESTIONS, _NEVER, np.float32)
    leaf = np.zeros(LEAVES, np.float32)

    def place(old: int, new: int) -> None:
        if new >= QUESTIONS:
            leaf[new - QUESTIONS] = nodes["value"][old]
        elif nodes["is_leaf"][old]:
            place(old, 2 * new + 1)
            place(old, 2 * new + 2)
        else:
            feature[new], threshold[new] = nodes["feature_idx"][old], rounded_down(nodes["num_threshold"][old])
            place(int(nodes["left"][old]), 2 * new + 1)
            place(int(nodes["right"][old]), 2 * new + 2)

    place(0, 0)
    return feature, threshold, leaf


def rounded_down(values: Any) -> np.ndarray:
    """float64 thresholds as float32: what is at or below one is at or below the other."""
    near = np.asarray(values).astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


@functools.cache
def _compiled() -> Callable[..., np.ndarray]:
    import numba

    return numba.njit(nogil=True, boundscheck=False, error_model="numpy")(_sum_of_leaves)


def _sum_of_leaves(planes: np.ndarray, feature: np.ndarray, threshold: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    """Sums (n,) float32. All questions of a tree are asked: without turns, the processor asks many samples at once."""
    count = planes.shape[1]
    total = np.zeros(count, np.float32)
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        out = total[start:stop]
        for tree in range(len(leaf)):
            f, t, v = feature[tree], threshold[tree], leaf[tree]
            x0, t0 = planes[f[0], start:stop], t[0]
            x1, t1 = planes[f[1], start:stop], t[1]
            x2, t2 = planes[f[2], start:stop], t[2]
            x3, t3 = planes[f[3], start:stop], t[3]
            x4, t4 = planes[f[4], start:stop], t[4]
            x5, t5 = planes[f[5], start:stop], t[5]
            x6, t6 = planes[f[6], start:stop], t[6]
            x7, t7 = planes[f[7], start:stop], t[7]
            x8, t8 = planes[f[8], start:stop], t[8]
            x9, t9 = planes[f[9], start:stop], t[9]
            x10, t10 = planes[f[10], start:stop], t[10]
            x11, t11 = planes[f[11], start:stop], t[11]
            x12, t12 = planes[f[12], start:stop], t[12]
            x13, t13 = planes[f[13], start:stop], t[13]
            x14, t14 = planes[f[14], start:stop], t[14]
            v0, v1 = v[0], v[1]
            v2, v3 = v[2], v[3]
            v4, v5 = v[4], v[5]
            v6, v7 = v[6], v[7]
            v8, v9 = v[8], v[9]
            v10, v11 = v[10], v[11]
            v12, v13 = v[12], v[13]
            v14, v15 = v[14], v[15]
            for i in range(stop - start):
                w0 = v1 if x7[i] > t7 else v0
                w1 = v3 if x8[i] > t8 else v2
                w2 = v5 if x9[i] > t9 else v4
                w3 = v7 if x10[i] > t10 else v6
                w4 = v9 if x11[i] > t11 else v8
                w5 = v11 if x12[i] > t12 else v10
                w6 = v13 if x13[i] > t13 else v12
                w7 = v15 if x14[i] > t14 else v14
                w0 = w1 if x3[i] > t3 else w0
                w1 = w3 if x4[i] > t4 else w2
                w2 = w5 if x5[i] > t5 else w4
                w3 = w7 if x6[i] > t6 else w6
                w0 = w1 if x1[i] > t1 else w0
                w1 = w3 if x2[i] > t2 else w2
                out[i] += w1 if x0[i] > t0 else w0
    return total
