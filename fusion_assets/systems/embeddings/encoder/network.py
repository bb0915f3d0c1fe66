"""The network: a stem for each sensor, a trunk for both, and what a patch is on average beside them.

Normalisation is over the channels of a pixel alone (Ba et al. 2016, arXiv:1607.06450): over the patch it would remove
its level, which is most of what radar tells. Mean and deviation of every band go past the convolutions to the end. A
sensor that is not looked at adds nothing: radar alone, optics alone and both come from one network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusion_assets.systems.embeddings.sensors import POLARISATIONS

MOST = 500_000
"""Parameters, at most, as the widths below are."""


@dataclass(frozen=True)
class Design:
    """What a network is built from.

    Attributes:
        bands: names of the optical bands, in order.
        dim: numbers of an embedding.
        widths: channels of the stems, and of the trunk's two stages, each on half the pixels along an edge.
    """

    bands: tuple[str, ...]
    dim: int = 128
    widths: tuple[int, int, int] = (32, 64, 128)


def build(design: Design, seed: int) -> Any:
    """A new network.

    Args:
        design: of it.
        seed: of its weights.

    Returns:
        Keras model of optics (n, y, x, bands) and radar (n, y, x, 2), both scaled, and whether each is looked at,
        (n, 2) of 0 and 1, to embeddings (n, dim) of unit length. Of a sensor not looked at any finite number will do.
    """
    from fusion_assets.learning.backend import keras

    k = keras()
    layers, ops = k.layers, k.ops
    numbers = iter(range(1000))

    def started() -> Any:
        return k.initializers.HeNormal(seed=seed * 1000 + next(numbers))

    def normed(values: Any) -> Any:
        return layers.LayerNormalization(axis=-1, epsilon=1e-5)(values)

    def convolved(values: Any, width: int, stride: int = 1) -> Any:
        into = layers.Conv2D(width, 3, stride, padding="same", use_bias=False, kernel_initializer=started())(values)
        return layers.Activation("silu")(normed(into))

    present = layers.Input((2,), name="present")
    seen, told = [], [present]
    sizes = {"optics": len(design.bands), "radar": len(POLARISATIONS)}
    inputs = {name: layers.Input((None, None, size), name=name) for name, size in sizes.items()}
    for number, values in enumerate(inputs.values()):
        looked = present[:, number : number + 1]
        stem = convolved(values, design.widths[0])
        seen.append(stem * ops.reshape(looked, (-1, 1, 1, 1)))
        spread = ops.sqrt(ops.var(values, axis=(1, 2)) + 1e-6)
        told += [ops.mean(values, axis=(1, 2)) * looked, spread * looked]
    joined = (seen[0] + seen[1]) / ops.reshape(ops.maximum(ops.sum(present, axis=1), 1.0), (-1, 1, 1, 1))
    for width in design.widths[1:]:
        joined = convolved(joined, width, stride=2)
        joined = joined + convolved(joined, width)
    pooled = layers.GlobalAveragePooling2D()(joined)
    answer = layers.Dense(design.dim, kernel_initializer=started())(layers.Concatenate()([normed(pooled), *told]))
    return k.Model([*inputs.values(), present], layers.UnitNormalization()(answer), name="encoder")
