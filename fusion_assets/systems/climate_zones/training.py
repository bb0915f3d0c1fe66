"""One training: a network, the patches it learns from and those that stop it, and its answers afterwards.

Unlike the source (Gawlikowski et al. 2020), radar intensities are read in decibels and what is far out is cut off:
the filtered VH has a mean of 0.04 and a deviation of 3, and whoever scales by these sees nothing. `raw` leaves both
out, for comparison. Weights of classes are n / (17 n_i), which average to one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.networks import DROPOUT, Network, build

if TYPE_CHECKING:
    from fusion_assets.learning.training import State

Make = Callable[[dict[str, float], dict[str, float], int, dict[str, tuple[float, float]]], Any]
_SAMPLE = 2000
_OUTLIERS = 0.001
_FAINTEST = 1e-7
_NARROWEST = 1e-6
BATCH_ASKED = 512
"""Patches that a network is asked for at once."""


class Source(Protocol):
    """What patches are read from; see `so2sat.cache.Patches`."""

    labels: np.ndarray

    def batch(self, rows: np.ndarray, channels: Sequence[str], decibels: bool = True) -> np.ndarray:
        """Patches of these rows, (patch, 32, 32, channel) float32."""
        ...


@dataclass(frozen=True)
class Preset:
    """How a network is trained.

    Attributes:
        width: share of the filters.
        dropout: share of dense units left out: half as wide has less to spare.
        epochs: at most.
        patience: epochs without a better figure after which training ends.
        batch: patches in a mini-batch.
        rate: of Adam.
        falling: whether the rate falls to 0 by the last epoch, along half a cosine (Loshchilov and Hutter 2017,
            arXiv:1608.03983).
        weights: of classes: `balanced` by their inverse share, or `none`.
        radar: `db` (decibels, outliers cut off) or `raw`.
    """

    width: float = 0.5
    dropout: float = DROPOUT / 2
    epochs: int = 12
    patience: int = 4
    batch: int = 128
    rate: float = 1e-3
    falling: bool = False
    weights: str = "none"
    radar: str = "db"


PRESETS = {
    "quick": Preset(patience=12, batch=64, rate=3e-3, falling=True),
    "published": Preset(width=1.0, dropout=DROPOUT, epochs=100, patience=25, weights="balanced"),
}
"""`quick` answers on a laptop, and goes all its epochs, without which its rate would not fall; `published` trains as
long as the source says."""


def train(
    network: Network,
    source: Source,
    learnt: np.ndarray,
    stopping: np.ndarray,
    preset: Preset,
    seed: int,
    state: State | None = None,
    told: Callable[[str], None] = lambda line: None,
    make: Make | None = None,
) -> tuple[Any, list[dict[str, float]]]:
    """A trained network with the weights of its best epoch, and the figures of every epoch.

    Args:
        network: which one, as wide as it shall be.
        source: of patches.
        learnt: (n,) rows that are learnt from.
        stopping: (m,) rows, none of them learnt from, whose overall accuracy says which epoch was best; none to train
            all epochs and keep the last.
        preset: how.
        seed: of weights, order and dropout.
        state: where each epoch is stored, so that a killed training goes on.
        told: a line an epoch.
        make: of mean and deviation of every channel, seed, and least and largest value of every channel, the Keras
            model; by default that of the network, of which else the channels alone are used.

    Returns:
        The model, (batch, 32, 32, channels of the network in order) to (batch, 17); and for each epoch `loss`,
        `accuracy` and `log_loss`, the last two of the patches that stop, where there are any.
    """
    from fusion_assets.learning.backend import keras, tensorflow
    from fusion_assets.learning.training import fit

    tf, k = tensorflow(), keras()
    channels, decibels = channels_of(network), preset.radar == "db"
    model = _scaled(make or partial(build, network), channels, source, learnt, preset, seed)
    weights = class_weights(source.labels[learnt]) if preset.weights == "balanced" else np.ones(len(ZONES), np.float32)
    ask = asking(model)
    best = [tf.Variable(values) for values in model.get_weights()]
    best_so_far = tf.Variable(-1.0, dtype=tf.float64)

    def draw(chosen: np.ndarray, _: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        rows = learnt[chosen]
        return source.batch(rows, channels, decibels), source.labels[rows].astype(np.int32)

    def loss(model: Any, values: Any, labels: Any) -> Any:
        answer = tf.gather(model(values, training=True), labels, batch_dims=1)
        return -tf.reduce_mean(tf.gather(weights, labels) * tf.math.log(answer + _FAINTEST))

    def judge(model: Any) -> dict[str, float]:
        answer = asked(ask, source, stopping, channels, decibels)
        label = source.labels[stopping]
        accuracy = float((answer.argmax(axis=1) == label).mean())
        if accuracy > float(best_so_far.numpy()):
            best_so_far.assign(accuracy)
            for variable, values in zip(best, model.get_weights(), strict=True):
                variable.assign(values)
        told(f"accuracy of the patches that stop: {accuracy:.3f}")
        return {
            "accuracy": accuracy,
            "log_loss": float(-np.log(answer[np.arange(len(label)), label] + _FAINTEST).mean()),
        }

    def stop(history: list[dict[str, float]]) -> bool:
        accuracy = [epoch["accuracy"] for epoch in history]
        return len(accuracy) - 1 - int(np.argmax(accuracy)) >= preset.patience

    history = fit(
        model,
        k.optimizers.Adam(_rate(preset, len(learnt))),
        loss,
        draw,
        samples=len(learnt),
        epochs=preset.epochs,
        batch=preset.batch,
        seed=seed,
        judge=judge if len(stopping) else None,
        stop=stop if len(stopping) else None,
        state=state,
        kept=[*best, best_so_far],
    )
    if len(stopping):
        model.set_weights([variable.numpy() for variable in best])
    return model, history


def of_preset(network: Network, preset: Preset) -> Network:
    """The network as wide as the preset says, and with its dropout."""
    return replace(network, width=preset.width, dropout=preset.dropout)


def channels_of(network: Network) -> tuple[str, ...]:
    """Channels that a network reads, each once, in the order in which it is given them."""
    return tuple(dict.fromkeys(name for branch in network.branches for name in branch))


def predict(model: Any, source: Source, rows: np.ndarray, channels: Sequence[str], decibels: bool = True) -> np.ndarray:
    """Probabilities of the zones, (rows, 17) float32."""
    return asked(asking(model), source, rows, channels, decibels)


def asking(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Function of patches, (n, 32, 32, channels) float32, to probabilities of the zones, (n, 17).

    It has the weights that the model has when it is asked; it is traced once, which costs most of a second.
    """
    from fusion_assets.learning.backend import tensorflow

    tf = tensorflow()
    shape = tf.TensorSpec(model.input_shape, tf.float32)
    ask = tf.function(lambda values: model(values, training=False), input_signature=[shape])
    return lambda patches: ask(tf.constant(patches)).numpy()


def asked(
    ask: Callable[[np.ndarray], np.ndarray],
    source: Source,
    rows: np.ndarray,
    channels: Sequence[str],
    decibels: bool = True,
) -> np.ndarray:
    """What a traced model answers, (rows, 17) float32; see `asking`."""
    parts = [
        ask(source.batch(rows[first : first + BATCH_ASKED], channels, decibels))
        for first in range(0, len(rows), BATCH_ASKED)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(ZONES)), np.float32)


def class_weights(label: np.ndarray) -> np.ndarray:
    """N / (17 n_i), (17,) float32; 0 for classes that there are none of."""
    count = np.bincount(label, minlength=len(ZONES))
    return np.where(count > 0, len(label) / (len(ZONES) * np.maximum(count, 1)), 0).astype(np.float32)


def _rate(preset: Preset, learnt: int) -> Any:
    """The rate of Adam, or how it falls with every step."""
    from fusion_assets.learning.backend import keras

    if not preset.falling:
        return preset.rate
    steps = preset.epochs * max(1, learnt // min(preset.batch, learnt))
    return keras().optimizers.schedules.CosineDecay(preset.rate, steps)


def _scaled(make: Make, channels: Sequence[str], source: Source, learnt: np.ndarray, preset: Preset, seed: int) -> Any:
    """The network, scaled by what a sample of the patches learnt from holds."""
    rows = np.random.default_rng([seed, 1]).permutation(learnt)[:_SAMPLE]
    values = source.batch(np.sort(rows), channels, preset.radar == "db").reshape(-1, len(channels))
    share = _OUTLIERS if preset.radar == "db" else 0.0
    scales = {name: _scale(np.ascontiguousarray(values[:, place]), share) for place, name in enumerate(channels)}
    low, high, mean, deviation = ({name: scale[which] for name, scale in scales.items()} for which in range(4))
    return make(mean, deviation, seed, {name: (low[name], high[name]) for name in channels})


def _scale(values: np.ndarray, share: float) -> tuple[float, float, float, float]:
    """Limits that a share of the values lies beyond on either side; mean and deviation of what is cut off at them."""
    low, high = map(float, np.quantile(values, [share, 1 - share]))
    cut = np.clip(values, low, high)
    return low, high, float(cut.mean(dtype=np.float64)), max(float(cut.std(dtype=np.float64)), _NARROWEST)
