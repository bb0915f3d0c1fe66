"""A trained encoder: its weights as numbers, and its answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.encoder.network import Design, build
from fusion_assets.systems.embeddings.encoder.pairs import USES, Scale
from fusion_assets.systems.embeddings.sensors import POLARISATIONS

if TYPE_CHECKING:
    from fusion_assets.systems.embeddings.encoder.pairs import Source

_AT_ONCE = 1_000_000
"""Pixels that the network sees at a time: it keeps 32 numbers of each."""
_ANEW = "make it anew: fusion run --select encoder"


@dataclass(frozen=True)
class Encoder:
    """What turns pairs into embeddings.

    Attributes:
        design: of the network.
        optics: scale of the optical bands.
        radar: scale of VV and VH, in decibels.
        weights: of the network's layers, in order, float32.
    """

    design: Design
    optics: Scale
    radar: Scale
    weights: tuple[np.ndarray, ...]

    def embedded(self, source: Source, rows: np.ndarray, use: str = "both") -> np.ndarray:
        """Embeddings of pairs, each by all of its patch.

        Args:
            source: of the pairs.
            rows: (m,) which of them.
            use: `radar`, `optics` or `both`; what is not looked at may be without data.

        Returns:
            (m, dim) float32 of unit length.

        Raises:
            FusionError: other bands than it has learnt from, a patch without data, or an answer that is no number.
        """
        if tuple(source.bands) != self.design.bands:
            raise FusionError(
                f"optical bands {', '.join(source.bands)}",
                f"{', '.join(self.design.bands)}, in this order, which the encoder has learnt from",
                "read these bands, or train an encoder on those",
            )
        out = np.empty((len(rows), self.design.dim), np.float32)
        first, step = 0, 1
        while first < len(rows):
            optics, radar = source.batch(rows[first : first + step])
            out[first : first + step] = self._answer(optics, radar, use)
            first, step = first + step, max(1, _AT_ONCE // (optics.shape[1] * optics.shape[2]))
        if not np.isfinite(out).all():
            raise FusionError("an embedding is no number", "finite numbers", _ANEW)
        return out

    def _answer(self, optics: np.ndarray, radar: np.ndarray, use: str) -> np.ndarray:
        present = np.array(USES[use], np.float32)
        pairs = [(optics, self.optics), (radar, self.radar)]
        seen = [
            scale.applied(values) if looked else np.zeros_like(values)
            for (values, scale), looked in zip(pairs, present, strict=True)
        ]
        return self._call(*seen, np.tile(present, (len(optics), 1))).numpy()

    @cached_property
    def _call(self) -> Any:
        from fusion_assets.learning.backend import tensorflow

        tf = tensorflow()
        model = build(self.design, 0)
        model.set_weights(list(self.weights))
        shapes = [(None, None, None, len(self.design.bands)), (None, None, None, len(POLARISATIONS)), (None, 2)]
        signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        return tf.function(lambda *inputs: model(list(inputs), training=False), input_signature=signature)

    @property
    def digest(self) -> str:
        """Twelve hex digits over all that decides its answers."""
        digest = hashlib.sha256()
        for name, values in sorted(self._arrays().items()):
            digest.update(f"{name} {values.dtype} {values.shape}".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:12]

    def _arrays(self) -> dict[str, np.ndarray]:
        """All that decides its answers, by name."""
        held = {
            "bands": np.array(self.design.bands),
            "dim": np.array(self.design.dim),
            "widths": np.array(self.design.widths),
            "centre": np.concatenate([self.optics.centre, self.radar.centre]),
            "spread": np.concatenate([self.optics.spread, self.radar.spread]),
        }
        return held | {f"weights_{number}": values for number, values in enumerate(self.weights)}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the traced function behind: another process traces its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_call"}


def untrained(design: Design, source: Source, learnt: np.ndarray, seed: int) -> Encoder:
    """An encoder as training would begin with it: what its shape and its scales alone are worth.

    Args:
        design: of the network.
        source: of the pairs.
        learnt: (m,) rows whose numbers give the scales.
        seed: of the weights.
    """
    weights = tuple(np.asarray(values, np.float32) for values in build(design, seed).get_weights())
    return Encoder(design, *scales_of(source, learnt, seed), weights)


def scales_of(source: Source, learnt: np.ndarray, seed: int) -> tuple[Scale, Scale]:
    """Scales of optics and radar by a sample of the pairs learnt from."""
    rows = np.sort(np.random.default_rng([seed, 1]).permutation(learnt)[:_SAMPLE])
    optics, radar = source.batch(rows)
    return Scale.of(optics), Scale.of(radar)


_SAMPLE = 1000
"""Pairs that scales are taken from."""
