"""Boosted trees that say by how much brighter a pixel is than the deblurred lights (Friedman 2001).

They are fitted one scale up, where the answer is known: on the product's own cells, from coarser ones. Their loss is
the Poisson deviance of light, which conservation lessens as well (Richardson 1972): what it finds is the mean of lamps
and not their middle, and bright pixels weigh more. Copies with another spread and more noise keep the trees from
relying on a sensor that is never known exactly.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.learning.trees import rounded_down
from fusion_assets.systems.night_radiance.methods.features import features, names, strips
from fusion_assets.systems.night_radiance.task import FAINTEST

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.examples import Example
    from fusion_assets.systems.night_radiance.task import Task

TREES, LEAVES, SMALLEST_LEAF, RATE = 250, 12, 60, 0.05
_PULL = 10.0
_FURTHEST = 4.0
"""Logarithm of the largest factor that a pixel is multiplied by or divided through."""


@dataclass(frozen=True)
class Trees:
    """Fitted trees as numbers.

    Attributes:
        guides: names of the day imagery, in order.
        base: what no tree has changed yet.
        feature: (nodes,) int32, that a node asks; -1 at leaves.
        threshold: (nodes,) float32; at or below goes left.
        left: (nodes,) int32, among all nodes.
        right: (nodes,) int32.
        value: (nodes,) float32, what a leaf adds.
        root: (trees,) int32.
    """

    guides: tuple[str, ...]
    base: float
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    root: np.ndarray

    def radiance(self, task: Task) -> np.ndarray:
        """The deblurred lights times what the trees say, not yet conserved; (height, width), nW/cm2/sr."""
        result = np.empty(task.sensor.fine.shape)
        nodes = self.feature, self.threshold, self.left, self.right, self.value, self.root
        begun = task.start

        def answer(rows: slice) -> None:
            change = np.clip(self.base + walked(features(task, rows), *nodes), -_FURTHEST, _FURTHEST)
            start = begun[rows]
            result[rows] = (start + 2 * FAINTEST) * np.exp(change.reshape(start.shape)) - 2 * FAINTEST

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(answer, strips(len(result))))
        return np.maximum(result, FAINTEST / 10)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and names, for `from_dict`."""
        return dict(vars(self), guides=list(self.guides))


def from_dict(document: Mapping[str, Any]) -> Trees:
    """What `Trees.to_dict` gave."""
    kinds = {"feature": np.int32, "left": np.int32, "right": np.int32, "root": np.int32}
    arrays = {
        name: np.asarray(document[name], kinds.get(name, np.float32))
        for name in ("feature", "threshold", "left", "right", "value", "root")
    }
    return Trees(tuple(document["guides"]), float(document["base"]), **arrays)


def fit(examples: Sequence[Example], seed: int = 0) -> Trees:
    """Trees fitted on tasks with known answers."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    rows, answers, weights = [], [], []
    for example in examples:
        known = example.known
        start, truth = example.task.start[known], example.truth[known]
        rows.append(features(example.task, slice(0, len(known)))[known.ravel()])
        answers.append((truth + 2 * FAINTEST) / (start + 2 * FAINTEST))
        weights.append(start + 2 * FAINTEST)
    model = HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=TREES,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=SMALLEST_LEAF,
        l2_regularization=_PULL,
        early_stopping=False,
        random_state=seed,
    )
    # Nodes are so small that threads would wait for each other, the more so where the machine has other work; and sums
    # in one order are the same on every machine.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(np.concatenate(rows), np.concatenate(answers), sample_weight=np.concatenate(weights))
    guides = list(examples[0].task.guides)
    assert model.n_features_in_ == len(names(guides))
    return _as_numbers(model, tuple(guides))


def _as_numbers(model: Any, guides: tuple[str, ...]) -> Trees:
    trees = [predictors[0].nodes for predictors in model._predictors]
    roots = np.cumsum([0, *(len(nodes) for nodes in trees[:-1])])
    nodes = np.concatenate(trees)
    offsets = np.repeat(roots, [len(each) for each in trees])
    return Trees(
        guides,
        float(model._baseline_prediction.ravel()[0]),
        np.where(nodes["is_leaf"], -1, nodes["feature_idx"]).astype(np.int32),
        rounded_down(nodes["num_threshold"]),
        (nodes["left"] + offsets).astype(np.int32),
        (nodes["right"] + offsets).astype(np.int32),
        nodes["value"].astype(np.float32),
        roots.astype(np.int32),
    )


@functools.cache
def _compiled() -> Callable[..., np.ndarray]:
    import numba

    return numba.njit(nogil=True)(_walk)


def walked(values: np.ndarray, *nodes: np.ndarray) -> np.ndarray:
    """Sum of the leaves that each row of features ends in, (rows,) float64.

    Args:
        values: (rows, features) float32.
        nodes: `feature`, `threshold`, `left`, `right`, `value` and `root` of `Trees`.
    """
    return _compiled()(np.ascontiguousarray(values, np.float32), *nodes)


def _walk(
    values: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    value: np.ndarray,
    root: np.ndarray,
) -> np.ndarray:
    total = np.zeros(len(values))
    for row in range(len(values)):
        for tree in root:
            node = tree
            while feature[node] >= 0:
                node = left[node] if values[row, feature[node]] <= threshold[node] else right[node]
            total[row] += value[node]
    return total
