"""Forests of extremely randomised trees as plain arrays, grown by scikit-learn, asked by a compiled loop.

P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006). What belongs here:
growing, storing and asking. Each tree is grown without one fold of dates, so that for every date there are trees that
have not seen it: their errors there are honest. Arrays rather than pickled objects: they are stored
as they are, load anywhere, and are asked without the GIL.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fusion_assets.ndvi.kernels import compiled


@dataclass(frozen=True)
class Forest:
    """All trees' nodes in a row.

    Attributes:
        feature: (nodes,) int32, index of the feature asked; -1 at leaves.
        threshold: (nodes,) float64; at or below goes left.
        left: (nodes,) int32, index of the left child among all nodes.
        right: (nodes,) int32.
        mean: (nodes,) float32, mean of the training values there.
        variance: (nodes,) float32, their variance.
        root: (trees,) int32.
        fold: (trees,) int32, the fold that a tree has not seen.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    root: np.ndarray
    fold: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, `forest_...`."""
        return {f"forest_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Forest:
        """From what `arrays` gave."""
        return cls(*(arrays[f"forest_{field.name}"] for field in fields(cls)))

    def ask(self, values: np.ndarray, fold: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation that the forest expects.

        Args:
            values: (q, features) float32, finite.
            fold: (q,) int, to ask only the trees that have not seen it; all trees without it.

        Returns:
            Both (q,) float32. The deviation is that of the training values in the leaves reached, within and between.
        """
        only = np.full(len(values), -1, np.int64) if fold is None else fold
        return _ask(values, only, *(getattr(self, field.name) for field in fields(self)))


def grow(values: np.ndarray, target: np.ndarray, fold: np.ndarray, trees: int, leaf: int, seed: int = 0) -> Forest:
    """Grow `trees` trees for every fold, each on the other folds.

    Args:
        values: (q, features) float32, finite.
        target: (q,) float32.
        fold: (q,) int from 0.
        trees: number for every fold.
        leaf: least number of training values in a leaf.
        seed: of the random numbers.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    parts: list[tuple[np.ndarray, ...]] = []
    roots, folds, start = [], [], 0
    for left_out in range(int(fold.max()) + 1):
        seen = fold != left_out
        grown = ExtraTreesRegressor(
            trees, min_samples_leaf=leaf, max_features=0.6, n_jobs=-1, random_state=seed + left_out
        ).fit(values[seen], target[seen])
        for tree in (estimator.tree_ for estimator in grown.estimators_):
            leaves = tree.children_left < 0
            parts.append(
                (
                    np.where(leaves, -1, tree.feature),
                    tree.threshold,
                    np.where(leaves, -1, tree.children_left + start),
                    np.where(leaves, -1, tree.children_right + start),
                    tree.value[:, 0, 0],
                    tree.impurity,
                )
            )
            roots.append(start)
            folds.append(left_out)
            start += tree.node_count
    feature, threshold, left, right, mean, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Forest(
        feature.astype(np.int32),
        threshold.astype(np.float64),
        left.astype(np.int32),
        right.astype(np.int32),
        mean.astype(np.float32),
        variance.astype(np.float32),
        np.asarray(roots, np.int32),
        np.asarray(folds, np.int32),
    )


@compiled
def _ask(
    values: np.ndarray,
    only: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    root: np.ndarray,
    fold: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    expected, deviation = np.empty(len(values), np.float32), np.empty(len(values), np.float32)
    for k in range(len(values)):
        total, square, asked = 0.0, 0.0, 0
        for tree in range(len(root)):
            if only[k] >= 0 and fold[tree] != only[k]:
                continue
            node = root[tree]
            while feature[node] >= 0:
                node = left[node] if values[k, feature[node]] <= threshold[node] else right[node]
            total += mean[node]
            square += mean[node] ** 2 + variance[node]
            asked += 1
        expected[k] = total / asked
        deviation[k] = np.sqrt(max(square / asked - (total / asked) ** 2, 0.0))
    return expected, deviation
