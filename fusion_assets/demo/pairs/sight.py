"""The twelve bands of Sentinel-2 level 2A, with pixels of 10, 20 and 60 m as delivered. Only tables."""

from __future__ import annotations

from fusion_assets.demo.optics import BANDS as NINE_BANDS
from fusion_assets.demo.optics import SPECTRA, BandInfo
from fusion_assets.demo.sky import NINE, Sight

_OTHERS = (
    BandInfo("coastal", "B01", "coastal", 0.443),
    BandInfo("nir09", "B09", "nir09", 0.945),
    BandInfo("swir22", "B12", "swir22", 2.202),
)
# B01, B09 and B12.
_MORE = {
    "forest": (0.015, 0.255, 0.056),
    "crop": (0.024, 0.372, 0.105),
    "stubble": (0.056, 0.246, 0.245),
    "soil": (0.072, 0.248, 0.272),
    "grass": (0.030, 0.262, 0.140),
    "straw": (0.050, 0.224, 0.222),
    "rock": (0.076, 0.171, 0.195),
    "gravel": (0.112, 0.226, 0.242),
    "water": (0.058, 0.024, 0.007),
    "snow": (0.815, 0.700, 0.085),
    "roof": (0.098, 0.200, 0.208),
    "metal": (0.198, 0.278, 0.252),
}
BANDS = (*NINE_BANDS, *_OTHERS)
TWELVE = Sight(
    {name: (*known, *_MORE[name]) for name, known in SPECTRA.items()},
    [band.wavelength for band in BANDS],
    (*NINE.cloud, 0.99, 0.9, 0.55),
)
COARSE = {"B05": 2, "B06": 2, "B07": 2, "B8A": 2, "B11": 2, "B12": 2, "B01": 6, "B09": 6}
"""Pixels of 10 m along the edge of one of the band's."""
