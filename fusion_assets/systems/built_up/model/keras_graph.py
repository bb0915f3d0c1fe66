"""The saved model: one Keras graph of stock layers, and the same graph with its networks side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion_assets.learning import backend
from fusion_assets.systems.built_up.model.ensemble import HIDDEN, Members
from fusion_assets.systems.built_up.model.neighbourhood import WITH_HALO, Level, context_graph

CHANNELS_LAST = "channels_last"


def assemble(features: list[str], level: Level, scaling: tuple, members: Members) -> Any:
    """The whole ensemble as one Keras model of stock layers, (batch, y, x, feature) -> (batch, y, x).

    Args:
        features: band names in input order.
        level: how much neighbourhood the members see.
        scaling: (centre, scale) of the pixel channels.
        members: fitted on all samples.
    """
    keras = backend.keras()
    keras.backend.clear_session()  # automatic layer names start anew, so that equal models are equal files
    layers, ops = keras.layers, keras.ops

    inputs = keras.Input((None, None, len(features)), name="features")
    seen, valid = context_graph(inputs, features, level, *scaling)
    # Every member learnt from all samples, so they share one standardisation.
    standard = layers.Normalization(axis=1, mean=members.centre[0, 0], variance=members.scale[0, 0] ** 2)(seen)
    standard = layers.Permute((2, 3, 1), name=CHANNELS_LAST)(ops.clip(standard, -8.0, 8.0))
    answers, last = [], len(members.weights) - 2
    for member in range(len(members.centre)):
        hidden = standard
        for i in range(0, len(members.weights), 2):
            kernel, bias = members.weights[i][member], members.weights[i + 1][member, 0]
            dense = layers.Dense(
                kernel.shape[1], activation="sigmoid" if i == last else "silu", name=f"seed_{member}_{i // 2}"
            )
            hidden = dense(hidden)
            dense.set_weights([kernel, bias])
        answers.append(hidden)
    mean = ops.mean(ops.concatenate(answers, axis=-1), axis=-1, keepdims=True) if len(answers) > 1 else answers[0]
    probability = ops.where(valid[:, 0], mean[..., 0], float("nan"))
    return keras.Model(inputs, probability, name="built_up")


def side_by_side(model: Any, count: int) -> Any:
    """The same graph, its networks side by side in one product for each layer: faster once it is compiled.

    Weights multiply planes of channels as they come, instead of turning every pixel's channels about first; and what
    lies around a block is read from the block's halo, which no network is run on.

    Args:
        model: what `assemble` returned, or loaded from its file.
        count: number of members.

    Returns:
        Function of a tensor (1, y + 2 halo, x + 2 halo, feature) of known shape to a tensor (1, y, x): what the model
        gives there, without the halo.
    """
    tf, keras = backend.tensorflow(), backend.keras()
    planes = keras.Model(model.get_layer(WITH_HALO).output, model.get_layer(CHANNELS_LAST).input)
    weights = []
    for i in range(len(HIDDEN) + 1):
        found = [model.get_layer(f"seed_{member}_{i}").get_weights() for member in range(count)]
        weights.append((np.stack([k.T for k, _ in found]), np.stack([b[:, None] for _, b in found])))

    def call(values: Any) -> Any:
        seen = planes(values, training=False)[0]
        halo, (height, width) = (values.shape[1] - seen.shape[1]) // 2, seen.shape[1:]
        inner = values[:, halo : halo + height, halo : halo + width]
        (kernel, bias), *rest = weights
        hidden = tf.matmul(kernel.reshape(-1, kernel.shape[-1]), tf.reshape(seen, (kernel.shape[-1], -1)))
        hidden = tf.reshape(hidden, (*kernel.shape[:2], -1)) + bias
        for kernel, bias in rest:
            hidden = tf.matmul(kernel, tf.nn.silu(hidden)) + bias
        mean = tf.reduce_mean(tf.sigmoid(hidden), axis=0)
        valid = tf.reduce_all(tf.math.is_finite(inner), axis=-1)
        return tf.where(valid, tf.reshape(mean, (1, height, width)), float("nan"))

    return call
