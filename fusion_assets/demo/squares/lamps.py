"""What shines in a square: the truth of its nights."""

from __future__ import annotations

import numpy as np

from fusion_assets.demo.land import Field, ramp, stream
from fusion_assets.demo.squares.ground import Ground
from fusion_assets.demo.squares.place import grain

_FULL_LIGHT = 105.0
"""Radiance of fully built land of usual power, nW/cm2/sr."""
_QUARTER_KM, _DARK = 0.7, 0.06
"""Size of the quarters without light, and what is left there of the usual."""


def emitted(seed: int, ground: Ground) -> Field:
    """Radiance of a square with margin, nW/cm2/sr on its pixels, before any sensor: the truth.

    Given the built share around, the natural logarithm of light at 1 km deviates by about 0.5, as in Belgium.
    """
    square, character = ground.square, ground.square.character
    rng, shape = stream(seed, "square", square.name, "lamps"), square.shape
    lamps = _FULL_LIGHT * character.power * ground.power * ground.built**1.15
    lamps = lamps * np.exp(0.3 * grain(rng, shape, 0.8) + 0.5 * grain(rng, shape, 0.1) - 0.17)
    # A few lamps outshine their neighbours.
    lamps = lamps * rng.lognormal(-0.32, 0.8, shape)
    lamps *= 1 - (1 - _DARK) * _without_light(rng, ground)
    roads = np.exp(-ground.road / 0.05) * (character.lit_roads * ramp(grain(rng, shape, 2.0), -1.0, 0.0))
    dry = 1 - ramp(ground.water, 0.3, 0.9)
    return np.round(np.maximum((lamps + roads) * dry, ground.sites), 2).astype(np.float32)


def _without_light(rng: np.random.Generator, ground: Ground) -> Field:
    """1 in quarters without light, which hold the character's share of the square's built-up land."""
    square = ground.square
    quarters = grain(rng, square.shape, _QUARTER_KM, 2.0)
    window = square.inner()
    order = np.argsort(quarters[window], axis=None)[::-1]
    held = np.cumsum(ground.built[window].ravel()[order].astype(np.float64))
    edge = quarters[window].ravel()[order][np.searchsorted(held, square.character.dark * held[-1])]
    return ramp(quarters, edge - 0.05, edge + 0.05)
