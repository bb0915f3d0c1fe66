"""What zones are made of: shares of the ground, heights, blocks and roofs. Only tables.

After the ranges of Stewart and Oke (2012, doi:10.1175/BAMS-D-11-00019.1), tables 3 and 4. Zones are in the order LCZ 1
to 10, then A to G.
"""

from __future__ import annotations

from typing import NamedTuple


class Roofs(NamedTuple):
    """Shares of kinds of roofs."""

    tile: float
    dark: float
    metal: float


class Recipe(NamedTuple):
    """A zone.

    Attributes:
        building: share of the ground, like all that follow to `water`.
        height: of buildings, metres.
        block: from one street to the next, metres.
        roofs: on its buildings.
    """

    building: float
    paved: float
    tree: float
    shrub: float
    grass: float
    soil: float
    rock: float
    water: float
    height: float
    block: float
    roofs: Roofs


COVERS = ("paved", "soil", "rock", "grass", "shrub", "tree", "water")
"""What lies between buildings, from the street to the yard."""

_OLD, _NEW, _SHEDS, _TIN = Roofs(0.6, 0.3, 0.1), Roofs(0.2, 0.6, 0.2), Roofs(0.05, 0.35, 0.6), Roofs(0.15, 0.05, 0.8)
_NONE = (0, 100)
RECIPES = (
    Recipe(0.52, 0.40, 0.02, 0, 0.03, 0.03, 0, 0, 45, 90, _NEW),
    Recipe(0.56, 0.33, 0.04, 0, 0.05, 0.02, 0, 0, 18, 80, _OLD),
    Recipe(0.56, 0.26, 0.05, 0, 0.06, 0.07, 0, 0, 6, 40, _OLD),
    Recipe(0.27, 0.32, 0.15, 0, 0.22, 0.04, 0, 0, 45, 120, _NEW),
    Recipe(0.29, 0.36, 0.12, 0.02, 0.17, 0.04, 0, 0, 18, 100, _NEW),
    Recipe(0.29, 0.22, 0.22, 0.03, 0.21, 0.03, 0, 0, 6, 50, _OLD),
    Recipe(0.72, 0.04, 0.03, 0, 0.03, 0.18, 0, 0, 3, 25, _TIN),
    Recipe(0.43, 0.43, 0.01, 0, 0.08, 0.05, 0, 0, 9, 160, _SHEDS),
    Recipe(0.13, 0.07, 0.22, 0.06, 0.45, 0.07, 0, 0, 6, 70, _OLD),
    Recipe(0.27, 0.32, 0.01, 0.01, 0.04, 0.27, 0.08, 0, 15, 120, Roofs(0.0, 0.7, 0.3)),
    Recipe(0, 0.01, 0.92, 0.03, 0.04, 0, 0, 0, *_NONE, _OLD),
    Recipe(0, 0.02, 0.40, 0.06, 0.48, 0.04, 0, 0, *_NONE, _OLD),
    Recipe(0, 0.01, 0.04, 0.70, 0.12, 0.13, 0, 0, *_NONE, _OLD),
    Recipe(0, 0.01, 0.03, 0.03, 0.90, 0.03, 0, 0, *_NONE, _OLD),
    Recipe(0.01, 0.40, 0, 0.01, 0.03, 0.05, 0.50, 0, 4, 100, _NEW),
    Recipe(0, 0.01, 0.01, 0.02, 0.05, 0.91, 0, 0, *_NONE, _OLD),
    Recipe(0, 0, 0.01, 0, 0.01, 0, 0, 0.98, *_NONE, _OLD),
)
BUILT = 10
"""The first zones are built-up."""
