"""A network that sees the mean and scatter of every channel of a patch, and nothing of what lies where.

It is for few patches: convolutions have much to find out before they know what a forest is given (see `baselines`).
Several small networks answer, each with noise of its own on what it sees, and their answers are averaged.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.networks import EDGE, MOMENTUM
from fusion_assets.systems.climate_zones.training import Preset

MEMBERS, UNITS = 4, 128
NOISE, DROPOUT = 0.3, 0.5
"""Deviation of the noise, where what is seen has one of 1; share of units that are left out."""
BATCH, RATE, STEPS = 256, 3e-3, 800
_LEAST = 1e-6


def preset_of(preset: Preset, patches: int) -> Preset:
    """How such a network is trained: some hundred steps of large batches, its rate falling to 0."""
    batch = min(BATCH, patches)
    epochs = math.ceil(STEPS / max(1, patches // batch))
    return dataclasses.replace(preset, epochs=epochs, patience=epochs, batch=batch, rate=RATE, falling=True)


def build(
    mean: Mapping[str, float],
    deviation: Mapping[str, float],
    seed: int,
    limits: Mapping[str, tuple[float, float]],
    edge: int = EDGE,
) -> Any:
    """The Keras model: (batch, edge, edge, channels) float32 to (batch, 17) probabilities.

    Args:
        mean: of every channel, in the order in which it is given them.
        deviation: likewise.
        seed: of weights, noise and dropout.
        limits: least and largest value of every channel; what lies beyond is taken for them.
        edge: pixels along a patch.
    """
    from fusion_assets.learning.backend import keras

    k, names = keras(), list(mean)
    layers, ops = k.layers, k.ops
    seeds = iter(np.random.SeedSequence(seed).generate_state(1000).tolist())
    low, high = (np.array([limits[name][side] for name in names], np.float32) for side in (0, 1))
    whole = layers.Input((edge, edge, len(names)))
    scaled = layers.Normalization(
        mean=[mean[name] for name in names], variance=[deviation[name] ** 2 for name in names], name="scale"
    )(ops.minimum(ops.maximum(whole, low), high))
    middle = ops.mean(scaled, axis=(1, 2), keepdims=True)
    scatter = ops.sqrt(ops.mean(ops.square(scaled - middle), axis=(1, 2)) + _LEAST)
    seen = layers.Concatenate()([layers.Flatten()(middle), scatter])
    seen = layers.BatchNormalization(momentum=MOMENTUM)(seen)

    def member() -> Any:
        first, last = (k.initializers.GlorotUniform(seed=next(seeds)) for _ in range(2))
        values = layers.GaussianNoise(NOISE, seed=next(seeds))(seen)
        values = layers.Dense(UNITS, activation="relu", kernel_initializer=first)(values)
        values = layers.Dropout(DROPOUT, seed=next(seeds))(values)
        return layers.Dense(len(ZONES), activation="softmax", kernel_initializer=last)(values)

    return k.Model(whole, layers.Average()([member() for _ in range(MEMBERS)]))
