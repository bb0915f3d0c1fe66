"""A square's items: Landsat's numbers and masks as published, annual lights, and the truth, which evaluation reads."""

import datetime as dt
import json

import numpy as np
import pytest
import rasterio
from shapely.geometry import box, shape

from fusion_assets.demo.squares.landsat import BANDS, BEYOND, PASSES
from fusion_assets.demo.squares.place import SIDE, YEAR
from fusion_assets.demo.truth import true_radiance
from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets_tests.demo.squares.square_archive import RESERVED

AREA = shape(RESERVED.region()["geometry"])
GRID = Grid.from_geometry(AREA, RESERVED.crs, 60)


def items(catalog, collection):
    return [json.loads(path.read_text()) for path in sorted(catalog.parent.glob(f"{collection}/*/*.json"))]


def layer(catalog, item, key):
    folder = catalog.parent / item["collection"] / item["id"]
    with rasterio.open(folder / f"{key}.tif") as file:
        assert file.tags()["synthetic"] == "yes"
        return file.read(1)


def test_scenes_are_described_as_those_of_collection_2(catalog):
    scenes = items(catalog, "landsat-c2-l2")
    assert len(scenes) == PASSES
    assert {scene["properties"]["platform"] for scene in scenes} == {"landsat-8", "landsat-9"}
    product = PRODUCTS["landsat_c2_l2"]
    for scene in scenes:
        properties = scene["properties"]
        assert properties["synthetic"] and "SYNTHETIC" in scene["id"]
        assert properties["landsat:collection_category"] == "T1" and properties["landsat:correction"] == "L2SP"
        assert dt.datetime.fromisoformat(properties["datetime"]).year == YEAR
        for name in (*product.default_bands, "ST_B10"):
            band = product.band(name)
            (declared,) = scene["assets"][band.assets[0]]["raster:bands"]
            scale, offset = (0.00341802, 149) if name == "ST_B10" else (2.75e-5, -0.2)
            assert (declared["scale"], declared["offset"], declared["nodata"]) == (scale, offset, 0)
        assert {"qa_pixel", "qa_radsat"} < set(scene["assets"])


def test_masks_hold_bits_of_collection_2_and_err_both_ways(catalog):
    missed = wrong = 0
    clear = np.zeros((SIDE + 2 * BEYOND,) * 2, int)
    for scene in items(catalog, "landsat-c2-l2"):
        quality, blue = layer(catalog, scene, "qa_pixel"), layer(catalog, scene, "blue") * 2.75e-5 - 0.2
        saturated, fill = layer(catalog, scene, "qa_radsat"), quality == 1
        assert ((blue == -0.2) == fill).all()
        assert not (saturated >> 7).any()
        bit = {name: quality >> number & 1 == 1 for number, name in enumerate(("fill", "dilated", "cirrus", "cloud"))}
        assert (quality[~fill] & 0b0101010100000000 == 0b0101010100000000).all()
        assert not (bit["cloud"] & (quality >> 6 & 1 == 1)).any()
        hidden = (quality & 0b11111) > 0
        missed += int((~hidden & (blue > 0.3)).sum())
        wrong += int((bit["cloud"] & (blue < 0.25)).sum())
        clear += ~hidden & (saturated == 0)
    assert missed > 100, "cloud that the mask calls clear"
    assert wrong > 100, "clear ground that the mask calls cloud"
    assert np.median(clear) >= 4 and (clear > 0).mean() > 0.999


def test_one_scene_ends_within_the_square(catalog):
    filled = [(layer(catalog, scene, "red") == 0).mean() for scene in items(catalog, "landsat-c2-l2")]
    assert sum(share > 0 for share in filled) == 1 and max(filled) < 0.6


def test_built_land_is_seen_by_day(catalog):
    window = (slice(BEYOND, -BEYOND),) * 2
    (truth,) = items(catalog, "synthetic-radiance-truth")
    built = layer(catalog, truth, "built_fraction")
    stacked = []
    for scene in items(catalog, "landsat-c2-l2"):
        hidden = (layer(catalog, scene, "qa_pixel")[window] & 0b11111) > 0
        layers = [layer(catalog, scene, key)[window] for key in ("red", "nir08", "swir16", "lwir11")]
        stacked.append(np.where(hidden, np.nan, layers))
    known = ~np.isnan(stacked).any(axis=1).all(axis=0)
    red, near, short, warm = np.nanmedian(np.array(stacked)[..., known], axis=0)
    red, near, short = (band * 2.75e-5 - 0.2 for band in (red, near, short))
    assert np.corrcoef((short - near) / (short + near), built[known])[0, 1] > 0.25
    assert np.corrcoef((red - near) / (red + near), built[known])[0, 1] > 0.25
    kelvin = warm * 0.00341802 + 149
    assert kelvin.min() > 260 and kelvin.max() < 335


def test_lights_cover_the_square_with_a_margin(catalog):
    (lights,) = items(catalog, "viirs-dnb-annual")
    assert box(*lights["bbox"]).contains(AREA.buffer(9 / 240))
    assert lights["properties"]["start_datetime"] == f"{YEAR}-01-01T00:00:00Z"
    assert set(lights["assets"]) == {"avg_rad", "cf_cvg"}
    assert (layer(catalog, lights, "avg_rad") < 0).any()


def test_the_truth_is_read_on_the_regions_pixels(catalog):
    truth = true_radiance(str(catalog), YEAR, GRID, AREA)
    (item,) = items(catalog, "synthetic-radiance-truth")
    assert truth.dtype == np.float32 and (truth == layer(catalog, item, "radiance")).all()
    with pytest.raises(FusionError, match="no truth of 2021"):
        true_radiance(str(catalog), 2021, GRID, AREA)
    half = box(*AREA.bounds[:2], AREA.centroid.x, AREA.bounds[3])
    assert 0.45 < np.isnan(true_radiance(str(catalog), YEAR, GRID, half)).mean() < 0.55


def test_bands_are_those_of_landsat():
    assert [band.name for band in BANDS] == [f"SR_B{number}" for number in range(1, 8)]
