"""Scenes of both sensors over one square of 600 m, whose pairs can be told by hand."""

import datetime as dt
from pathlib import Path

import numpy as np

from fusion_assets.grids.crs import to_lonlat
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.imagery.scenes import scene_from_item
from fusion_assets.systems.embeddings.pairing import Rules, SceneLook
from fusion_assets_tests.imagery.archives import lattice, make_item, write_tif

CRS, WEST, NORTH, EDGE = "EPSG:32631", 500_040, 5_600_040, 600
"""Corners are multiples of 60 m."""
START = dt.datetime(2019, 7, 1, 10, 40, tzinfo=dt.UTC)
CLEAR, CLOUD, NOTHING = 4, 9, 0
L2A = PRODUCTS["sentinel2_l2a"]
RECIPE = CompositeRecipe(("B04",), L2A.mask, reducer="none")
RULES = Rules(size=12, max_gap_hours=72, min_clear=0.9)
"""Patches of 120 m."""


def classes(west=CLEAR, east=CLEAR):
    """Scene classes at 20 m: one in the western half, one in the eastern."""
    found = np.full((30, 30), west, np.uint8)
    found[:, 15:] = east
    return found


def optics_item(root, name, hours, scl=None, crs=CRS, west=WEST, north=NORTH, **properties):
    """Sentinel-2, hours after the start."""
    scl = classes() if scl is None else scl
    files = {
        "SCL": write_tif(Path(root) / f"{name}_scl.tif", scl, lattice(west, north, 20), crs),
        "B04": write_tif(Path(root) / f"{name}_b04.tif", np.full((60, 60), 800, np.uint16), lattice(west, north), crs),
    }
    facts = {"platform": "sentinel-2a", "earthsearch:boa_offset_applied": True, "proj:code": crs, **properties}
    return make_item(name, files, START + dt.timedelta(hours=hours), properties=facts)


def radar_item(
    root, name, hours, west=WEST, north=NORTH, width=60, crs=CRS, direction="descending", polarisations=("vv", "vh")
):
    """Sentinel-1, hours after the start."""
    backscatter = np.full((60, width), -10, np.float32)
    files = {
        band: write_tif(Path(root) / f"{name}_{band}.tif", backscatter, lattice(west, north), crs)
        for band in polarisations
    }
    facts = {"sat:orbit_state": direction, "sat:relative_orbit": 37, "view:incidence_angle": 38.5, "proj:code": crs}
    return make_item(name, files, START + dt.timedelta(hours=hours), properties=facts)


def optics(*items):
    return [scene_from_item(item, L2A, RECIPE.bands, RECIPE.mask) for item in items]


def radar(*items):
    product = PRODUCTS["sentinel1_grd"]
    return [scene_from_item(item, product, ("VV", "VH"), product.mask) for item in items]


def look():
    return SceneLook(RECIPE)


def place(east, south, crs=CRS, west=WEST):
    """Longitude and latitude of a point, metres east and south of the square's corner."""
    return to_lonlat(crs).transform(west + east, NORTH - south)


IN_WEST, IN_EAST, OUTSIDE = place(150, 300), place(450, 300), place(-100_000, 300)
