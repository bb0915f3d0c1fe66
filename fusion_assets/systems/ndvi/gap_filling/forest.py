"""Forests of extremely randomised trees as plain arrays, grown by scikit-learn.

P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006). Trees may be grown
without a fold of dates each, so that for every date there are trees that have not seen it: their errors there are
honest. Arrays rather than pickled objects: they are stored as they are, load anywhere, and are asked without the
GIL (`forest_kernel`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.forest_kernel import ordered, packed, thresholds, walk


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
        fold: (trees,) int32, the fold that a tree has not seen; 0 where there is but one kind of tree.
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
        threshold = ordered(thresholds(self.threshold))
        word, origin = packed(self.feature, threshold, self.left, self.right, self.root)
        mean, values = self.mean[origin], ordered(values)
        nodes = mean, mean**2 + self.variance[origin]
        if fold is None:
            return walk(values, word, self.root, *nodes)
        found = np.empty((2, len(values)), np.float32)
        for own in np.unique(fold):
            queries = fold == own
            found[:, queries] = walk(values[queries], word, self.root[self.fold == own], *nodes)
        return found[0], found[1]


def grow(values: np.ndarray, target: np.ndarray, seen: np.ndarray, trees: int, leaf: int, seed: int = 0) -> Forest:
    """Grow `trees` trees for every row of `seen`.

    Args:
        values: (q, features) float32, finite.
        target: (q,) float32.
        seen: (folds, q) bool, what the trees for each fold are grown on; one row for trees not asked by fold.
        trees: number for every row.
        leaf: least number of training values in a leaf.
        seed: of the random numbers.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    parts: list[tuple[np.ndarray, ...]] = []
    roots, folds, start = [], [], 0
    for left_out, rows in enumerate(seen):
        grown = ExtraTreesRegressor(
            trees, min_samples_leaf=leaf, max_features=0.6, n_jobs=-1, random_state=seed + left_out
        ).fit(values[rows], target[rows])
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
