"""Sentinel-2 over a city: reflectance at the top of the atmosphere, level 1C, with shadows of buildings and haze."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.cities.look import Look
from fusion_assets.demo.cities.materials import BANDS, COARSE, spectra
from fusion_assets.demo.cities.plan import SIDE, STEP, grain
from fusion_assets.demo.cities.surface import Surface
from fusion_assets.demo.land import Field

WHOLE = 1e4
"""Digital numbers are reflectance times this."""
_NUMBERS = 8
"""Digital numbers are multiples of this, which is below the noise and compresses."""
_BLUENESS = np.array([(0.493 / band.wavelength) ** 1.6 for band in BANDS], np.float32)
_THROUGH, _PATH = 0.88, 0.085
"""Of the atmosphere: what it lets through, and what it adds in the blue."""
_SHADE = 0.55
_FARTHEST = 8
"""Pixels that shadows reach."""
_NOISE = 0.0012


def reflectance(rng: np.random.Generator, surface: Surface, look: Look, haze: float = 0.0) -> Field:
    """Reflectance (band, row, col) of the cloudless city, bands of 20 m as the average of 2 x 2 pixels.

    Args:
        rng: of this day.
        surface: of the city.
        look: of the city.
        haze: added in the blue, beside the city's own.
    """
    shape = (SIDE, SIDE)
    bright = np.exp(0.05 * grain(rng, shape, 250) + 0.12 * grain(rng, shape, 25)).astype(np.float32)
    seen = np.einsum("mb,mrc->brc", spectra() * look.bright, surface.shares) * bright
    seen *= np.moveaxis(surface.bright, -1, 0)
    seen *= 1 - _SHADE * shade(surface.height, look.sun)
    veil = _PATH + look.haze + haze + 0.004 * grain(rng, shape, 1500, 2.0)
    seen = _THROUGH * seen + np.maximum(veil, 0.01) * _BLUENESS[:, None, None]
    seen += _NOISE * rng.standard_normal(seen.shape, dtype=np.float32)
    for band in COARSE:
        squares = seen[band].reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3))
        seen[band] = squares.repeat(2, axis=0).repeat(2, axis=1)
    return seen


def shade(height: Field, elevation: float) -> Field:
    """Which pixels lie in the shadow of higher ones to the south-east, 0 to 1."""
    from scipy import ndimage

    drop = STEP * 2**0.5 * np.tan(np.radians(elevation))
    dark = np.zeros(height.shape, np.float32)
    for step in range(1, _FARTHEST + 1):
        towards = np.zeros_like(height)
        towards[:-step, :-step] = height[step:, step:]
        dark = np.maximum(dark, np.clip((towards - height) / drop - step + 1, 0, 1))
    return ndimage.gaussian_filter(dark, 0.5)


def numbers(reflectances: Field) -> npt.NDArray[np.uint16]:
    """Digital numbers, at least 8: 0 is no data."""
    steps = np.rint(reflectances * (WHOLE / _NUMBERS))
    return np.clip(_NUMBERS * steps, _NUMBERS, 16_000).astype(np.uint16)
