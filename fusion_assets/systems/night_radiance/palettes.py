"""Colours of night radiance's bands."""

from fusion_assets.storage.raster_classes import Palettes

PALETTES: Palettes = {
    "radiance": "inferno",
    "low": "inferno",
    "high": "inferno",
    "imagery_effect": "RdBu_r",
}
