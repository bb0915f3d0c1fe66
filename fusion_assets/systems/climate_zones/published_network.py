"""A network that others have published, with its weights: Sen2LCZ-Net-MF, for maps without a training of one's own.

Qiu et al. (2020, arXiv:2005.07983, IEEE JSTARS 13, pages 2793 to 2806); code and weights are at
https://github.com/ChunpingQiu/benchmark-on-So2SatLCZ42-dataset-a-simple-tour. Four blocks of four convolutions of
3 x 3, each with batch normalisation; after each of the first three the largest and the mean of 2 x 2 pixels stand side
by side. Each block answers for itself, from the means of its channels, and the network's answer is the mean of these
four. It reads the ten optical bands as So2Sat stores them: reflectance at the top of the atmosphere, unscaled.

Its file holds weights alone, as Keras 2 writes them (HDF5): groups of arrays by layer. Nothing in it is run, and every
array is compared with what the network needs before it is read. Nobody has said what its answers are worth in cities
that it has not seen in a form that maps could use: they are told as they are, without sets of zones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.so2sat.files import opened, require_whole
from fusion_assets.systems.climate_zones.so2sat.layout import PIXELS, SEN2

NAME = "Sen2LCZ-Net-MF"
CITATION = (
    "Qiu, C., Tong, X., Schmitt, M., Bechtel, B., Zhu, X. X. (2020): Multilevel feature fusion-based CNN for local "
    "climate zone classification from Sentinel-2 images. IEEE JSTARS 13, 2793-2806. arXiv:2005.07983"
)
NOT_CALIBRATED = "published weights, not calibrated here"
"""What is said of every map that is made with them."""
CHANNELS = SEN2
FILTERS = (16, 32, 64, 128)
"""Of the convolutions of each block."""
CONVOLUTIONS = 4
"""In each block."""
KERNEL = 3
EPSILON = 1e-3
"""Of batch normalisation: what Keras 2 adds to variances."""
HEADS = (4, 1, 2, 3)
"""Blocks, in the order in which the file holds the weights of their answers: the last block's come first."""
_NORMALISED = ("gamma", "beta", "moving_mean", "moving_variance")
_EXPECTED = f"weights of {NAME}, as Keras 2 saves them (HDF5)"
_REMEDY = "take the authors' own file, `_32_weights.best.hdf5`, or leave climate_zones.map.weights out"


class Array(NamedTuple):
    """An array of the network.

    Attributes:
        what: it is, for people.
        kind: how Keras calls it: `kernel`, `bias`, `gamma`, ...
        shape: as stored.
    """

    what: str
    kind: str
    shape: tuple[int, ...]


def arrays() -> Iterator[Array]:
    """All arrays of the network, in the order of the file: 793,348 numbers."""
    read = len(CHANNELS)
    for block, filters in enumerate(FILTERS, start=1):
        for number in range(1, CONVOLUTIONS + 1):
            what = f"convolution {number} of block {block}"
            yield Array(what, "kernel", (KERNEL, KERNEL, read, filters))
            yield Array(what, "bias", (filters,))
            for kind in _NORMALISED:
                yield Array(f"what normalises {what}", kind, (filters,))
            read = filters
        read = 2 * filters
    for block in HEADS:
        yield Array(f"the answer of block {block}", "kernel", (_answered_from(block), len(ZONES)))
        yield Array(f"the answer of block {block}", "bias", (len(ZONES),))


def published_network(path: Path) -> tuple[Any, dict[str, Any]]:
    """The network with the weights of a file.

    Args:
        path: of the file, HDF5.

    Returns:
        The Keras model, (batch, 32, 32, 10) float32 to (batch, 17) probabilities, and its card: `features`,
        `decibels`, `synthetic`, `network`, `weights` (`file`, `sha256`), `calibration`: that there is none.

    Raises:
        FusionError: there is no such file; it is no HDF5, or of another network; numbers that are none.
    """
    model = build(read_weights(path))
    card = {
        "features": list(CHANNELS),
        "decibels": True,
        "synthetic": False,
        "network": NAME,
        "citation": CITATION,
        "weights": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "calibration": NOT_CALIBRATED,
    }
    return model, card


def read_weights(path: Path) -> list[np.ndarray]:
    """The arrays of a file, float32, in the order of `arrays`.

    Raises:
        FusionError: as for `published_network`.
    """
    expected = list(arrays())
    with opened(path) as file:
        found = list(_stored(path, file))
        if len(found) != len(expected):
            raise FusionError(
                f"{path.name} holds {len(found)} arrays of weights", f"{len(expected)}: {_EXPECTED}", _REMEDY
            )
        return [_checked(path, *each) for each in zip(found, expected, strict=True)]


def weights_told(path: Path) -> str:
    """What a file of weights holds, in words, after all checks.

    Raises:
        FusionError: as for `published_network`.
    """
    numbers = sum(each.size for each in read_weights(path))
    return f"{path.name}: {NAME}, {numbers:,} numbers; {NOT_CALIBRATED}"


def build(weights: list[np.ndarray]) -> Any:
    """The Keras model, (batch, 32, 32, 10) float32 to (batch, 17) probabilities.

    Args:
        weights: in the order of `arrays`.
    """
    from fusion_assets.learning.backend import keras

    layers, left = keras().layers, iter(weights)

    def weighted(layer: Any, values: Any, count: int) -> Any:
        answer = layer(values)
        layer.set_weights([next(left) for _ in range(count)])
        return answer

    whole = values = layers.Input((PIXELS, PIXELS, len(CHANNELS)))
    seen = {}
    for block, filters in enumerate(FILTERS, start=1):
        for _ in range(CONVOLUTIONS):
            values = weighted(layers.Conv2D(filters, KERNEL, padding="same"), values, 2)
            values = weighted(layers.BatchNormalization(epsilon=EPSILON), values, len(_NORMALISED))
            values = layers.Activation("relu")(values)
        if block < len(FILTERS):
            values = layers.Concatenate()([layers.MaxPooling2D(2)(values), layers.AveragePooling2D(2)(values)])
        seen[block] = layers.GlobalAveragePooling2D()(values)
    answers = [weighted(layers.Dense(len(ZONES), activation="softmax"), seen[block], 2) for block in HEADS]
    return keras().Model(whole, layers.Average()(answers))


def _answered_from(block: int) -> int:
    """Channels that a block's answer is made from."""
    return FILTERS[block - 1] * (2 if block < len(FILTERS) else 1)


def _stored(path: Path, file: Any) -> Iterator[tuple[str, Any]]:
    """Name and dataset of every array of a file, in its order.

    Raises:
        FusionError: the file is no such one.
    """
    import h5py

    for layer in _names(path, file, "layer_names"):
        group = file.get(layer)
        if not isinstance(group, h5py.Group):
            raise FusionError(f"{path.name} has no group {layer!r}, which it names", _EXPECTED, _REMEDY)
        for name in _names(path, group, "weight_names"):
            array = group.get(name)
            if not isinstance(array, h5py.Dataset) or array.dtype.kind != "f":
                raise FusionError(f"{path.name} has no numbers under {name!r}, which it names", _EXPECTED, _REMEDY)
            yield name, array


def _names(path: Path, holder: Any, attribute: str) -> list[str]:
    held = np.asarray(holder.attrs.get(attribute, np.nan)).ravel()
    if held.dtype.kind not in "SOU" and held.size:
        raise FusionError(f"{path.name} does not say {attribute}", _EXPECTED, _REMEDY)
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in held]


def _checked(path: Path, stored: tuple[str, Any], expected: Array) -> np.ndarray:
    """The numbers of one array.

    Raises:
        FusionError: it is another one, or holds what are no numbers.
    """
    name, dataset = stored
    kind = name.rpartition("/")[2].partition(":")[0]
    if kind != expected.kind or dataset.shape != expected.shape:
        raise FusionError(
            f"{path.name} holds {name} of shape {dataset.shape}",
            f"{expected.kind} of shape {expected.shape}: {expected.what}",
            _REMEDY,
        )
    require_whole(f"{path.name}: {name}", dataset)
    values = np.asarray(dataset[...], np.float32)
    if not np.isfinite(values).all() or (kind == "moving_variance" and (values < 0).any()):
        raise FusionError(f"{path.name} holds {name} with values that are none", "finite numbers", _REMEDY)
    return values
