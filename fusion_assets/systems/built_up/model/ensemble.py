"""Small networks fitted many at a time, and the choice among their settings.

All members of a fit (folds x seeds) run as one batched product: each sees the same mini-batches, and a mask says which
of the samples count for it. Same inputs give the same weights bit for bit on one machine: initial weights, order of
samples and dropout come from counted seeds, and TensorFlow runs its deterministic kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.cross_validation import simplest
from fusion_assets.learning.backend import tensorflow
from fusion_assets.systems.built_up.model.neighbourhood import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

HIDDEN = (32, 16)
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.1
MIN_STEPS = 600
"""Steps of the optimiser that the longest fit takes at least: with 40 of them a network still says the prevalence."""


@dataclass(frozen=True)
class Members:
    """Weights of E fitted networks.

    Attributes:
        centre: (E, 1, channel), mean of each member's training samples.
        scale: (E, 1, channel), their standard deviation.
        weights: kernel (E, in, out) and bias (E, 1, out) of each layer in turn.
    """

    centre: np.ndarray
    scale: np.ndarray
    weights: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Setting:
    """What inner folds choose: context level and epochs."""

    level: Level
    epochs: int

    @property
    def length(self) -> dict[str, int]:
        """The number of epochs, as it is written down."""
        return {"epochs": self.epochs}


choose_setting = partial(simplest, family=attrgetter("level"))
"""The simplest context level within a standard error of the best, at its best number of epochs."""


def batch_size(count: int) -> int:
    """Samples in a mini-batch, of so many in all."""
    return min(count, 256 if count < 20_000 else 1024)


def epoch_candidates(count: int) -> tuple[int, ...]:
    """Epochs among which inner folds choose, the last being the length of the learning-rate schedule.

    Args:
        count: number of samples; more samples need fewer passes, and few samples, or large mini-batches, enough of
            them for `MIN_STEPS` steps.
    """
    longest = max(int(np.clip(240_000 // count, 12, 40)), MIN_STEPS // (count // batch_size(count)))
    return tuple(sorted({max(1, longest // 8), longest // 4, longest // 2, longest}))


def fit_members(
    channels: np.ndarray, label: np.ndarray, masks: np.ndarray, seeds: Sequence[int], keep: Sequence[int]
) -> dict[int, Members]:
    """Fit one network per mask and seed, all together.

    Args:
        channels: (n, channel) float32.
        label: (n,) 0 or 1.
        masks: (E, n) bool, the samples each member learns from; others have no influence on it.
        seeds: E seeds, one per member.
        keep: epochs after which weights are kept; training stops after the last.

    Returns:
        Members after each epoch of `keep`.
    """
    tf = tensorflow()
    count, batch = len(label), batch_size(len(label))
    steps = count // batch
    centre = np.stack([channels[m].mean(axis=0, dtype="float64") for m in masks])[:, None].astype("float32")
    scale = np.stack([channels[m].std(axis=0, dtype="float64") for m in masks])[:, None].astype("float32") + 1e-6
    share = np.array([np.clip(label[m].mean(), 1e-3, 1 - 1e-3) for m in masks])
    variables = [tf.Variable(w) for w in _initial(channels.shape[1], share, seeds)]
    total = steps * epoch_candidates(count)[-1]
    rate = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, total, alpha=0.1)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)
    optimizer.build(variables)
    x, y = tf.constant(channels), tf.constant(label.astype("float32"))
    weight = tf.constant(masks.T.astype("float32"))
    centre_, scale_ = tf.constant(centre), tf.constant(scale)

    @tf.function
    def epoch(order: Any, number: Any) -> None:
        for step in tf.range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            use = tf.transpose(tf.gather(weight, chosen))
            with tf.GradientTape() as tape:
                logit = _forward(tf, tf.gather(x, chosen), centre_, scale_, variables, (number, step))
                truth = tf.broadcast_to(tf.gather(y, chosen), tf.shape(logit))
                loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logit) * use
                loss = tf.reduce_sum(tf.reduce_sum(loss, 1) / tf.maximum(tf.reduce_sum(use, 1), 1.0))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    shuffle = np.random.default_rng(int(seeds[0]))
    kept = {}
    for number in range(1, max(keep) + 1):
        epoch(tf.constant(shuffle.permutation(count)), tf.constant(number))
        if number in keep:
            kept[number] = Members(centre, scale, tuple(v.numpy() for v in variables))
    return kept


def member_probabilities(members: Members, channels: np.ndarray, chunk: int = 8192) -> np.ndarray:
    """Probability of built-up, (E, n) float32."""
    tf = tensorflow()
    weights = [tf.constant(w) for w in members.weights]
    parts = [
        tf.sigmoid(_forward(tf, tf.constant(channels[i : i + chunk]), members.centre, members.scale, weights)).numpy()
        for i in range(0, len(channels), chunk)
    ]
    return np.concatenate(parts, axis=1)


def _initial(width: int, share: np.ndarray, seeds: Sequence[int]) -> list[np.ndarray]:
    """He-normal kernels; a nearly silent last layer that answers with the share of positives."""
    sizes = (width, *HIDDEN, 1)
    weights: list[np.ndarray] = []
    draws = [np.random.default_rng([int(seed), 7]) for seed in seeds]
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        gain = 0.1 * np.sqrt(1 / n_in) if i == len(HIDDEN) else np.sqrt(2 / n_in)
        weights.append(np.stack([draw.standard_normal((n_in, n_out)) * gain for draw in draws]).astype("float32"))
        weights.append(np.zeros((len(draws), 1, n_out), "float32"))
    weights[-1] += np.log(share / (1 - share)).astype("float32")[:, None, None]
    return weights


def _forward(tf: Any, x: Any, centre: Any, scale: Any, weights: Sequence[Any], seed: tuple | None = None) -> Any:
    """Logits (E, batch); with a seed, with dropout after each hidden layer."""
    hidden = tf.clip_by_value((x[None] - centre) / scale, -8.0, 8.0)
    for i in range(0, len(weights), 2):
        hidden = tf.matmul(hidden, weights[i]) + weights[i + 1]
        if i < len(weights) - 2:
            hidden = tf.nn.silu(hidden)
            if seed is not None:
                key = tf.stack([seed[0] * 16 + i, seed[1]])
                hidden = tf.nn.experimental.stateless_dropout(hidden, DROPOUT, seed=key)
    return hidden[..., 0]
