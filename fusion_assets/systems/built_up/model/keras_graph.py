"""The model as it is saved: one Keras graph of stock layers."""

from __future__ import annotations

from typing import Any

from fusion_assets.learning import backend
from fusion_assets.learning.saved_model import CHANNELS_LAST, MEMBER
from fusion_assets.systems.built_up.model.ensemble import Members
from fusion_assets.systems.built_up.model.neighbourhood import Level, context_graph


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
            activation, name = "sigmoid" if i == last else "silu", MEMBER.format(member, i // 2)
            dense = layers.Dense(kernel.shape[1], activation=activation, name=name)
            hidden = dense(hidden)
            dense.set_weights([kernel, bias])
        answers.append(hidden)
    mean = ops.mean(ops.concatenate(answers, axis=-1), axis=-1, keepdims=True) if len(answers) > 1 else answers[0]
    probability = ops.where(valid[:, 0], mean[..., 0], float("nan"))
    return keras.Model(inputs, probability, name="built_up")
