"""What an encoder learns without labels: each pretext is a row of a table.

| pretext | what is asked of an embedding |
|---|---|
| `vicreg` | that radar alone, optics alone and both of one place agree, and tell places apart (Bardes et al. 2022, arXiv:2105.04906) |
| `masked` | the means of 4 x 4 cells of both sensors, where blocks of the crop, and now and then a sensor, are hidden (He et al. 2022, arXiv:2111.06377) |
| `prediction` | the means of 4 x 4 cells of the sensor that it has not seen |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion_assets.systems.embeddings.encoder.pairs import USES
from fusion_assets.systems.embeddings.encoder.views import CELLS, cell_means, cropped

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0
"""Weights of the three terms of VICReg, those of the source."""
EXPANDED = 256
"""Numbers that views are compared in."""
HIDDEN = 0.5
"""Share of a crop's cells that is masked."""

Views = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Pretext:
    """One way to learn without labels.

    Attributes:
        views: (optics, radar, edge of crops, chance) to the three inputs of the network, and the targets.
        head: (embedding, channels of both sensors, seed) to an answer; thrown away after training.
        loss: (answer, targets) to a scalar tensor.
    """

    views: Views
    head: Callable[[Any, int, int], Any]
    loss: Callable[..., Any]


def _three_views(
    optics: np.ndarray, radar: np.ndarray, edge: int, random: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Three crops of each place, one after the other: radar alone, optics alone, both; no targets."""
    both = np.concatenate([optics, radar], axis=-1)
    crops = np.concatenate([cropped(both, edge, random) for _ in USES])
    bands = optics.shape[-1]
    return crops[..., :bands], crops[..., bands:], _present(np.repeat(list(USES.values()), len(optics), axis=0))


def _hidden_cells(
    optics: np.ndarray, radar: np.ndarray, edge: int, random: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """A crop of each place with cells hidden, by one sensor or both; targets are the means of all cells."""
    crops = cropped(np.concatenate([optics, radar], axis=-1), edge, random)
    hidden = random.random((len(crops), CELLS, 1, CELLS, 1, 1)) < HIDDEN
    size = edge // CELLS
    shown = np.where(hidden, 0, crops.reshape(len(crops), CELLS, size, CELLS, size, -1)).reshape(crops.shape)
    present = np.array(list(USES.values()))[random.integers(0, len(USES), len(crops))]
    bands = optics.shape[-1]
    return shown[..., :bands], shown[..., bands:], _present(present), cell_means(crops), np.ones_like(cell_means(crops))


def _other_sensor(
    optics: np.ndarray, radar: np.ndarray, edge: int, random: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """A crop of each place by one sensor; targets are the means of the cells of the other."""
    crops = cropped(np.concatenate([optics, radar], axis=-1), edge, random)
    present = np.array([USES["radar"], USES["optics"]])[random.integers(0, 2, len(crops))]
    bands = optics.shape[-1]
    of_band = np.repeat(1 - present, [bands, radar.shape[-1]], axis=1)
    asked = np.tile(of_band, (1, CELLS * CELLS))
    return crops[..., :bands], crops[..., bands:], _present(present), cell_means(crops), asked.astype(np.float32)


def _present(flags: np.ndarray) -> np.ndarray:
    return np.asarray(flags, np.float32)


def _layers(values: Any, widths: Sequence[int], seed: int) -> Any:
    from fusion_assets.learning.backend import keras

    k = keras()
    for number, width in enumerate(widths):
        start = k.initializers.HeNormal(seed=seed * 1000 + 900 + number)
        values = k.layers.Dense(width, kernel_initializer=start)(values)
        if number < len(widths) - 1:
            values = k.layers.Activation("silu")(k.layers.LayerNormalization(epsilon=1e-5)(values))
    return values


def _expander(embedding: Any, channels: int, seed: int) -> Any:
    return _layers(embedding, (EXPANDED, EXPANDED), seed)


def _decoder(embedding: Any, channels: int, seed: int) -> Any:
    return _layers(embedding, (EXPANDED, CELLS * CELLS * channels), seed)


def vicreg(answer: Any) -> Any:
    """Loss of answers (3 places, numbers): those of the first view of all places, of the second and of the third."""
    from fusion_assets.learning.backend import tensorflow

    tf = tensorflow()
    views = tf.reshape(answer, (len(USES), -1, answer.shape[-1]))
    centred = views - tf.reduce_mean(views, axis=1, keepdims=True)
    count = tf.cast(tf.shape(views)[1], tf.float32)
    numbers = float(answer.shape[-1])
    invariance = sum(tf.reduce_mean((views[one] - views[other]) ** 2) for one, other in ((0, 1), (0, 2), (1, 2))) / 3
    deviation = tf.sqrt(tf.reduce_sum(centred**2, axis=1) / (count - 1) + 1e-4)
    covariance = tf.matmul(centred, centred, transpose_a=True) / (count - 1)
    off = tf.reduce_sum(covariance**2, axis=(1, 2)) - tf.reduce_sum(tf.linalg.diag_part(covariance) ** 2, axis=1)
    return (
        INVARIANCE * invariance
        + VARIANCE * tf.reduce_mean(tf.nn.relu(1 - deviation))
        + COVARIANCE * tf.reduce_mean(off) / numbers
    )


def squared(answer: Any, target: Any, asked: Any) -> Any:
    """Mean squared error of the cells that are asked for."""
    from fusion_assets.learning.backend import tensorflow

    tf = tensorflow()
    return tf.reduce_sum(asked * (answer - target) ** 2) / tf.reduce_sum(asked)


PRETEXTS: dict[str, Pretext] = {
    "vicreg": Pretext(_three_views, _expander, vicreg),
    "masked": Pretext(_hidden_cells, _decoder, squared),
    "prediction": Pretext(_other_sensor, _decoder, squared),
}
"""By name."""
