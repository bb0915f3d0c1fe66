"""What the study of the squares asks for comes out of the archive: composites of clear days, and lights."""

import datetime as dt

import numpy as np
import pytest
from shapely.geometry import mapping, shape

from fusion_assets.demo.squares.place import YEAR
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import full_recipe
from fusion_assets.study.product_use import ProductUse
from fusion_assets_tests.demo.squares.square_archive import RESERVED
from fusion_assets_tests.imagery.archives import small_request

AREA = shape(RESERVED.region()["geometry"])


@pytest.fixture(scope="module")
def collected(catalog, tmp_path_factory):
    """All bands of a product on the square's pixels."""
    engine = ArchiveEngine(Storage(tmp_path_factory.mktemp("storage")))

    def collect(product, collection):
        request = small_request(
            str(catalog), asset="composite", product=product, year=YEAR, geometry=mapping(AREA),
            grid=Grid.from_geometry(AREA, RESERVED.crs, 60), window=(dt.date(YEAR, 1, 1), dt.date(YEAR, 12, 31)),
            recipe=full_recipe(ProductUse(product=product), 60, working_resolution=60), collections=(collection,),
        )  # fmt: skip
        export = engine.submit(request)
        assert export.flags == () and engine.doubts(export.request) == ()
        return engine.collect(export).compute()

    return collect


def test_landsat_comes_as_reflectance_and_kelvin(collected):
    pixels = collected("landsat_c2_l2", "landsat-c2-l2")
    counted = pixels["observation_count"].to_numpy()
    assert counted.max() <= 10 and 4 <= np.median(counted) <= 9
    for number in range(1, 8):
        reflectance = pixels[f"SR_B{number}"].to_numpy()
        assert 0 <= np.nanmin(reflectance) < np.nanmedian(reflectance) < 0.4
    assert 280 < np.nanmedian(pixels["ST_B10"].to_numpy()) < 315


def test_lights_come_and_lack_what_no_night_saw(collected):
    lights = collected("viirs_annual", "viirs-dnb-annual")["avg_rad"].to_numpy()
    assert 0 < np.isnan(lights).mean() < 0.02
    assert np.nanmin(lights) < 0 and np.nanmax(lights) > 50
