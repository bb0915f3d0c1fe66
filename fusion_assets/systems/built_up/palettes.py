"""Names and colours of built-up land's bands; those with names by code hold classes, which are never averaged."""

from fusion_assets.storage.raster_classes import Class, Palettes

PALETTES: Palettes = {
    "probability": "magma",
    "built_fraction": "magma",
    "confidence": "magma",
    "built_up": {0: Class("Not built-up", (238, 232, 213)), 1: Class("Built-up", (179, 27, 27))},
    "change": {
        0: Class("cannot tell", (222, 222, 222)),
        1: Class("stable, not built-up", (238, 232, 213)),
        2: Class("stable, built-up", (110, 90, 90)),
        3: Class("gained", (179, 27, 27)),
        4: Class("lost", (31, 90, 170)),
    },
    # Of both releases of GHSL's settlement grid, whose codes do not meet.
    "smod_code": {
        0: Class("Unpopulated", (200, 220, 190)),
        1: Class("Rural", (240, 200, 120)),
        2: Class("Low density cluster", (230, 130, 60)),
        3: Class("High density cluster", (170, 20, 20)),
        10: Class("Water", (120, 170, 220)),
        11: Class("Very low density rural", (205, 222, 190)),
        12: Class("Low density rural", (171, 205, 130)),
        13: Class("Rural cluster", (95, 160, 75)),
        21: Class("Suburban or peri-urban", (250, 220, 120)),
        22: Class("Semi-dense urban cluster", (240, 175, 60)),
        23: Class("Dense urban cluster", (225, 110, 40)),
        30: Class("Urban centre", (170, 20, 20)),
    },
    "land_cover": {},
}
