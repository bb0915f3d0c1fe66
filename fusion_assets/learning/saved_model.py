"""A Keras model with the card that says what it is: its digest, its answers block by block, its file."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.learning import backend
from fusion_assets.learning.trees import Trees

BLOCK = 512
# Pixels along the edge of the smallest raster worth compiling for.
COMPILED_FROM = 256
_STARTING = threading.Lock()

# A graph with these layers is an ensemble that can be compiled with its networks side by side, or trees that are asked
# faster than as a graph.
WITH_HALO = "with_halo"
"""Layer after which the graph only ever looks inwards: blocks that bring their halo enter the graph there."""
CHANNELS_LAST = "channels_last"
"""Layer that turns planes of channels into channels of pixels, for the networks."""
_MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
_MOST_UNPACKED = 20
_SHOWN = 200
ASKED, ENDS = "questions", "leaves"
"""Layers whose weights are the questions of trees, and their leaves."""
MEMBER = "seed_{}_{}"
"""Dense layer of a network, by the numbers of network and layer."""


@dataclass
class TrainedModel:
    """A Keras model (batch, y, x, feature) -> (batch, y, x) probability, and the card that says what it is.

    Attributes:
        keras_model: all that was learnt and all normalisation in one graph; NaN in any feature gives NaN.
        card: `features` in order, `context` (halo in pixels), and what else the system says of it.
    """

    keras_model: Any
    card: dict[str, Any]
    _calls: dict[bool, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Twelve hex digits over the card and every weight."""
        digest = hashlib.sha256(json.dumps(self.card, sort_keys=True, default=str).encode())
        for weight in self.keras_model.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
        return digest.hexdigest()[:12]

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probability (y, x) of a block of features.

        Args:
            values: (y + 2 halo, x + 2 halo, feature) float32, the block and the pixels around it that the card's
                `context` asks for; NaN where there is no data, and beyond the raster.
        """
        height, width = values.shape[:2]
        halo = int(self.card["context"])
        edge = BLOCK + 2 * halo
        # Compiling takes about a second per shape: blocks are filled up to one shape, small rasters run uncompiled.
        compiled = max(height, width) <= edge and height * width >= COMPILED_FROM**2 and self._is_ensemble
        block = values
        if compiled and (height, width) != (edge, edge):
            missing = ((0, edge - height), (0, edge - width), (0, 0))
            block = np.pad(values, missing, constant_values=np.nan)
        with _STARTING:  # of the threads that come with a first block, one traces
            if compiled not in self._calls:
                self._calls[compiled] = self._traced((1, edge, edge) if compiled else (1, None, None), compiled)
        given = backend.tensorflow().constant(np.ascontiguousarray(block[None], "float32"))
        answer = self._calls[compiled](given).numpy()[0]
        if self._trees is not None:
            seen = answer[:, : height - 2 * halo, : width - 2 * halo]  # channels, without the halo
            probability = self._trees.probability(seen.reshape(len(seen), -1)).reshape(seen.shape[1:])
            inside = values[halo : height - halo, halo : width - halo]
            return np.where(np.isfinite(inside).all(axis=-1), probability, np.float32("nan"))
        first = 0 if compiled else halo  # the compiled graph leaves the halo out, the saved one answers there too
        return answer[first : first + height - 2 * halo, first : first + width - 2 * halo]

    def _traced(self, shape: tuple[int | None, ...], compiled: bool) -> Any:
        """The graph as a function of a block of this shape; of trees the part that gives their channels."""
        tf = backend.tensorflow()
        call = side_by_side(self.keras_model) if compiled and self._trees is None else self.keras_model
        if self._trees is not None:
            call = partial(_planes(self.keras_model), training=False)
        wanted = tf.TensorSpec((*shape, len(self.card["features"])), tf.float32)
        return tf.function(call, input_signature=[wanted], jit_compile=compiled).get_concrete_function()

    @property
    def _is_ensemble(self) -> bool:
        return {WITH_HALO, CHANNELS_LAST} <= {layer.name for layer in self.keras_model.layers}

    @cached_property
    def _trees(self) -> Trees | None:
        """The trees of a graph that has them."""
        if not {ASKED, ENDS} <= {layer.name for layer in self.keras_model.layers}:
            return None
        reads, limits = self.keras_model.get_layer(ASKED).get_weights()
        (leaf,) = self.keras_model.get_layer(ENDS).get_weights()
        return Trees(reads.argmax(axis=0).astype(np.int32), -limits, leaf)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the traced functions behind: another process traces its own."""
        return {**self.__dict__, "_calls": {}}


def _planes(model: Any) -> Any:
    """The part of a graph from a block with its halo to planes of channels without."""
    return backend.keras().Model(model.get_layer(WITH_HALO).output, model.get_layer(CHANNELS_LAST).input)


def side_by_side(model: Any) -> Any:
    """The graph of an ensemble, its networks side by side in one product for each layer: faster once it is compiled.

    Weights multiply planes of channels as they come, instead of turning every pixel's channels about first; and what
    lies around a block is read from the block's halo, which no network is run on.

    Args:
        model: whose layers have the names above.

    Returns:
        Function of a tensor (1, y + 2 halo, x + 2 halo, feature) of known shape to a tensor (1, y, x): what the model
        gives there, without the halo.
    """
    tf, planes = backend.tensorflow(), _planes(model)
    layers = {layer.name: layer for layer in model.layers}
    weights: list[tuple[np.ndarray, np.ndarray]] = []
    while MEMBER.format(0, len(weights)) in layers:
        same = (MEMBER.format(member, len(weights)) for member in range(len(layers)))
        pairs = [layers[name].get_weights() for name in same if name in layers]
        weights.append((np.stack([k.T for k, _ in pairs]), np.stack([b[:, None] for _, b in pairs])))

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


def without_time(path: Path) -> None:
    """Rewrite a `.keras` file without the moment and memory addresses of its saving: equal models are equal files."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    if "metadata.json" in members:
        metadata = json.loads(members["metadata.json"]) | {"date_saved": ""}
        members["metadata.json"] = json.dumps(metadata, sort_keys=True).encode()
    if "config.json" in members:
        numbers: dict[bytes, bytes] = {}
        members["config.json"] = re.sub(
            rb'"shared_object_id": (\d+)',
            lambda match: b'"shared_object_id": ' + numbers.setdefault(match[1], str(len(numbers) + 1).encode()),
            members["config.json"],
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def read_model(path: Path, shown: str, card: Mapping[str, Any], command: str) -> Any:
    """Return a Keras model, after checking that it takes the features its card lists.

    Raises:
        FusionError: the file cannot be read, or the model has another number of inputs than the card has features.
    """
    remedy = f"make it anew: {command}"
    features = card.get("features", [])
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise FusionError(f"the card of {shown} has the features {str(features)[:80]}", "their names", remedy)
    _check_archive(path, shown, remedy)
    keras = backend.keras()
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
        width = sum(shape[-1] for shape in shapes)
    except Exception as error:  # a configuration names any layer with any arguments, and each breaks in its own way
        raise FusionError(
            f"{shown} cannot be read: {type(error).__name__}: {str(error)[:_SHOWN]}", "a Keras model", remedy
        ) from error
    if width != len(features):
        raise FusionError(f"{shown} takes {width} features", f"{len(features)}: {', '.join(features)}", remedy)
    return model


def _check_archive(path: Path, shown: str, remedy: str) -> None:
    """Refuse an archive that unpacks to something else, or to more, than Keras writes.

    Weights are stored as they are: what is much larger unpacked than packed was not written by Keras. Layers that run
    code of the file or read other files are refused by Keras itself, in its safe mode.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        names = sorted(member.filename for member in members)
        size, packed = sum(member.file_size for member in members), path.stat().st_size
        problem = (
            f"holds {', '.join(names)[:_SHOWN]}"
            if names != _MEMBERS
            else f"is {size:,} bytes unpacked and {packed:,} packed"
            if size > _MOST_UNPACKED * packed
            else ""
        )
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        problem = f"cannot be read: {error}"
    if problem:
        raise FusionError(f"{shown} {problem}", f"a Keras model: {', '.join(_MEMBERS)}", remedy)
