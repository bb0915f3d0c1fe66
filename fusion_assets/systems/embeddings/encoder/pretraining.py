"""The training of an encoder without labels, on pairs alone, whose state survives a kill."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.encoder.network import Design, build
from fusion_assets.systems.embeddings.encoder.pretexts import PRETEXTS
from fusion_assets.systems.embeddings.encoder.trained import Encoder, scales_of
from fusion_assets.systems.embeddings.encoder.views import Places, crop_edge

if TYPE_CHECKING:
    from fusion_assets.learning.training import State
    from fusion_assets.systems.embeddings.encoder.pairs import Source

FEWEST = 16
"""Places: of fewer, none can be told apart."""


@dataclass(frozen=True)
class Preset:
    """How an encoder is trained.

    Attributes:
        pretext: what it learns; see `pretexts`.
        steps: mini-batches, about: whole passes over the places are made.
        batch: places in a mini-batch.
        rate: of AdamW, at its highest.
        decay: of the weights.
        warm: share of the steps in which the rate rises.
    """

    pretext: str = "vicreg"
    steps: int = 1000
    batch: int = 128
    rate: float = 2e-3
    decay: float = 1e-2
    warm: float = 0.05


def pretrain(
    source: Source,
    learnt: np.ndarray,
    design: Design,
    preset: Preset,
    seed: int,
    state: State | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> tuple[Encoder, list[dict[str, float]]]:
    """A trained encoder, and the loss of every pass over the places.

    Args:
        source: of the pairs; a batch holds a place once.
        learnt: (m,) rows that are learnt from: none that anything is tested on.
        design: of the network.
        preset: how.
        seed: of weights, order and views.
        state: where each pass is stored, so that a killed training goes on.
        tell: takes a line now and then on how far it is.

    Raises:
        FusionError: too few places, or a training that ended in no numbers, or in the same number everywhere.
    """
    from fusion_assets.learning.backend import keras
    from fusion_assets.learning.training import fit

    places = Places.of(source.place, learnt)
    if len(places) < FEWEST:
        raise FusionError(
            f"an encoder has {len(places)} places to learn from",
            f"at least {FEWEST}",
            "plan more patches (embeddings.count), or test on a smaller share of them (embeddings.split.test)",
        )
    k = keras()
    pretext, batch = PRETEXTS[preset.pretext], min(preset.batch, len(places))
    optics, radar = scales_of(source, learnt, seed)
    encoder = build(design, seed)
    channels = len(design.bands) + len(radar.centre)
    model = k.Model(encoder.inputs, pretext.head(encoder.output, channels, seed))
    passes = max(1, math.ceil(preset.steps / (len(places) // batch)))
    steps = passes * (len(places) // batch)
    warm = max(1, round(preset.warm * steps))
    rate = k.optimizers.schedules.CosineDecay(0.0, max(1, steps - warm), warmup_target=preset.rate, warmup_steps=warm)

    def draw(chosen: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
        pairs = source.batch(places.drawn(chosen, random))
        first, second = optics.applied(pairs[0]), radar.applied(pairs[1])
        edge = crop_edge(first.shape[1])
        return [np.ascontiguousarray(values, np.float32) for values in pretext.views(first, second, edge, random)]

    def loss(model: Any, *arrays: Any) -> Any:
        return pretext.loss(model(list(arrays[:3]), training=True), *arrays[3:])

    def told(history: list[dict[str, float]]) -> bool:
        """Say how far a training is, and never stop it."""
        done = len(history)
        if done * _LINES // passes > (done - 1) * _LINES // passes:
            tell(f"pass {done} of {passes}: loss {history[-1]['loss']:.4g}")
        return False

    history = fit(
        model,
        k.optimizers.AdamW(rate, weight_decay=preset.decay, clipnorm=1.0),
        loss,
        draw,
        samples=len(places),
        epochs=passes,
        batch=batch,
        seed=seed,
        stop=told,
        state=state,
    )
    weights = tuple(np.asarray(values, np.float32) for values in encoder.get_weights())
    trained = Encoder(design, optics, radar, weights)
    require_telling(trained, source, places.rows[places.first[:-1]], [figures["loss"] for figures in history])
    return trained, history


_LINES = 20
"""On how far a training is."""
_LOOKED_AT = 64
_ALIKE = 0.999
"""Mean cosine of embeddings of different places from which on they say nothing."""


def require_telling(encoder: Encoder, source: Source, rows: np.ndarray, losses: list[float]) -> None:
    """Refuse an encoder that says nothing.

    Args:
        encoder: trained.
        source: of pairs.
        rows: pairs of different places.
        losses: of its training.

    Raises:
        FusionError: a loss is no number, or embeddings are the same everywhere.
    """
    some = encoder.embedded(source, rows[:_LOOKED_AT])
    alike = float(np.linalg.norm(some.mean(axis=0)) ** 2)
    problem = (
        "a training of the encoder came to no number"
        if not np.isfinite(losses).all()
        else f"an encoder gives {alike:.4f} as mean cosine of different places"
        if alike > _ALIKE
        else ""
    )
    if problem:
        raise FusionError(
            problem,
            "embeddings that tell places apart",
            "look whether the patches are all alike, train longer (embeddings.encoder.steps), or take another seed",
        )
