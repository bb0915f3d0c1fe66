"""Products in several collections: which are read, that both engines agree, what is said where there is none."""

import dataclasses
import datetime as dt

import ee
import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, access
from fusion_assets.imagery.engines.earth_engine.dated_collections import dated_collections
from fusion_assets.imagery.engines.earth_engine.expressions import physical
from fusion_assets.imagery.engines.earth_engine.scene_lists import collections_of, find_scenes
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import small_request, write_catalog
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same
from fusion_assets_tests.imagery.engines.earth_engine.test_parity import both, item_at
from fusion_assets_tests.imagery.landsat_scenes import BANDS, landsat_item, landsat_request, real_pixels, uniform

LC08, LC09 = "LANDSAT/LC08/C02/T1_L2", "LANDSAT/LC09/C02/T1_L2"
V21, V22 = "NOAA/VIIRS/DNB/ANNUAL_V21", "NOAA/VIIRS/DNB/ANNUAL_V22"
DAY = dt.date(2022, 1, 10)


def days(first, last):
    return dt.date(first, 1, 1), dt.date(last, 12, 31)


@pytest.mark.parametrize(
    ("product", "window", "names"),
    [
        ("viirs_annual", days(2012, 2012), [V21]),
        ("viirs_annual", days(2021, 2021), [V21]),
        ("viirs_annual", days(2022, 2022), [V22]),
        ("viirs_annual", days(2020, 2023), [V21, V22]),
        ("viirs_annual", (dt.date(2021, 12, 31), dt.date(2022, 1, 1)), [V21, V22]),
        ("landsat_c2_l2", days(2020, 2020), [LC08]),
        ("landsat_c2_l2", (dt.date(2021, 10, 1), dt.date(2021, 10, 30)), [LC08]),
        ("landsat_c2_l2", days(2021, 2021), [LC08, LC09]),
        ("sentinel2_l2a", days(2020, 2020), []),
    ],
)
def test_the_window_says_which_collections(product, window, names):
    assert [each.id for each in dated_collections(product, window)] == names


@pytest.mark.parametrize(("product", "year"), [("viirs_annual", 2011), ("landsat_c2_l2", 2012)])
def test_a_year_before_all_of_them_is_an_error_that_says_what_there_is(product, year):
    with pytest.raises(FusionError) as caught:
        dated_collections(product, days(year, year))
    assert str(year) in caught.value.found and "from 201" in caught.value.expected and "windows" in caught.value.remedy


def test_a_study_may_name_one_of_them():
    request = dataclasses.replace(landsat_request("catalog.json"), collections=(LC09,))
    assert [each.id for each in collections_of(request)] == [LC09]


@pytest.fixture(scope="module")
def landsat(tmp_path_factory):
    """Two satellites, a third, another tier, and a scene without temperature."""
    root = tmp_path_factory.mktemp("landsat")
    later = [DAY + dt.timedelta(days=8 * n) for n in range(6)]
    items = [
        landsat_item(root, later[0], real_pixels()),
        landsat_item(root, later[1], uniform(reflectance=9_500, temperature=47_000), 9),
        landsat_item(root, later[2], uniform(saturated=4)),
        landsat_item(root, later[3], uniform(reflectance=8_123, temperature=45_001)),
        landsat_item(root, later[3], uniform(reflectance=8_000), tier="T2"),
        landsat_item(root, later[4], uniform(), platform="landsat-7"),
        landsat_item(root, later[5], uniform(), 9, level="L2SR"),
    ]
    catalog = write_catalog(root / "catalog", {"landsat-c2-l2": items})
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        yield catalog, service


def test_two_satellites_are_one_product_on_earth_engine(landsat):
    catalog, service = landsat
    scenes = find_scenes(landsat_request(catalog), Connection("demo", service.url))
    assert scenes.groups == (
        ("LC08_008059_20220110",),
        (f"{LC09}/LC09_008059_20220118",),
        ("LC08_008059_20220126",),
        ("LC08_008059_20220203",),
    )
    assert scenes.collections == (LC08, LC09) and scenes.flags == ()
    ((index, lacks),) = scenes.lacking
    assert index == f"{LC09}/LC09_008059_20220219" and "no band ST_B10" in lacks


def test_archive_and_earth_engine_agree_on_real_pixels(landsat, tmp_path):
    catalog, service = landsat
    request = landsat_request(catalog)
    values = []
    for made in (
        ArchiveEngine(Storage(tmp_path / "archive")),
        EarthEngine(Storage(tmp_path / "earth"), Connection("demo", service.url)),
    ):
        export = made.submit(request)
        lacking = made.unreadable(export)
        assert len(lacking) == 1 and len(export.scenes) == 5
        values.append(made.collect(export, list(lacking)).compute())
        series = dataclasses.replace(request, recipe=dataclasses.replace(request.recipe, reducer="none"))
        assert made.series(series, without=list(lacking)).compute()["ST_B10"].notnull().sum() > 0
    assert_same(*values)
    assert list(values[1].data_vars) == [*BANDS, "observation_count"]
    assert sorted(np.unique(values[1]["observation_count"])) == [2, 3]


def test_without_temperature_a_scene_of_the_lower_level_counts(landsat, tmp_path):
    catalog, service = landsat
    request = landsat_request(catalog)
    recipe = dataclasses.replace(request.recipe, bands=("SR_B4",))
    expected, found = both(dataclasses.replace(request, recipe=recipe), service, tmp_path)
    assert_same(expected, found)
    assert found["observation_count"].max() == 4


def test_each_bit_of_quality_and_saturation_hides_the_same_on_both(tmp_path):
    """A column a bit: of QA_PIXEL in the northern rows, of QA_RADSAT in the southern ones."""
    layers, bits = uniform(), np.uint16(1) << np.arange(16, dtype=np.uint16)
    quality, saturation = layers[0], layers[1]
    quality[:10], saturation[10:] = bits, bits
    catalog = write_catalog(tmp_path / "catalog", {"landsat-c2-l2": [landsat_item(tmp_path, DAY, layers)]})
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        expected, found = both(landsat_request(catalog), service, tmp_path)
    assert_same(expected, found)
    seen = found["observation_count"].values > 0
    assert (seen[:10] == (np.arange(16) > 4)).all() and not seen[10:].any()
    np.testing.assert_allclose(found["SR_B4"].values[seen], 10_000 * 2.75e-5 - 0.2, atol=1e-6)
    np.testing.assert_allclose(found["ST_B10"].values[seen], 40_000 * 0.00341802 + 149, atol=1e-3)


def test_bands_of_different_units_have_a_factor_each(landsat):
    Connection("demo", landsat[1].url).open()
    stored = ee.Image("LANDSAT/LC08/C02/T1_L2/a").select(["SR_B4", "ST_B10"])
    made = physical(stored, PRODUCTS["landsat_c2_l2"], ["SR_B4", "ST_B10"]).serialize()
    scales, offsets = ee.Image.constant([2.75e-5, 0.00341802]), ee.Image.constant([-0.2, 149.0])
    assert made == stored.multiply(scales).add(offsets).serialize()


def test_annual_lights_come_from_the_release_of_their_year(tmp_path):
    items = [
        item_at(
            tmp_path, f"y{year}", {"average": np.float32(year), "cf_cvg": np.int16(40)},
            dt.datetime(year, 1, 1, tzinfo=dt.UTC), dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC),
        )
        for year in (2020, 2021, 2022, 2023)
    ]  # fmt: skip
    catalog = write_catalog(tmp_path / "catalog", {"viirs-dnb-annual": items})
    recipe = PRODUCTS["viirs_annual"]
    asked = CompositeRecipe(recipe.default_bands, recipe.mask, recipe.resampling, recipe.reducer)
    whole = small_request(catalog, product="viirs_annual", recipe=asked, collections=recipe.collections)
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        connection = Connection("demo", service.url)
        for first, last, names in ((2021, 2021, ["y2021"]), (2022, 2022, ["y2022"]), (2021, 2022, ["y2021", "y2022"])):
            request = dataclasses.replace(whole, window=days(first, last), year=first)
            found = [group[0].rpartition("/")[2] for group in find_scenes(request, connection).groups]
            assert found == names
            assert_same(*both(request, service, tmp_path))
        assert access.collections([request], connection) == f"{V21} can be read; {V22} can be read"
        with pytest.raises(FusionError, match="ANNUAL_V22 has none"):
            find_scenes(dataclasses.replace(whole, window=days(2030, 2030)), connection)
