"""Where there is land, for drawing places: a mask of tenths of degrees that comes with the package.

Source: Natural Earth, land at 1:10,000,000, version 4.1 (https://www.naturalearthdata.com, public domain), as the npm
package `world-atlas` 2.0.2 holds it in TopoJSON. The mask is made from it by

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python -m fusion_assets.systems.embeddings.land_source package/land-10m.json

A cell is land where its centre is. South of 60 S there is none: Antarctica is left out. Lakes count as land, and
islands without the centre of a cell are not drawn.
"""

from __future__ import annotations

import functools
import lzma
from pathlib import Path

import numpy as np

CELLS_A_DEGREE = 10
NORTH, SOUTH = 84, -60
ROWS, COLUMNS = (NORTH - SOUTH) * CELLS_A_DEGREE, 360 * CELLS_A_DEGREE
FILE = Path(__file__).with_name("land.xz")
"""A bit a cell, rows from north to south, each from 180 W on."""


@functools.cache
def land_mask() -> np.ndarray:
    """Whether each cell is land: bool (`ROWS`, `COLUMNS`), row 0 northernmost, column 0 at 180 W."""
    bits = np.frombuffer(lzma.decompress(FILE.read_bytes()), np.uint8)
    mask = np.unpackbits(bits, count=ROWS * COLUMNS).reshape(ROWS, COLUMNS).view(bool)
    mask.flags.writeable = False
    return mask


@functools.cache
def _cumulated() -> tuple[np.ndarray, np.ndarray]:
    """Flat positions of the cells of land, and the share of all land up to the end of each."""
    edges = np.sin(np.radians(NORTH - np.arange(ROWS + 1) / CELLS_A_DEGREE))
    cells = np.flatnonzero(land_mask())
    areas = (edges[:-1] - edges[1:])[cells // COLUMNS]
    total = np.cumsum(areas)
    return cells, total / total[-1]


def points_on_land(uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points on land of which equal areas (on the sphere) hold equally many.

    Args:
        uniform: (n, 3), uniform in 0 to 1: which cell, and where in it.

    Returns:
        Longitudes and latitudes in degrees, (n,) each.
    """
    cells, shares = _cumulated()
    chosen = cells[np.minimum(np.searchsorted(shares, uniform[:, 0], side="right"), len(cells) - 1)]
    rows, columns = np.divmod(chosen, COLUMNS)
    top, bottom = (np.sin(np.radians(NORTH - (rows + down) / CELLS_A_DEGREE)) for down in (0, 1))
    latitudes = np.degrees(np.arcsin(bottom + (top - bottom) * uniform[:, 2]))
    return (columns + uniform[:, 1]) / CELLS_A_DEGREE - 180, latitudes
