"""A second opinion in plain `ee`: the usual tutorial's steps, written out by hand, beside our products.

The steps are in `tutorial_steps.py`. Done right they give our pixels; with each of the well-known mistakes they must
not, and by more than rounding. What does not belong here: engine against engine (`test_earth_engine_parity.py`).
"""

import datetime as dt

import ee
import numpy as np
import pytest
from pyproj import Transformer

from fusion_assets.imagery.compositing.composite import CompositeRecipe
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.storage.root import Storage
from fusion_assets.systems.built_up.features import labels
from fusion_assets_tests.imagery.archives import GRID, SHAPE, make_item, noise, small_request, write_catalog, write_tif
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same, demo_request
from fusion_assets_tests.imagery.engines.earth_engine.tutorial_steps import (
    BANDS,
    L1C,
    L2A,
    LIGHTS,
    SETTLEMENT_2023,
    blocks,
    download,
    lights,
    of_clear_classes,
    optics,
    plain,
    scenes,
    settlement,
    surface,
    without_cirrus_alone,
    without_clouds,
)

pytestmark = pytest.mark.filterwarnings("ignore:(?s).*deprecated asset:DeprecationWarning")

MATERIAL = 0.01
"""Mean difference over mean value; the products themselves agree to a millionth."""


@pytest.fixture(scope="module")
def demo(catalog, buckets, tmp_path_factory):
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as service:
        yield Products(catalog, service, tmp_path_factory.mktemp("products"))


class Products:
    """Our pixels, from an archive and both ways out of Earth Engine; the three must agree before anything else."""

    def __init__(self, catalog, service, folder):
        self.catalog, self.service, self.folder, self.known = catalog, service, folder, {}
        self.connection = Connection("demo", service.url)

    def demo(self, product, k, year=2015, **changes):
        self.connection.open()
        changes.setdefault("window", (dt.date(year, 7, 1), dt.date(year, 12, 31)))
        return demo_request(self.catalog, product, k, edge=1000 if k > 1 or "ghsl" in product else 250, **changes)

    def pixels(self, request):
        self.connection.open()
        key = request.recipe_digest
        if key not in self.known:
            batch = ExportOptions(bucket=f"exports/{self.folder.name}", way="batch")
            engines = (
                ArchiveEngine(Storage(self.folder / "archive")),
                EarthEngine(Storage(self.folder / "direct"), self.connection),
                EarthEngine(Storage(self.folder / "batch"), self.connection, batch),
            )
            exports = [engine.submit(request) for engine in engines]
            self.service.advance(60)
            made = [engine.collect(export).compute() for engine, export in zip(engines, exports, strict=True)]
            assert_same(made[0], made[1])
            assert_same(made[0], made[2])
            self.known[key] = made[1]
        return self.known[key]


def difference(found, expected):
    """Mean absolute difference over mean value; infinite where one is masked and the other is not."""
    if (np.isnan(found) != np.isnan(expected)).any():
        return np.inf
    return np.nanmean(np.abs(found - expected)) / np.nanmean(np.abs(expected))


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize(
    ("product", "steps", "names"),
    [
        ("sentinel2_l1c", optics, ("B02", "B11")),
        ("sentinel2_l2a", surface, ("B02", "B11")),
        ("viirs_monthly", lights, ("avg_rad",)),
        ("ghsl_smod_p2016", settlement, ("smod_code",)),
    ],
)
def test_the_steps_done_right_give_our_pixels(product, steps, names, k, demo):
    request = demo.demo(product, 1 if "ghsl" in product else k)
    ours, k = demo.pixels(request), request.recipe.subdivision
    for name in names:
        found, expected = plain(steps(request.geometry), request.grid, k, name), ours[name].values
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    count = steps(request.geometry).select(BANDS[names[0]]).count()
    counts = np.floor(blocks(download(count.unmask(0, False), request.grid.refine(k))[BANDS[names[0]]], k) + 1e-9)
    np.testing.assert_array_equal(counts, ours["observation_count"].values)


WRONG = {
    "clouds stay where only cirrus is tested": ("sentinel2_l1c", lambda r: scenes(L1C, r).map(without_cirrus_alone)),
    "lights of 2015 up to the end of 2019": ("viirs_monthly", lambda r: lights(r, "2015-07-01", "2019-12-31")),
    "whole years beside July to December": ("viirs_monthly", lambda r: lights(r, "2015-01-01", "2016-01-01")),
    "lights to the nearest cell": ("viirs_monthly", lambda r: scenes(LIGHTS, r)),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_mistakes_give_other_pixels(mistake, demo):
    product, steps = WRONG[mistake]
    request = demo.demo(product, 4)
    ours, name = demo.pixels(request), request.recipe.bands[0]
    assert difference(plain(steps(request.geometry), request.grid, 4, name), ours[name].values) > MATERIAL


def test_overlapping_granules_of_a_pass_count_once(demo):
    request = demo.demo("sentinel2_l2a", 1)
    ours = demo.pixels(request)["observation_count"].values
    every_granule = scenes(L2A, request.geometry).map(of_clear_classes).select("B2").count().unmask(0, False)
    counts = download(every_granule, request.grid)["B2"]
    assert (counts >= ours).all() and (counts > ours).mean() > 0.05


@pytest.mark.parametrize(("product", "steps"), [("sentinel2_l1c", optics), ("viirs_monthly", lights)])
def test_asking_for_a_kilometre_at_once_is_not_the_mean_of_native_pixels(product, steps, demo):
    request = demo.demo(product, 4)
    ours, name = demo.pixels(request), request.recipe.bands[0]
    assert difference(plain(steps(request.geometry), request.grid, 1, name), ours[name].values) > 2 * MATERIAL


def test_two_years_are_seen_in_the_same_season(demo):
    ours = {year: demo.pixels(demo.demo("viirs_monthly", 4, year))["avg_rad"].values for year in (2015, 2016)}
    request = demo.demo("viirs_monthly", 4, 2016)
    half, whole = (
        plain(lights(request.geometry, first, "2017-01-01"), request.grid, 4, "avg_rad")
        for first in ("2016-07-01", "2016-01-01")
    )
    np.testing.assert_allclose(half, ours[2016], rtol=1e-6, atol=1e-6)
    assert difference(whole, ours[2016]) > MATERIAL
    # As large as a tenth of what the year has really changed.
    assert np.abs(whole - half).mean() > 0.1 * np.abs(ours[2016] - ours[2015]).mean()


def test_the_last_day_and_a_month_begun_belong_to_the_season(demo):
    region = demo.demo("sentinel2_l1c", 1).geometry
    starts = scenes(L1C, region).aggregate_array("system:time_start").getInfo()
    last = dt.datetime.fromtimestamp(max(starts) / 1000, dt.UTC).date()
    request = demo.demo("sentinel2_l1c", 1, window=(dt.date(2015, 7, 1), last))
    counted = demo.pixels(request)["observation_count"].values
    up_to, through = (
        download(scenes(L1C, region, "2015-07-01", str(end)).map(without_clouds).select("B2").count().unmask(0, False),
                 request.grid)["B2"]
        for end in (last, last + dt.timedelta(days=1))
    )  # fmt: skip
    np.testing.assert_array_equal(counted, through)
    assert (up_to < counted).any(), "`filterDate` leaves its last day out"
    request = demo.demo("viirs_monthly", 4, window=(dt.date(2015, 7, 15), dt.date(2015, 12, 31)))
    assert demo.pixels(request)["observation_count"].values.max() == 6
    assert scenes(LIGHTS, region, "2015-07-15").size().getInfo() == 5


def test_what_was_never_clear_is_no_data_and_not_black(demo):
    request = demo.demo("sentinel2_l1c", 4)
    ours = demo.pixels(request)["B02"].values
    as_it_comes = download(optics(request.geometry).select("B2").median(), request.grid, fill=None)["B2"]
    assert np.isnan(ours).mean() > 0.5 and (as_it_comes[np.isnan(ours)] == 0).all()


def test_samples_lie_on_our_pixels_only_when_the_grid_is_named(demo):
    request = demo.demo("ghsl_smod_p2016", 1)
    grid, codes = request.grid, demo.pixels(request)["smod_code"].values
    reflectance = demo.pixels(demo.demo("sentinel2_l1c", 4))["B02"].values
    lattice = ee.Projection(grid.crs, list(grid.transform[:6]))
    region = ee.Geometry(request.geometry, "EPSG:4326", False)
    settled = settlement(request.geometry).median()
    named, by_scale = (
        settled.sample(region=region, geometries=True, **where) for where in ({"projection": lattice}, {"scale": 1000})
    )
    points, others = named.getInfo()["features"], by_scale.getInfo()["features"]
    assert [point["properties"]["smod_code"] for point in points] == codes.ravel().tolist()
    assert np.abs([_from_centre(grid, point) for point in points]).max() < 1e-3
    assert len(others) != codes.size and np.abs([_from_centre(grid, point) for point in others]).mean() > 0.1
    # Points that were never seen clear are dropped without a word.
    seen = optics(request.geometry).select("B2").median().sampleRegions(collection=named, projection=lattice)
    assert seen.size().getInfo() == np.isfinite(reflectance).sum() < codes.size


def _from_centre(grid, point):
    """How far a sample lies from the centre of its pixel, in pixels."""
    lon, lat = point["geometry"]["coordinates"]
    col, row = ~grid.transform @ Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(lon, lat)
    return col % 1 - 0.5, row % 1 - 0.5


@pytest.fixture(scope="module")
def small(tmp_path_factory, buckets):
    """Surface reflectance across the change of the processing baseline, and the newer settlement codes."""
    root, optical = tmp_path_factory.mktemp("small"), []
    for day, baseline in enumerate(("03.01", "03.01", "04.00", "04.00", "05.09")):
        shift = 1000 if baseline >= "04.00" else 0
        blue = write_tif(root / f"{day}_blue.tif", noise(SHAPE, day) + np.uint16(shift))
        scl = write_tif(root / f"{day}_scl.tif", np.full(SHAPE, 4, np.uint8))
        told = {"s2:processing_baseline": baseline, "earthsearch:boa_offset_applied": False, "platform": "sentinel-2a"}
        moment = dt.datetime(2022, 1, 10, 10, tzinfo=dt.UTC) + dt.timedelta(days=10 * day)
        optical.append(make_item(f"s{day}", {"blue": blue, "scl": scl}, moment, properties=told))
    codes = np.resize([10, 11, 12, 13, 21, 22, 23, 30, -200], GRID.shape).astype(np.int16)
    epoch = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    smod = make_item("smod", {"smod_code": write_tif(root / "smod.tif", codes)}, epoch, epoch.replace(month=12))
    catalog = write_catalog(root / "catalog", {"sentinel-2-l2a": optical, "ghsl-smod-v2": [smod]})
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as service:
        yield Products(catalog, service, root)


def test_later_baselines_are_harmonised(small):
    request = small_request(small.catalog, window=(dt.date(2022, 1, 1), dt.date(2022, 3, 31)), year=2022)
    ours, months = small.pixels(request)["B02"].values, ("2022-01-01", "2022-04-01")
    found = {
        name: plain(scenes(name, request.geometry, *months).map(of_clear_classes), GRID, 1, "B02")
        for name in (L2A, "COPERNICUS/S2_SR")
    }
    np.testing.assert_allclose(found[L2A], ours, rtol=1e-6, atol=1e-6)
    assert (found["COPERNICUS/S2_SR"] - ours).mean() > 0.03, "the collection without harmonisation is brighter"


def test_two_or_more_is_built_up_in_the_older_settlement_codes_alone(small, demo):
    def judged(products, request, product):
        inside = np.ones(request.grid.shape, bool)
        found = labels.built_up_labels(products.pixels(request), PRODUCTS[product], inside)
        return found["built_up"].values

    older = demo.demo("ghsl_smod_p2016", 1)
    two_or_more = download(settlement(older.geometry).median().gte(2), older.grid)["smod_code"]
    np.testing.assert_array_equal(judged(demo, older, "ghsl_smod_p2016"), two_or_more)
    product = PRODUCTS["ghsl_smod_v2"]
    newer = small_request(
        small.catalog, product="ghsl_smod_v2", year=2015, window=(dt.date(2015, 1, 1), dt.date(2015, 12, 31)),
        recipe=CompositeRecipe(product.default_bands, product.mask, reducer="latest"), collections=product.collections,
    )  # fmt: skip
    codes = scenes(SETTLEMENT_2023, newer.geometry, "2015-01-01", "2015-12-31").median()
    ours = judged(small, newer, "ghsl_smod_v2")
    for least, same in ((21, True), (2, False)):
        found = np.nan_to_num(download(codes.gte(least), GRID)["smod_code"], nan=labels.NO_DATA)
        assert (found == ours).all() == same
    assert (found[ours != labels.NO_DATA] == 1).all(), "water and open land included"
