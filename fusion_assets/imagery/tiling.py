"""How a composite is cut into tiles: small enough for memory, along the edges of the files' own blocks.

A compressed block is decoded whole, so a tile that straddles blocks pays for all of them. What does not belong here:
reading and reducing (`reading.py`, `composite.py`).
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence

import numpy as np

from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.placement import same_crs
from fusion_assets.imagery.reading import Header

# One tile's stack of observations; small enough that a tile in every thread stays within a few hundred MB.
TILE_BYTES = 32 << 20
_LARGEST, _SMALLEST = 1024, 64
# Tiles for each core, so that the last ones do not leave cores idle.
_TILES_PER_CORE = 4


def tile_sizes(grid: Grid, subdivision: int, headers: Sequence[Header]) -> tuple[list[int], list[int]]:
    """Heights of the rows of tiles and widths of their columns, in pixels of `grid`.

    Args:
        grid: of the composite.
        subdivision: k; each pixel is k x k working pixels.
        headers: of all files of the season, masks included.
    """
    lattices = Counter((header.lattice, header.block) for header in headers)
    # A scene costs its values and two masks for every working pixel.
    scenes = max(Counter(header.dtype.itemsize for header in headers).values())
    return _plan(grid, subdivision, lattices, scenes)
