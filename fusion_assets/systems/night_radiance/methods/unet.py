"""A small U-Net that says by how much brighter a pixel is than the deblurred lights (Ronneberger et al. 2015).

It is fitted one scale up, as the trees are, where a cell is `FACTOR` pixels wide; a map's cells are 4 to 16. So that
what it has learnt of cells holds for pixels, it is applied to lattices of every second, third, ... pixel, on which a
cell is about `FACTOR` wide again: convolutions with holes (Holschneider et al. 1989), which make the receptive field
the same in cells at every scale, and interpolate nothing. Every pixel lies on one lattice, and keeps its own imagery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.storage.json_objects import as_written
from fusion_assets.systems.night_radiance.examples import FACTOR
from fusion_assets.systems.night_radiance.methods.features import logarithm
from fusion_assets.systems.night_radiance.resampling import nearest
from fusion_assets.systems.night_radiance.task import FAINTEST, filled

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.examples import Example
    from fusion_assets.systems.night_radiance.task import Task

STEPS, BATCH, RATE = 300, 8, 3e-3
"""Of one network, however large the places are: its cost is the same everywhere."""
HALO = 10
"""Pixels of a lattice around what is answered for, even: at least the receptive radius, 9, or two cells and a half."""
_CROP, _BLOCK = 32, 128
"""Edges of what is learnt from and answered for at a time, pixels of a lattice; even."""
_WIDTH = 16
OTHERS = 3
"""Channels beside the day imagery."""
_ANEW = "make it anew: fusion run --select radiance_model"
_FURTHEST = 4.0
"""Logarithm of the largest factor that a pixel is multiplied by or divided through."""
_STRANGEST = 5.0
"""Standard deviations after which imagery is as if it were no stranger."""


@dataclass(frozen=True)
class Networks:
    """Fitted networks as numbers; they differ in what they began from and in what they saw first.

    Attributes:
        guides: names of the day imagery, in order.
        centre: (channels,) float32, means of what is seen.
        scale: (channels,) float32, its standard deviations.
        weights: by network, its layers' kernels and biases in order, float32.
    """

    guides: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    weights: tuple[tuple[np.ndarray, ...], ...]

    def radiance(self, task: Task) -> np.ndarray:
        """The deblurred lights times what the networks say, not yet conserved; (height, width), nW/cm2/sr."""
        return self.answered(task)[0]

    def answered(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """`radiance`, and how far the networks disagree: the standard deviation of their logarithms; (height, width).

        Raises:
            FusionError: the task's day imagery is other than what was learnt from.
        """
        if tuple(task.guides) != self.guides:
            raise FusionError(
                f"day imagery of {', '.join(task.guides)}",
                f"{', '.join(self.guides)}, which the networks have learnt from",
                _ANEW,
            )
        height, width = task.sensor.fine.shape
        seen = _Seen(_channels(task), self.centre, self.scale)
        mean, spread = np.empty((height, width)), np.empty((height, width))
        for rows, columns in _lattices(height, width, step_of(task)):
            window = seen.window(_around(rows), _around(columns))[None]
            inner = slice(HALO, HALO + len(rows)), slice(HALO, HALO + len(columns))
            said = np.stack([np.asarray(call(window))[(0, *inner, 0)] for call in self._calls]).astype(np.float64)
            down, right = rows[rows < height], columns[columns < width]
            said = np.clip(said[:, : len(down), : len(right)], -_FURTHEST, _FURTHEST)
            mean[np.ix_(down, right)], spread[np.ix_(down, right)] = said.mean(axis=0), said.std(axis=0)
        result = (task.start + 2 * FAINTEST) * np.exp(mean) - 2 * FAINTEST
        return np.maximum(result, FAINTEST / 10), spread

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays by name, for `from_arrays`."""
        held = {"guides": np.array(self.guides), "centre": self.centre, "scale": self.scale}
        held |= {
            f"weights_{member}_{layer}": values
            for member, layers in enumerate(self.weights)
            for layer, values in enumerate(layers)
        }
        return held

    @cached_property
    def _calls(self) -> list[Any]:
        from fusion_assets.learning.backend import tensorflow

        tf = tensorflow()
        signature = [tf.TensorSpec((1, None, None, len(self.centre)), tf.float32)]
        models = [_network(len(self.centre)) for _ in self.weights]
        for model, weights in zip(models, self.weights, strict=True):
            model.set_weights(list(weights))
        return [tf.function(model, input_signature=signature).get_concrete_function() for model in models]


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Networks:
    """What `Networks.to_arrays` gave.

    Raises:
        FusionError: weights of another network.
    """
    with as_written("a stored U-Net", _ANEW):
        guides, centre, scale = tuple(map(str, arrays["guides"])), arrays["centre"], arrays["scale"]
        wanted = [each.shape for each in _network(len(guides) + OTHERS).get_weights()]
        weights = tuple(
            tuple(arrays[f"weights_{member}_{layer}"] for layer in range(len(wanted)))
            for member in range(sum(name.endswith("_0") for name in arrays))
        )
        shapes = {tuple(each.shape for each in layers) for layers in weights}
    if shapes != {tuple(wanted)} or {centre.shape, scale.shape} != {(len(guides) + OTHERS,)}:
        raise FusionError("a stored U-Net has other layers", "those of this version", _ANEW)
    return Networks(guides, centre, scale, weights)


def step_of(task: Task) -> int:
    """Pixels from one of a lattice to the next: a cell is about `FACTOR` of them wide."""
    return max(1, round(task.ratio / FACTOR))


def fit(examples: Sequence[Example], seed: int = 0, members: int = 1) -> Networks:
    """Networks fitted on tasks with known answers, each for `STEPS` steps.

    Args:
        examples: one scale up; windows of them are turned and mirrored.
        seed: of the first network; each has its own.
        members: number of networks.
    """
    planes = [_channels(each.task) for each in examples]
    known = np.concatenate([np.stack(a)[:, b.known] for a, b in zip(planes, examples, strict=True)], axis=1)
    centre, scale = known.mean(axis=1).astype(np.float32), np.maximum(known.std(axis=1), 1e-3).astype(np.float32)
    # Whether a pixel is known is a number already; where all of them are, its deviation is none.
    centre[-1], scale[-1] = 0.0, 1.0
    windows = _Windows.of(examples, [_Seen(each, centre, scale) for each in planes])
    weights = tuple(_fitted(windows, len(centre), seed * 100 + member) for member in range(members))
    return Networks(tuple(examples[0].task.guides), centre, scale, weights)


def _fitted(windows: _Windows, channels: int, seed: int) -> tuple[np.ndarray, ...]:
    from fusion_assets.learning.backend import keras, tensorflow
    from fusion_assets.learning.training import fit as trained

    tf = tensorflow()
    model = _network(channels, seed)
    decay = keras().optimizers.schedules.CosineDecay(RATE, STEPS)
    inner = slice(HALO, HALO + _CROP)

    def loss(model: Any, seen: Any, answer: Any, weight: Any) -> Any:
        said = model(seen, training=True)[:, inner, inner, 0]
        return tf.reduce_sum(weight * (said - answer) ** 2) / (tf.reduce_sum(weight) + 1e-6)

    optimizer = keras().optimizers.AdamW(decay, weight_decay=1e-2, clipnorm=1.0)
    trained(model, optimizer, loss, windows.drawn, samples=STEPS * BATCH, epochs=1, batch=BATCH, seed=seed)
    return tuple(np.asarray(each, np.float32) for each in model.get_weights())


def _network(channels: int, seed: int = 0) -> Any:
    """(batch, y, x, channels) to (batch, y, x, 1), the logarithm of a factor; y and x are even."""
    from fusion_assets.learning.backend import keras

    layers, init = keras().layers, keras().initializers

    def convolved(into: Any, width: int, number: int, edge: int = 3) -> Any:
        kernel = init.HeNormal(seed=seed * 1000 + number)
        return layers.Conv2D(width, edge, padding="same", activation="silu", kernel_initializer=kernel)(into)

    inputs = layers.Input((None, None, channels))
    fine = convolved(convolved(inputs, _WIDTH, 0, 1), _WIDTH, 1)
    coarse = layers.AveragePooling2D(2)(fine)
    coarse = convolved(convolved(coarse, 2 * _WIDTH, 2), 2 * _WIDTH, 3)
    joined = layers.Concatenate()([fine, layers.UpSampling2D(2)(coarse)])
    last = convolved(convolved(joined, _WIDTH, 4), _WIDTH, 5, 1)
    # It begins with the deblurred lights as they are.
    return keras().Model(inputs, layers.Conv2D(1, 1, kernel_initializer="zeros")(last))


def _channels(task: Task) -> list[np.ndarray]:
    """What the networks see, (height, width) each: lights, day imagery, and where both are known."""
    lights = logarithm(task.start)
    known = nearest(np.isfinite(task.measured).astype(float), task.sensor.cells, task.sensor.fine) > 0.5
    guides = [np.asarray(guide, np.float32) for guide in task.guides.values()]
    for guide in guides:
        known &= np.isfinite(guide)
    return [lights, lights - logarithm(task.bicubic), *map(filled, guides), known]


@dataclass(frozen=True)
class _Seen:
    """A task as networks see it, standardised.

    Attributes:
        planes: of `_channels`.
        centre: (channels,).
        scale: (channels,).
    """

    planes: list[np.ndarray]
    centre: np.ndarray
    scale: np.ndarray

    def window(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(rows, columns, channels) float32; what lies beyond the edges is as they are, and not known."""
        height, width = self.planes[0].shape
        inside = np.ix_(np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1))
        seen = np.stack([plane[inside] for plane in self.planes], axis=-1).astype(np.float32)
        beyond = ((rows < 0) | (rows >= height))[:, None] | ((columns < 0) | (columns >= width))
        seen[beyond, -1] = 0.0
        return np.clip((seen - self.centre) / self.scale, -_STRANGEST, _STRANGEST)


@dataclass(frozen=True)
class _Windows:
    """Windows of examples to learn from, each as likely as the others.

    Attributes:
        seen: by example (height, width, channels), with the halo around it.
        answers: by example (height, width, 2): the logarithm of the factor, and how much it counts.
        corners: (windows, 3): example, and first row and column.
    """

    seen: list[np.ndarray]
    answers: list[np.ndarray]
    corners: np.ndarray

    @classmethod
    def of(cls, examples: Sequence[Example], planes: Sequence[_Seen]) -> _Windows:
        seen, answers, corners = [], [], []
        for number, (example, each) in enumerate(zip(examples, planes, strict=True)):
            height, width = (max(edge, _CROP) for edge in example.truth.shape)
            around = _around(np.arange(height)), _around(np.arange(width))
            seen.append(each.window(*around))
            answers.append(np.zeros((height, width, 2), np.float32))
            within = tuple(slice(edge) for edge in example.truth.shape)
            answers[-1][within] = _answer(example)
            corners += [
                (number, row, column)
                for row in _firsts(height)
                for column in _firsts(width)
                if answers[-1][row : row + _CROP, column : column + _CROP, 1].any()
            ]
        return cls(seen, answers, np.array(corners))

    def drawn(self, which: np.ndarray, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Windows by number, counted round and round, turned and mirrored by chance: seen, answer and weight."""
        pairs = []
        for example, row, column in self.corners[which % len(self.corners)]:
            seen = self.seen[example][row : row + _CROP + 2 * HALO, column : column + _CROP + 2 * HALO]
            answer = self.answers[example][row : row + _CROP, column : column + _CROP]
            turns, mirrored = int(chance.integers(4)), chance.integers(2)
            pairs.append([np.rot90(each[:, ::-1] if mirrored else each, turns) for each in (seen, answer)])
        seen, answers = (np.stack(each) for each in zip(*pairs, strict=True))
        return seen, answers[..., 0], answers[..., 1]


def _answer(example: Example) -> np.ndarray:
    """(height, width, 2): as the trees', light is what errors count in."""
    start, known = example.task.start, example.known
    truth = np.where(known, example.truth, start)
    factor = np.log((truth + 2 * FAINTEST) / (start + 2 * FAINTEST))
    weight = np.where(known, start + 10 * FAINTEST, 0.0)
    return np.stack([np.clip(factor, -_FURTHEST, _FURTHEST), weight], axis=-1)


def _firsts(length: int) -> list[int]:
    """Where windows begin along an edge: half of each lies in the next, and the last ends at the edge."""
    return sorted({*range(0, length - _CROP, _CROP // 2), length - _CROP})


def _around(places: np.ndarray) -> np.ndarray:
    """The places of a lattice with the halo on both sides."""
    step = places[1] - places[0]
    halo = np.arange(1, HALO + 1) * step
    return np.concatenate([places[0] - halo[::-1], places, places[-1] + halo])


def _lattices(height: int, width: int, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of blocks of all lattices, even in number; the last ones may reach beyond the raster."""
    for row in _begins(height, step):
        for column in _begins(width, step):
            yield row, column


def _begins(length: int, step: int) -> list[np.ndarray]:
    found = []
    for phase in range(min(step, length)):
        count = -(-(length - phase) // step)
        for first in range(0, count, _BLOCK):
            edge = min(_BLOCK, count - first)
            found.append(phase + step * np.arange(first, first + edge + edge % 2))
    return found
