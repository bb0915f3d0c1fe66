"""Forests of extremely randomised trees as plain arrays, grown by scikit-learn.

P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006). Trees may be grown
without a fold of dates each, so that for every date there are trees that have not seen it: their errors there are
honest. Arrays rather than pickled objects: they are stored as they are, load anywhere, and are asked without the GIL.

How a forest is asked. A walk is a chain of loads, each waiting for the one before, with a turn at every node that no
processor predicts. So a block of queries goes down one tree after the other, tree and block staying in cache; `ABREAST`
of them walk side by side; and the turn is arithmetic instead of a branch. A node is one 64-bit number:

    bits 63 to 32  its threshold, as a whole number that orders as the floats do
    bits 31 to 24  the feature asked
    bits 23 to 0   its left child, counted from the root; the right child is the next one

so that a step takes two loads: the node, and the query's feature. Leaves lead to themselves.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.kernels import compiled

BLOCK, ABREAST, STEPS = 512, 8, 4  # queries, queries, steps between looks whether all have arrived
_LEAF = np.uint64(0xFFFFFFFF)  # no value is above it
_FEATURE, _CHILD, _HALF = np.uint64(24), np.uint64(0xFFFFFF), np.uint64(32)
_BYTE = np.uint64(0xFF)


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
        out = np.empty((2, len(values)), np.float32)
        for left_out in np.unique(fold):
            queries = fold == left_out
            out[:, queries] = walk(values[queries], word, self.root[self.fold == left_out], *nodes)
        return out[0], out[1]


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
        )
        with warnings.catch_warnings(record=True):  # its threads empty the filters that they find, and warn of it
            grown.fit(values[rows], target[rows])
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


def ordered(values: np.ndarray) -> np.ndarray:
    """float32 values as uint32 that compare alike; not for NaN, and -0 is below 0."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))


def thresholds(values: np.ndarray) -> np.ndarray:
    """float64 thresholds as the float32 that no other float32 lies between: at or below means the same for float32."""
    near = values.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf), dtype=np.float32)
    return np.where(near > values, below, near) + np.float32(0)  # no -0


@compiled
def packed(
    feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, right: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All nodes as the numbers above, and where each was before: siblings now stand side by side.

    Args:
        feature: (nodes,) int32, -1 at leaves.
        threshold: (nodes,) uint32, `ordered`.
        left: (nodes,) int32 among all nodes.
        right: (nodes,) int32 among all nodes.
        root: (trees,) int32, ascending; a tree's nodes follow its root.
    """
    word, origin = np.empty(len(feature), np.uint64), np.empty(len(feature), np.int64)
    for first in root:
        origin[first], at, free = first, first, first + 1
        while at < free:
            old = origin[at]
            if feature[old] < 0:
                word[at] = (_LEAF << _HALF) | np.uint64(at - first)
            else:
                word[at] = (
                    (np.uint64(threshold[old]) << _HALF)
                    | (np.uint64(feature[old]) << _FEATURE)
                    | np.uint64(free - first)
                )
                origin[free], origin[free + 1] = left[old], right[old]
                free += 2
            at += 1
    return word, origin


@compiled
def walk(
    values: np.ndarray, word: np.ndarray, root: np.ndarray, mean: np.ndarray, square: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation at the leaves reached, (q,) float32 each.

    Args:
        values: (q, features) uint32, `ordered`, C order; at most 256 features.
        word: (nodes,) of `packed`; at most 2**24 a tree.
        root: (trees,) the trees to ask.
        mean: (nodes,) float32, in the order of `packed`.
        square: (nodes,) float32, mean square.
    """
    count, width = values.shape
    flat = values.reshape(-1)
    expected, deviation = np.empty(count, np.float32), np.empty(count, np.float32)
    total, squares = np.empty(BLOCK), np.empty(BLOCK)
    # Unsigned throughout: of a signed index the compiler must ask whether it counts from the end.
    node, query = np.empty(ABREAST, np.uint64), np.empty(ABREAST, np.uint64)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        total[:], squares[:] = 0, 0
        for first in root:
            tree, means, mean_squares = word[first:], mean[first:], square[first:]
            for group in range(start, stop, ABREAST):
                for k in range(ABREAST):
                    node[k], query[k] = 0, min(group + k, count - 1) * width
                moved = np.uint64(1)
                while moved != 0:
                    for _ in range(STEPS):
                        moved = np.uint64(0)
                        for k in range(ABREAST):
                            here = tree[node[k]]
                            value = flat[query[k] + ((here >> _FEATURE) & _BYTE)]
                            then = (here & _CHILD) + np.uint64(value > (here >> _HALF))
                            moved |= then ^ node[k]
                            node[k] = then
                for k in range(min(ABREAST, stop - group)):
                    total[group - start + k] += means[node[k]]
                    squares[group - start + k] += mean_squares[node[k]]
        for k in range(stop - start):
            average = total[k] / len(root)
            expected[start + k] = average
            deviation[start + k] = np.sqrt(max(squares[k] / len(root) - average**2, 0.0))
    return expected, deviation
