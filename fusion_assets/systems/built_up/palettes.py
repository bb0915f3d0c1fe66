"""Colours of built-up land's bands; bands with colours by code hold classes, whose numbers are never averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion_assets.storage.raster_contents import Palettes

PALETTES: Palettes = {
    "probability": "magma",
    "built_fraction": "magma",
    "built_up": {0: (238, 232, 213), 1: (179, 27, 27)},
    "change": {0: (222, 222, 222), 1: (238, 232, 213), 2: (110, 90, 90), 3: (179, 27, 27), 4: (31, 90, 170)},
    "smod_code": {
        0: (200, 220, 190), 1: (240, 200, 120), 2: (230, 130, 60), 3: (170, 20, 20),
        10: (120, 170, 220), 11: (205, 222, 190), 12: (171, 205, 130), 13: (95, 160, 75),
        21: (250, 220, 120), 22: (240, 175, 60), 23: (225, 110, 40), 30: (170, 20, 20),
    },
    "land_cover": {},
}  # fmt: skip
