"""What covers a place, as maps say: land cover at 20 m, and CORINE's classes in cells of 100 m.

Both come from the ground itself, without errors but those of their units: a pixel has the class that covers most of
it, and a CORINE cell the one that covers most of the 500 m x 500 m (25 hectares, CORINE's smallest unit) around it, so
that thin rivers and single villages are not in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.land import Field, ramp
from fusion_assets.demo.optics import Scenery
from fusion_assets.demo.pairs.ground import YEARS
from fusion_assets.demo.pairs.place import coarser

_TREES, _GRASS, _CROP, _BUILT, _BARE, _SNOW, _WATER = 10, 30, 40, 50, 60, 70, 80
"""Codes of ESA WorldCover."""
_CELL, _UNIT = 10, 5
"""Pixels along the edge of a CORINE cell, and cells along that of its smallest unit."""


def covers(scenery: Scenery) -> dict[int, Field]:
    """Share of each class of land cover in each pixel of 10 m, by WorldCover's code; they add up to 1.

    Water is that of the dry months, and snow what stays.
    """
    land, built = scenery.land, scenery.built[YEARS[0]]
    water = np.clip((1 - ramp(land.river, 0.02, 0.16)) * (1 - land.lake) * 0.9 + land.lake, 0, 1)
    snow = ramp(land.elevation, 4050, 4650) * (1 - 0.9 * water)
    left = (1 - water) * (1 - snow)
    # Yards belong to what is built.
    built = np.minimum(1.5 * built, 1) * left
    left = left - built
    bare = np.clip(land.bed + land.rock + land.bare, 0, 1) * left
    trees, crop = land.forest * left, land.crop * left
    grass = np.clip(left - bare - trees - crop, 0, 1)
    found = {_TREES: trees, _GRASS: grass, _CROP: crop, _BUILT: built, _BARE: bare, _SNOW: snow, _WATER: water}
    return {code: share[scenery.frame.inner].astype(np.float32) for code, share in found.items()}


def land_cover(scenery: Scenery) -> npt.NDArray[np.uint8]:
    """WorldCover's code of most of each pixel of 20 m."""
    shares = covers(scenery)
    return _most({code: coarser(share, 2) for code, share in shares.items()}).astype(np.uint8)


def corine(scenery: Scenery) -> npt.NDArray[np.int16]:
    """CORINE's code, 111 to 523, of cells of 100 m."""
    from scipy.ndimage import uniform_filter

    land, inner, shares = scenery.land, scenery.frame.inner, covers(scenery)
    built, trees, grass, bare = (shares[code] for code in (_BUILT, _TREES, _GRASS, _BARE))
    high, rice, lake = land.elevation[inner], land.paddy[inner] > 0.5, land.lake[inner]
    dense, bed, rock = built > 0.7, land.bed[inner], land.rock[inner]
    cool, cold = high > 600, high > 1300
    classes = {
        111: built * dense,
        112: built * ~dense,
        211: shares[_CROP] * ~rice,
        213: shares[_CROP] * rice,
        231: grass * ~cool,
        321: grass * cool,
        311: trees * ~cool,
        313: trees * (cool & ~cold),
        312: trees * cold,
        331: np.minimum(bare, bed),
        332: np.minimum(bare, rock),
        333: np.clip(bare - bed - rock, 0, 1),
        335: shares[_SNOW],
        511: shares[_WATER] * (1 - lake),
        512: shares[_WATER] * lake,
    }
    around = {code: uniform_filter(coarser(share, _CELL), _UNIT, mode="nearest") for code, share in classes.items()}
    return _most(around)


def _most(shares: dict[int, Field]) -> npt.NDArray[np.int16]:
    """Code of the largest share; the first of equal ones."""
    codes = np.array(list(shares), np.int16)
    return codes[np.argmax(np.stack(list(shares.values())), axis=0)]
