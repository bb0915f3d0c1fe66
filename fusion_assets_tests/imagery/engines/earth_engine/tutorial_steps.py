"""The usual tutorial's steps in plain `ee`, as people write them in a notebook; nothing of ours but the grid.

Filter, map a mask, median, download; blocks are averaged with numpy, not by Earth Engine. What does not belong here:
what is expected of them (`test_earth_engine_tutorial.py`).
"""

import warnings

import ee
import numpy as np

L1C, L2A = "COPERNICUS/S2_HARMONIZED", "COPERNICUS/S2_SR_HARMONIZED"
LIGHTS = "NOAA/VIIRS/DNB/MONTHLY_V1/VCMSLCFG"
SETTLEMENT_2016, SETTLEMENT_2023 = "JRC/GHSL/P2016/SMOD_POP_GLOBE_V1", "JRC/GHSL/P2023A/GHS_SMOD_V2-0"
BANDS = {"B02": "B2", "B11": "B11", "avg_rad": "avg_rad", "smod_code": "smod_code"}


def scenes(collection, region, first="2015-07-01", after="2016-01-01"):
    return ee.ImageCollection(collection).filterDate(first, after).filterBounds(ee.Geometry(region, "EPSG:4326", False))


def without_clouds(image):
    quality = image.select("QA60")
    opaque, cirrus = quality.bitwiseAnd(1 << 10), quality.bitwiseAnd(1 << 11)
    return image.updateMask(opaque.eq(0).And(cirrus.eq(0))).divide(10000)


def without_cirrus_alone(image):
    quality = image.select("QA60")
    # The mistake: Python's `and` of two objects is the second one.
    clear = quality.bitwiseAnd(1 << 10).eq(0) and quality.bitwiseAnd(1 << 11).eq(0)
    return image.updateMask(clear).divide(10000)


def of_clear_classes(image):
    return image.updateMask(image.select("SCL").remap([2, 4, 5, 6, 7, 11], [1] * 6, 0)).divide(10000)


def day_by_day(collection):
    """One mosaic a day, so that the overlap of two granules counts once."""
    days = collection.aggregate_array("system:time_start").map(lambda t: ee.Date(t).format("YYYY-MM-dd")).distinct()

    def mosaic(day):
        return collection.filterDate(day, ee.Date(day).advance(1, "day")).map(of_clear_classes).mosaic()

    return ee.ImageCollection(days.map(mosaic))


def smooth(image):
    return image.select("avg_rad").resample("bilinear").updateMask(image.select("cf_cvg").gt(0))


def optics(region):
    return scenes(L1C, region).map(without_clouds)


def surface(region, *when):
    return day_by_day(scenes(L2A, region, *when))


def lights(region, *when):
    return scenes(LIGHTS, region, *when).map(smooth)


def settlement(region):
    return scenes(SETTLEMENT_2016, region, "2015-01-01", "2016-01-01")


def download(image, grid, fill=-9999.0):
    """Bands of an image on a grid; NaN where masked, or whatever Earth Engine says there when `fill` is None."""
    a, b, c, d, e, f = grid.transform[:6]
    affine = {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}
    size = {"width": grid.width, "height": grid.height}
    found = ee.data.computePixels(
        {
            "expression": (image if fill is None else image.unmask(fill, False)).toDouble(),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": {"dimensions": size, "affineTransform": affine, "crsCode": grid.crs},
        }
    )
    return {name: np.where(found[name] == fill, np.nan, found[name]) for name in found.dtype.names}


def blocks(values, k):
    """Mean of the valid pixels of each k x k block, where a quarter of them is valid."""
    cut = values.reshape(values.shape[0] // k, k, values.shape[1] // k, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nanmean(cut, (1, 3))
    return np.where(np.isfinite(cut).sum((1, 3)) >= max(1, k * k / 4), mean, np.nan)


def plain(collection, grid, k, name):
    """A band of the median composite at working scale, then averaged; the median itself when k is 1."""
    return blocks(download(collection.select(BANDS[name]).median(), grid.refine(k))[BANDS[name]], k)
