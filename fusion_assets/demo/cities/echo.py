"""Sentinel-1 over a city: backscatter, single-look signals with their speckle, and what filters make of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.cities.look import Look
from fusion_assets.demo.cities.materials import MATERIALS, ROOFS, echoes
from fusion_assets.demo.cities.plan import SIDE, grain
from fusion_assets.demo.cities.surface import Surface
from fusion_assets.demo.land import Field

_TALL = 2.0
"""dB for each doubling of a building's height over 8 m; walls and ground mirror signals back."""
_TURNED = 2.0
"""dB by which buildings that face the radar are brighter in VV than those that do not, and darker in VH."""
_ROUGH = 0.7
_LIKENESS = (0.25, 0.45)
"""Correlation of VH with VV: of open ground, and of buildings, where walls mirror both."""
_WINDOW = 7
"""Pixels of the filter."""
# Bits of the fraction that are kept: to 0.8 %, far below speckle, which leaves the others nothing but size on disk.
_BITS = 6


def backscatter(rng: np.random.Generator, surface: Surface, look: Look) -> Field:
    """Sigma nought, linear, (VV and VH, row, col)."""
    power = np.einsum("mp,mrc->prc", 10 ** ((echoes() + look.echo) / 10), surface.shares)
    built = surface.shares[: len(ROOFS)].sum(axis=0)
    tall = _TALL * np.log2(np.maximum(surface.height, 2) / 8) * built
    rough = _ROUGH * grain(rng, (SIDE, SIDE), 60)
    facing = _TURNED * surface.turn * built
    decibels = np.stack([tall + rough + facing, 0.8 * tall + rough - 0.5 * facing]) + np.moveaxis(surface.echo, -1, 0)
    return power * 10 ** (decibels / 10)


def radar(rng: np.random.Generator, surface: Surface, look: Look) -> npt.NDArray[np.float32]:
    """The eight channels of So2Sat's radar, (row, col, channel): VH before VV, signals, intensities, covariance."""
    vv, vh = backscatter(rng, surface, look)
    built = surface.shares[: len(ROOFS)].sum(axis=0)
    likeness = _LIKENESS[0] + (_LIKENESS[1] - _LIKENESS[0]) * built * (1 - surface.shares[MATERIALS.index("water")])
    first, second = ((_gauss(rng) + 1j * _gauss(rng)) / 2**0.5 for _ in range(2))
    signals = np.sqrt(vh) * first, np.sqrt(vv) * (likeness * first + np.sqrt(1 - likeness**2) * second)
    covariance, *intensities = filtered(signals[0] * signals[1].conj(), *(np.abs(signal) ** 2 for signal in signals))
    channels = [part for signal in signals for part in (signal.real, signal.imag)]
    channels += [*(held.real for held in intensities), covariance.real, covariance.imag]
    return _shortened(np.stack(channels, axis=-1).astype(np.float32))


def _gauss(rng: np.random.Generator) -> Field:
    return rng.standard_normal((SIDE, SIDE), dtype=np.float32)


def filtered(covariance: Field, *intensities: Field) -> list[Field]:
    """All of them filtered alike, so that they stay those of one matrix: Lee's filter in windows of 7 x 7 pixels.

    Where power varies no more than speckle does, the mean of the window is taken; where it varies more, as much of the
    pixel itself as that is due to the ground (Lee, Grunes and de Grandi 1999, doi:10.1109/36.789635). Windows are
    squares throughout.
    """
    from scipy.ndimage import uniform_filter

    def mean(values: Field) -> Field:
        if np.iscomplexobj(values):
            return mean(values.real) + 1j * mean(values.imag)
        return uniform_filter(values.astype(np.float64), _WINDOW, mode="reflect")

    span = np.sum(intensities, axis=0)
    middle = mean(span)
    varying = np.maximum(mean(span**2) - middle**2, 0)
    # Speckle of the sum of two powers of which one prevails.
    speckle = 1.0
    own = np.clip((varying - middle**2 * speckle) / (varying * (1 + speckle) + 1e-20), 0, 1)
    return [(around := mean(held)) + own * (held - around) for held in (covariance, *intensities)]


def _shortened(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Numbers without the last bits of their fraction."""
    dropped = 23 - _BITS
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + np.uint32(1 << (dropped - 1))) & np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)).view(np.float32)
