"""Small scenes of Landsat made of real numbers, named and described as USGS does it."""

import datetime as dt

import numpy as np
from affine import Affine
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from fusion_assets.grids.grid import Grid
from fusion_assets.study.imagery_requests import full_recipe
from fusion_assets.study.product_use import ProductUse
from fusion_assets_tests.imagery.archives import make_item, small_request, write_tif

LAYERS = ("qa_pixel", "qa_radsat", "coastal", "blue", "green", "red", "nir08", "swir16", "swir22", "lwir11")
BANDS = ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "ST_B10")
PIXELS = {
    (1, 0, 0, 0, 0, 0, 0, 0, 0, 0): "fill",
    (21762, 0, 8290, 8687, 10364, 9765, 21992, 15985, 11540, 46040): "dilated cloud",
    (21824, 0, 8073, 8238, 9343, 8788, 20687, 14744, 10395, 47274): "",
    (21952, 0, 8135, 8485, 10078, 9523, 20038, 13893, 10525, 46555): "",
    (22018, 0, 8308, 8629, 10048, 9401, 22162, 15470, 11214, 45165): "dilated cloud",
    (22080, 0, 8219, 8492, 9846, 9127, 18523, 13297, 10585, 45079): "",
    (22280, 0, 27918, 27899, 27168, 26882, 30598, 24511, 20659, 30736): "cloud",
    (23826, 0, 8772, 9261, 11090, 10526, 22220, 16848, 12833, 42878): "dilated cloud and shadow",
    (23888, 0, 8275, 8586, 9760, 9275, 17743, 12697, 10122, 45552): "shadow",
    (24082, 0, 7752, 7956, 9045, 8464, 17221, 12001, 9543, 43228): "dilated cloud and shadow",
    (24144, 0, 8567, 8968, 11006, 10142, 23102, 16962, 12619, 44212): "shadow",
    (55052, 0, 12599, 12018, 13924, 13456, 23772, 17646, 14807, 25377): "cirrus and cloud",
    (56598, 0, 8056, 8421, 9488, 8900, 17314, 12216, 10035, 33714): "dilated cloud, cirrus and shadow",
    (56660, 0, 7968, 8218, 9812, 8941, 22758, 14687, 10589, 43212): "cirrus and shadow",
    (22280, 30, 49528, 49694, 48220, 48096, 47071, 21768, 16515, 27809): "cloud, saturated",
    (21824, 0, 7802, 7906, 8628, 8075, 19273, 11933, 8983, 0): "",
}
"""Pixels of LC08_L2SP_008059_20191201_20200825_02_T1 in the order of `LAYERS`, and what hides the ground there.

All values of its QA_PIXEL but one are among them, and a clear pixel of which no temperature was made.
"""
ROWS = 20
GRID = Grid("EPSG:32618", Affine(30, 0, 378285, 0, -30, 275715), ROWS, len(PIXELS))
WINDOW = (dt.date(2022, 1, 1), dt.date(2022, 12, 31))
NUMBERS = {"scale": 2.75e-5, "offset": -0.2, "nodata": 0, "data_type": "uint16"}
KELVIN = {"scale": 0.00341802, "offset": 149.0, "nodata": 0, "data_type": "uint16", "unit": "kelvin"}


def real_pixels():
    """The table as layers (layer, y, x): a column is one pixel, repeated."""
    return np.repeat(np.array(list(PIXELS), np.uint16).T[:, None, :], ROWS, axis=1)


def uniform(quality=21824, saturated=0, reflectance=10_000, temperature=40_000):
    """Layers of one number each."""
    numbers = (quality, saturated, *[reflectance] * 7, temperature)
    return np.array(numbers, np.uint16)[:, None, None] * np.ones((1, *GRID.shape), np.uint16)


def name_of(day, satellite=8, level="L2SP", tier="T1"):
    return f"LC0{satellite}_{level}_008059_{day:%Y%m%d}_20220825_02_{tier}"


def landsat_item(root, day, layers, satellite=8, level="L2SP", tier="T1", declared=True, platform=None, keys=LAYERS):
    """One scene as an item of the Planetary Computer; of level L2SR without temperature."""
    name = name_of(day, satellite, level, tier)
    numbers = dict(zip(LAYERS, layers, strict=True))
    kept = [key for key in keys if key != "lwir11" or level == "L2SP"]
    files = {key: write_tif(root / f"{name}_{key}.tif", numbers[key], GRID.transform, GRID.crs) for key in kept}
    fields = {key: {"raster:bands": [KELVIN if key == "lwir11" else NUMBERS]} for key in kept if key[:2] != "qa"}
    properties = {
        "platform": platform or f"landsat-{satellite}",
        "landsat:collection_category": tier,
        "landsat:correction": level,
        "landsat:wrs_path": "008",
        "landsat:wrs_row": "059",
        "eo:cloud_cover": 20.0,
    }
    moment = dt.datetime.combine(day, dt.time(15, 10), dt.UTC)
    return make_item(name, files, moment, properties=properties, fields=fields if declared else None)


def landsat_request(catalog, collection="landsat-c2-l2", **changes):
    """A request for all bands and masks over `GRID`."""
    facts = {
        "asset": "landsat_composite", "product": "landsat_c2_l2", "year": 2022, "grid": GRID, "window": WINDOW,
        "geometry": mapping(box(*transform_bounds(GRID.crs, "EPSG:4326", *GRID.bounds))),
        "recipe": full_recipe(ProductUse(product="landsat_c2_l2"), 30), "collections": (collection,),
    }  # fmt: skip
    return small_request(catalog, **{**facts, **changes})
