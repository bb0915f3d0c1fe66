"""What the cities' ground is made of: spectra with a tenth band, and backscatter, from the demo's materials. Tables.

The materials that the rest of the demo does not know follow published libraries as they do.
"""

from __future__ import annotations

import numpy as np

from fusion_assets.demo.land import Field
from fusion_assets.demo.optics import BANDS as NINE
from fusion_assets.demo.optics import SPECTRA, BandInfo
from fusion_assets.demo.radar import MEANS

BANDS = (*NINE, BandInfo("swir22", "B12", "swir22", 2.202))
"""The ten bands of So2Sat, in its order."""
COARSE = (3, 4, 5, 7, 8, 9)
"""Bands with pixels of 20 m."""
# Of B12 over B11.
_SWIR22 = {"forest": 0.45, "soil": 0.84, "grass": 0.62, "straw": 0.78, "rock": 0.93, "water": 0.7, "metal": 0.95}
# All ten bands; VV and VH in dB.
_MORE = {
    "tile": (0.070, 0.098, 0.185, 0.215, 0.235, 0.250, 0.260, 0.266, 0.330, 0.305),
    "dark": (0.068, 0.076, 0.084, 0.090, 0.098, 0.106, 0.112, 0.118, 0.150, 0.148),
    "paved": (0.098, 0.110, 0.122, 0.130, 0.138, 0.146, 0.152, 0.158, 0.190, 0.185),
    "shrub": (0.034, 0.052, 0.052, 0.085, 0.148, 0.172, 0.185, 0.196, 0.190, 0.120),
}
_MORE_ECHOES = {"dark": MEANS["roof"], "tile": MEANS["roof"], "paved": (-14.0, -23.5), "shrub": (-11.0, -16.5)}
MATERIALS = ("tile", "dark", "metal", "paved", "soil", "rock", "grass", "straw", "shrub", "forest", "water")
ROOFS = MATERIALS[:3]
"""In the order of `recipes.Roofs`."""
GREEN = ("grass", "shrub", "forest")
"""What withers, into `straw`."""


def spectra() -> Field:
    """Surface reflectance, (material, band)."""
    known = {name: (*SPECTRA[name], SPECTRA[name][-1] * share) for name, share in _SWIR22.items()} | _MORE
    return np.array([known[name] for name in MATERIALS], np.float32)


def echoes() -> Field:
    """Mean backscatter in dB, (material, VV and VH)."""
    return np.array([(MEANS | _MORE_ECHOES)[name] for name in MATERIALS], np.float32)
