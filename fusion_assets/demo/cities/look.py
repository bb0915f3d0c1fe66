"""What makes a city unlike the others: its materials, season, haze, way of building, radar, and zones.

`shift` scales all of it, and how unlike each other neighbourhoods are; at 0 cities differ by chance alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_assets.demo.cities.materials import BANDS, MATERIALS
from fusion_assets.demo.cities.recipes import RECIPES
from fusion_assets.demo.land import Field, stream

_BRIGHTNESS, _TINT = 0.17, 0.13
"""Deviations of the logarithm of a material's reflectance: all bands, and from the first to the last."""
_COVER, _HEIGHT, _BLOCK = 0.34, 0.42, 0.32
"""Deviations of logarithms: a zone's shares of the ground, heights, blocks."""
_WITHERED, _DRYNESS = -1.4, 0.85
"""Mean and deviation of the share of withered plants, in logits."""
_HAZE = 0.017
_GAIN, _ECHO = 0.85, 0.65
"""Deviations in dB: of a polarisation, and of a material."""
_PRIOR = 0.8
USUAL = 0.8
"""How unlike each other cities are: about as real ones. At 0 they are alike."""
_MIX = 0.5


@dataclass(frozen=True)
class Look:
    """Of a city.

    Attributes:
        bright: factor of each material's reflectance, (material, band).
        withered: share of plants that are not green, 0 to 1.
        haze: reflectance added in the blue.
        sun: its elevation, degrees.
        covers: factors of a zone's shares of the ground, (zone, 8) in the order of `Recipe`.
        heights: factors of a zone's heights, (zone,).
        blocks: factors of a zone's blocks, (zone,).
        roofs: factors of the shares of kinds of roofs, (3,).
        echo: dB added to each material, (material, VV and VH).
        priors: how frequent zones are, (zone,), adding to 1.
        motley: how unlike each other its neighbourhoods are, 0 for alike.
    """

    bright: Field
    withered: float
    haze: float
    sun: float
    covers: Field
    heights: Field
    blocks: Field
    roofs: Field
    echo: Field
    priors: Field
    motley: float


def look_of(seed: int, city: str, shift: float) -> Look:
    """Draw the look of a city; another `shift` scales the same deviations.

    Args:
        seed: of the exam.
        city: its name.
        shift: how unlike each other cities are; see `USUAL`.
    """
    rng = stream(seed, "city", city, "look")

    def deviations(*shape: int) -> Field:
        return (shift * rng.standard_normal(shape)).astype(np.float32)

    zones, materials = len(RECIPES), len(MATERIALS)
    slope = np.linspace(-1, 1, len(BANDS), dtype=np.float32)
    bright = _BRIGHTNESS * deviations(materials, 1) + _TINT * deviations(materials, 1) * slope
    # Zones of a city resemble each other in how they are built.
    covers = _COVER * (0.5 * deviations(1, 8) + 0.87 * deviations(zones, 8))
    heights = _HEIGHT * (0.5 * deviations(1) + 0.87 * deviations(zones))
    priors = np.exp(_PRIOR * deviations(zones))
    return Look(
        bright=np.exp(bright),
        withered=float(1 / (1 + np.exp(-(_WITHERED + _DRYNESS * deviations(1)[0])))),
        haze=float(_HAZE * deviations(1)[0]),
        sun=float(np.clip(48 + 10 * deviations(1)[0], 25, 70)),
        covers=np.exp(covers),
        heights=np.exp(heights),
        blocks=np.exp(_BLOCK * deviations(zones)),
        roofs=np.exp(_MIX * deviations(3)),
        echo=_GAIN * deviations(1, 2) + _ECHO * deviations(materials, 2),
        priors=priors / priors.sum(),
        motley=shift,
    )
