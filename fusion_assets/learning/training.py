"""The training loop for mini-batches, whose state survives a kill: stored after every epoch, whole or not at all.

An interrupted training that is started again gives the weights of one that was not, bit for bit on one machine: order
and augmentation of an epoch come from (seed, epoch) alone, and what layers draw, as dropout does, from variables that
are stored with the weights.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.learning.backend import tensorflow
from fusion_assets.storage.json_objects import as_written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fusion_assets.storage.root import Storage


@dataclass(frozen=True)
class State:
    """Where the state of a training lies.

    Attributes:
        storage: the root.
        path: of the file, below the root.
        key: digest of all that the training depends on: a state of another key is not gone on from.
    """

    storage: Storage
    path: str
    key: str

    def load(self, variables: Sequence[Any]) -> list[dict[str, float]]:
        """Set the variables to what was stored; the history so far, empty where there is nothing to go on from."""
        if not self.storage.exists(self.path):
            return []
        with (
            as_written(self.path, "remove it: the training begins anew"),
            np.load(io.BytesIO(self.storage.read_bytes(self.path)), allow_pickle=False) as stored,
        ):
            about = json.loads(str(stored["about"]))
            if about["key"] != self.key:
                return []
            kept = [stored[str(number)] for number in range(len(variables))]
            for variable, values in zip(variables, kept, strict=True):
                variable.assign(values)
            return list(about["history"])

    def save(self, variables: Sequence[Any], history: list[dict[str, float]]) -> None:
        """Store the variables and the history in place of what was there."""
        about, out = json.dumps({"key": self.key, "history": history}), io.BytesIO()
        arrays = {str(number): np.asarray(variable) for number, variable in enumerate(variables)}
        np.savez(out, allow_pickle=False, about=np.array(about), **arrays)
        self.storage.write_bytes(out.getvalue(), self.path)


def fit(
    model: Any,
    optimizer: Any,
    loss: Callable[..., Any],
    draw: Callable[[np.ndarray, np.random.Generator], Sequence[np.ndarray]],
    *,
    samples: int,
    epochs: int,
    batch: int,
    seed: int = 0,
    judge: Callable[[Any], dict[str, float]] | None = None,
    stop: Callable[[list[dict[str, float]]], bool] | None = None,
    state: State | None = None,
    kept: Sequence[Any] = (),
) -> list[dict[str, float]]:
    """Train a model, going on from a stored state where there is one.

    Args:
        model: built Keras model, its layers seeded.
        optimizer: Keras optimizer, new.
        loss: (model, *arrays of a batch) to a scalar tensor; traced once.
        draw: (indices of a batch, random numbers for augmentation) to its arrays, of the same shapes for every batch.
        samples: number of them.
        epochs: passes over the samples.
        batch: samples in a mini-batch; what an epoch leaves over at its end is left out.
        seed: of order and augmentation.
        judge: figures of the model, asked after each epoch.
        stop: whether to stop, by the history alone, so that a training that was killed stops where it would have.
        state: where to store it; by default nowhere.
        kept: variables of the caller, such as the best weights so far, that are stored with it.

    Returns:
        The history: for each epoch mean `loss` and the judge's figures.
    """
    tf = tensorflow()
    batch = min(batch, samples)
    optimizer.build(model.trainable_variables)
    variables = [*model.variables, *optimizer.variables, *kept]

    @tf.function
    def step(*arrays: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(model, *arrays)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
        return value

    history = state.load(variables) if state else []
    while len(history) < epochs and not (stop and history and stop(history)):
        random = np.random.default_rng([seed, len(history)])
        order = random.permutation(samples)
        firsts = range(0, samples - batch + 1, batch)
        losses = [step(*map(tf.constant, draw(order[first : first + batch], random))) for first in firsts]
        figures = judge(model) if judge else {}
        history.append({"loss": float(np.mean([float(value) for value in losses])), **figures})
        if state:
            state.save(variables, history)
    return history
