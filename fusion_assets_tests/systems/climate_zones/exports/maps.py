"""A small map of all zones, for tests of exports."""

import numpy as np
from affine import Affine

from fusion_assets.grids.grid import Grid

GRID = Grid("EPSG:32630", Affine(100, 0, 660_000, 0, -100, 4_640_000), 60, 80)
"""Near Zaragoza, some degrees from the zone's middle: north is not up."""
CODES = np.random.default_rng(0).integers(1, 18, (12, 16)).repeat(5, axis=0).repeat(5, axis=1).astype("uint8")
CODES.flat[:17] = np.arange(1, 18)
DOMAIN = (-1.05, 41.87, -0.99, 41.89)
"""Well inside, degrees."""


def small_map(codes=CODES):
    """As a Dataset."""
    return GRID.dataset({"lcz": codes})
