"""Boosted trees as the classifier: what a study has instead of networks where it says `model: trees`.

They see the same channels of the same neighbourhood, chosen by the same inner folds. On fine mixed land they err much
less than networks; on coarse labels nothing has told the two apart beyond chance so far (`benchmarks/cuts.csv`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.learning import backend, trees
from fusion_assets.learning.saved_model import ASKED, CHANNELS_LAST, ENDS
from fusion_assets.systems.built_up.model.neighbourhood import Level, context_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusion_assets.systems.built_up.model.channels import Channels

ROUNDS = (60, 120, 240, 400)
"""Numbers of trees to choose among."""


@dataclass(frozen=True)
class TreeSetting:
    """What inner folds choose: context level and trees."""

    level: Level
    rounds: int

    @property
    def length(self) -> dict[str, int]:
        """The number of trees, as it is written down."""
        return {"trees": self.rounds}


def fitted(table: Channels, level: Level, mask: np.ndarray, rounds: int) -> trees.Trees:
    """Trees that learnt from these samples alone, (n,) bool."""
    return trees.fit(table.of(level)[mask], table.label[mask], rounds)


def answers(table: Channels, level: Level, grown: trees.Trees) -> np.ndarray:
    """Probability of every sample, (n,)."""
    return grown.probability(table.of(level).T)


def candidates(
    table: Channels, levels: Sequence[Level], tests: Sequence[np.ndarray]
) -> dict[TreeSetting, list[np.ndarray]]:
    """By setting, for each test: the probability (n,) by trees that may train for it.

    The first trees of a fit are those of a shorter one: each level is fitted once a test.
    """
    found: dict[TreeSetting, list[np.ndarray]] = {}
    for level in levels:
        fits = [fitted(table, level, table.trains(test), max(ROUNDS)) for test in tests]
        for rounds in ROUNDS:
            found[TreeSetting(level, rounds)] = [answers(table, level, grown.first(rounds)) for grown in fits]
    return found


def assemble(features: list[str], level: Level, scaling: tuple, grown: trees.Trees) -> Any:
    """Context and trees as one Keras model of stock layers, (batch, y, x, feature) -> (batch, y, x).

    A question is a unit that reads one channel and takes its threshold off; a leaf is reached where all questions on
    its path are answered its way, which one product of all answers with -1, 0 and 1 counts.

    Args:
        features: band names in input order.
        level: how much neighbourhood the trees see.
        scaling: (centre, scale) of the pixel channels.
        grown: trees fitted on all samples.
    """
    keras = backend.keras()
    keras.backend.clear_session()  # automatic layer names start anew, so that equal models are equal files
    layers, ops = keras.layers, keras.ops

    inputs = keras.Input((None, None, len(features)), name="features")
    seen, valid = context_graph(inputs, features, level, *scaling)
    channels = layers.Permute((2, 3, 1), name=CHANNELS_LAST)(seen)
    asked = layers.EinsumDense(
        "byxc,ctq->byxtq", output_shape=(None, None, *grown.feature.shape), bias_axes="tq", name=ASKED
    )
    paths = layers.Dense(trees.LEAVES, use_bias=False, name="paths")
    ends = layers.EinsumDense("byxtl,tl->byx", output_shape=(None, None), name=ENDS)
    turns = ops.where(asked(channels) > 0, 1.0, -1.0)
    total = ends(ops.cast(paths(turns) > trees.DEPTH - 0.5, "float32"))
    reads = np.zeros((channels.shape[-1], *grown.feature.shape), np.float32)
    np.put_along_axis(reads, grown.feature[None], 1, axis=0)
    asked.set_weights([reads, -grown.threshold])
    paths.set_weights([_paths()])
    ends.set_weights([grown.leaf])
    probability = ops.where(valid[:, 0], ops.sigmoid(total), float("nan"))
    return keras.Model(inputs, probability, name="built_up")


def _paths() -> np.ndarray:
    """(question, leaf): 1 where the way to the leaf turns right at the question, -1 where left, 0 where it is not."""
    turns = np.zeros((trees.QUESTIONS, trees.LEAVES), np.float32)
    for leaf in range(trees.LEAVES):
        node = leaf + trees.QUESTIONS
        while node:
            parent = (node - 1) // 2
            turns[parent, leaf] = 1 if node == 2 * parent + 2 else -1
            node = parent
    return turns
