"""The real `sentinelhub` client against a loopback service: what it brings, and what it survives."""

import dataclasses
import datetime as dt
import email.utils
import importlib.metadata
import logging
import pickle
import time

import cloudpickle
import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from shapely.geometry import box, mapping

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.archive import engine as archive_engine
from fusion_assets.imagery.engines.archive import series as archive_series
from fusion_assets.imagery.engines.protocol import ExportRequest, NoScenes
from fusion_assets.imagery.engines.sentinel_hub.connection import Connection, check
from fusion_assets.imagery.engines.sentinel_hub.evalscripts import evalscript
from fusion_assets.imagery.engines.sentinel_hub.pace import Pace
from fusion_assets.imagery.engines.sentinel_hub.series import relative_orbit, series
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.retries import RetryPolicy
from fusion_assets.imagery.timeseries import PieceSizes
from fusion_assets.loopbacks.sentinel_hub import SentinelHubService, tiny_archive
from fusion_assets.loopbacks.sentinel_hub.evalscript import run_in_node, understood
from fusion_assets.loopbacks.sentinel_hub.rendering import MOST_PIXELS
from fusion_assets.systems.ndvi.section import WIDEST
from fusion_assets_tests.loopbacks.sentinel_hub.client import signed_up
from fusion_assets_tests.programs import program

pytestmark = pytest.mark.filterwarnings("ignore:Download rate limit hit")

MARK = "MARKED-SECRET"
GRID = Grid(tiny_archive.CRS, Affine(10, 0, tiny_archive.WEST, 0, -10, tiny_archive.NORTH), 20, 24)
JULY = dt.date(2018, 7, 1), dt.date(2018, 7, 31)
FIRST = dt.date(2018, 7, 1), dt.date(2018, 7, 1)
NONE = Mask("none")
CLASSES = Mask("classes", ("SCL",), "SCL", (4, 5, 6))


def request(product="sentinel2_l2a", window=JULY, grid=GRID, mask=NONE, area=None, **changes):
    """Of a series; optics by default."""
    bands = ("B04", "B08") if PRODUCTS[product].role == "sentinel2" else ("VV", "VH")
    corners = to_lonlat(GRID.crs).transform_bounds(*(area or GRID).bounds)
    asked = ExportRequest(
        "backscatter", product, "here", 2018, grid, mapping(box(*corners)), window,
        CompositeRecipe(bands, mask, reducer="none"), "", PRODUCTS[product].collections,
    )  # fmt: skip
    return dataclasses.replace(asked, **changes)


def here(**pace):
    """The service of the environment, without long pauses."""
    hasty = Pace(retries=RetryPolicy(pause=0.01, growth=3), between_requests=0.0005)
    return dataclasses.replace(Connection.from_environment(), pace=dataclasses.replace(hasty, **pace))


def of_july(**changes):
    return series(request(**changes), here())


def of_first(**changes):
    return series(request(window=FIRST, **changes), here())


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    tiny_archive.write(folder)
    return folder


def configured(service, monkeypatch, tmp_path):
    """The environment of a person with credentials and a home without settings."""
    for name in ("XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    signed_up(service, monkeypatch)


class Heard(logging.Handler):
    """Everything that is logged."""

    def __init__(self):
        super().__init__()
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


@pytest.fixture
def service(archive, monkeypatch, tmp_path, capfd):
    """A service, and a look at everything that was said when it is over."""
    heard, root = Heard(), logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    monkeypatch.setattr(root, "handlers", [*root.handlers, heard])
    monkeypatch.setattr(logging.getLogger("rasterio"), "level", logging.WARNING)
    logging.getLogger().manager._clear_cache()
    with SentinelHubService(archive / "catalog.json", (f"{MARK}-id", f"{MARK}-secret")) as served:
        served.token_mark = f"{MARK}-token"
        configured(served, monkeypatch, tmp_path)
        yield served
    assert any("session" in line for line in heard.said) or not served.requests, "the client's own log is heard"
    assert MARK not in "".join([*heard.said, *capfd.readouterr()])
    assert not (tmp_path / "home").exists(), "the package writes no settings"


def read(archive, name, band):
    with rasterio.open(tiny_archive.path(archive, name, band)) as file:
        return file.read(1)


def failing(call):
    """The error of a call, in which there is no secret, neither in what lies behind it."""
    with pytest.raises(FusionError) as caught:
        call()
    error = caught.value
    assert MARK not in str(error) and error.remedy
    assert error.__cause__ is None and error.__context__ is None
    return str(error)


def test_sentinel2_is_what_the_files_hold(archive, service):
    found = of_july().compute()
    assert list(found["time"].values) == [np.datetime64(f"2018-07-{day}", "ns") for day in ("01", "06", "11")]
    assert list(found["scenes"].values) == ["S2_A", "S2_B1,S2_B2", "S2_C"] and list(found["orbit"].values) == [0, 0, 0]
    assert Grid.of(found) == GRID
    for band in ("B04", "B08"):
        whole = read(archive, "S2_A", band)
        assert np.isnan(found[band][0, 0, 0])
        np.testing.assert_array_equal(found[band][0].values.ravel()[1:], np.float32(whole * 1e-4).ravel()[1:])
        # Of two granules of a pass, the first has what both have.
        both = np.hstack([read(archive, "S2_B1", band), read(archive, "S2_B2", band)[:, 4:]])
        np.testing.assert_array_equal(found[band][1], np.float32(both * 1e-4))
        shifted = np.float32(read(archive, "S2_C", band) * 1e-4 - 0.1)
        np.testing.assert_array_equal(found[band][2], shifted)
        assert shifted.min() < 0, "reflectance is not cut off at zero"
        assert found[band].dtype == np.float32


def test_classes_that_are_not_clear_are_no_data(archive, service):
    found = of_july(mask=CLASSES).compute()
    clear = np.isin(read(archive, "S2_C", "SCL").repeat(2, 0).repeat(2, 1), (4, 5, 6))
    assert 0.1 < clear.mean() < 0.5
    np.testing.assert_array_equal(np.isfinite(found["B08"][2]), clear)
    assert "SCL" not in found


def test_sentinel1_is_in_decibels_and_orbits_stay_apart(archive, service):
    found = of_july(product="sentinel1_grd").compute()
    assert list(found["time"].values.astype("datetime64[D]").astype(str)) == ["2018-07-02", "2018-07-02", "2018-07-08"]
    orbits = found["orbit"].values
    assert orbits[0] != orbits[1] == orbits[2]
    for i, name in enumerate(("S1_A", "S1_B")):
        np.testing.assert_allclose(found["VV"][i], read(archive, name, "vv"), atol=2e-6)  # NaN where it is NaN
    powers = read(archive, "S1_C", "vh")
    expected = np.where(powers > 0, 10 * np.log10(np.where(powers > 0, powers, 1)), np.nan)
    np.testing.assert_allclose(found["VH"][2], expected, atol=2e-6)
    assert np.isnan(found["VH"][2, 0, :2]).all() and np.isfinite(found["VH"][2, 0, 2:]).all()
    asked = service.bodies[-1]["input"]["data"][0]["processing"]
    assert asked["backCoeff"] == "SIGMA0_ELLIPSOID" and asked["orthorectify"] is True
    flattened = of_july(product="sentinel1_rtc").compute()
    np.testing.assert_allclose(10 * np.log10(flattened["VH"]), found["VH"], atol=2e-6)
    assert service.bodies[-1]["input"]["data"][0]["processing"]["backCoeff"] == "GAMMA0_TERRAIN"


@pytest.mark.parametrize("mask", [NONE, CLASSES])
def test_the_archive_engine_gives_the_same_series(archive, service, mask):
    asked = request(mask=mask, archive=str(archive / "catalog.json"), max_cloud_cover=50)
    theirs = archive_series.timeseries(
        archive_engine.scenes_for(asked), asked.recipe, asked.grid, PRODUCTS[asked.product]
    ).compute()
    ours = series(asked).compute()
    xr.testing.assert_identical(ours, theirs)
    kinds = ["TILE" if '"TILE"' in body["evalscript"] else "ORBIT" for body in service.bodies if "evalscript" in body]
    assert sorted(kinds) == ["ORBIT", "TILE" if mask is CLASSES else "ORBIT"], "granules of one pass of two"


@pytest.mark.parametrize(
    ("name", "orbit"),
    [
        ("S1A_IW_GRDH_1SDV_20191210T171827_20191210T171852_030288_03767F_1C0A", 116),
        ("S1B_IW_GRDH_1SDV_20200101T053000_20200101T053025_019622_02515A_ABCD", 171),
        ("S1C_IW_GRDH_1SDV_20260801T224512_20260801T224537_009000_000001_ABCD", None),
        ("S1_leie_20180316T174011", None),
    ],
)
def test_orbits_are_those_of_the_products_name(name, orbit):
    assert relative_orbit(name, {}) == orbit and relative_orbit(name, {"sat:relative_orbit": 8}) == 8


def test_passes_of_one_day_are_one_date_and_the_first_clear_one_counts(tmp_path, service, monkeypatch):
    fetched = []

    def fetch(asking, scenes, part):
        fetched.append([scene.id for scene in scenes])
        clear = np.zeros(part.shape, bool)
        clear[:, : 12 * len(fetched)] = True
        return np.full((2, *part.shape), len(fetched), np.float32), clear

    later = {"id": "S2_later", "geometry": mapping(box(2.9, 50, 3.1, 51)), "properties": {
        "datetime": "2018-07-01T12:30:00Z", "platform": "sentinel-2b", "sat:relative_orbit": 8}}  # fmt: skip
    first = {**later, "id": "S2_first", "properties": {**later["properties"], "datetime": "2018-07-01T10:50:00Z"}}
    monkeypatch.setattr(Connection, "search", lambda *arguments: [later, first])
    monkeypatch.setattr(f"{series.__module__}.fetch", fetch)
    found = of_first().compute()
    assert fetched == [["S2_first"], ["S2_later"]] and found.sizes["time"] == 1
    assert (found["B04"][0, :, :12] == 1).all() and (found["B04"][0, :, 12:] == 2).all()


def test_a_grid_elsewhere_on_the_lattice_is_met_to_the_pixel(archive, service):
    asked = request(window=FIRST, grid=GRID.window(4, 6, 11, 13))
    found = series(asked, here(), sizes=PieceSizes(edge=5))["B08"].compute()
    np.testing.assert_array_equal(found[0], np.float32(read(archive, "S2_A", "B08")[4:15, 6:19] * 1e-4))
    sizes = [(r["output"]["height"], r["output"]["width"]) for r in service.bodies if "evalscript" in r]
    assert sorted(sizes) == sorted((height, width) for height in (5, 5, 1) for width in (5, 5, 3))
    finer = of_first(grid=GRID.refine(2))["B08"].compute()
    np.testing.assert_array_equal(finer[0, ::2, ::2].values[1:], np.float32(read(archive, "S2_A", "B08") * 1e-4)[1:])


def test_a_big_region_is_asked_for_lazily_in_pieces_within_the_limit(service):
    found = series(request(grid=Grid(GRID.crs, GRID.transform, 10_980, 10_980)), here())
    assert service.requests == {"token": 1, "search": 1}
    assert max(map(max, found["B04"].chunks)) + 2 * WIDEST <= MOST_PIXELS
    found.isel(time=0, y=slice(0, 10), x=slice(0, 10)).compute()
    assert service.requests["process"] == found.sizes["time"], "bands of a piece come together"


@pytest.mark.parametrize("product", ["sentinel2_l2a", "sentinel1_grd"])
def test_real_fields_are_what_plain_rasterio_reads(real_archive, monkeypatch, tmp_path, product):
    grid = Grid("EPSG:32631", Affine(10, 0, 501360, 0, -10, 5629680), 64, 64)
    prefix = "S2_leie" if product == "sentinel2_l2a" else "S1_leie"
    with SentinelHubService(real_archive, (f"{MARK}-id", f"{MARK}-secret"), prefix) as served:
        configured(served, monkeypatch, tmp_path)
        asked = request(product, (dt.date(2018, 5, 1), dt.date(2018, 6, 15)), grid, area=grid)
        found = series(asked).compute()
    assert found.sizes["time"] > 8
    for i, scene in enumerate(found["scenes"].values):
        for band in asked.recipe.bands:
            name = band if product == "sentinel2_l2a" else band.lower()
            with rasterio.open(real_archive.parent / PRODUCTS[product].collections[0] / scene / f"{name}.tif") as file:
                numbers = file.read(1).repeat(64 // file.height, 0).repeat(64 // file.width, 1)
            if product == "sentinel1_grd":
                np.testing.assert_allclose(found[band][i], numbers, atol=4e-6)
                continue
            valid = np.isfinite(found[band][i].values)
            assert (numbers[~valid] == 0).all() or valid.mean() > 0.99, "no data of the other band"
            np.testing.assert_array_equal(found[band][i].values[valid], np.float32(numbers[valid] * 1e-4))


def test_the_evalscript_is_javascript_that_does_what_the_service_reads_in_it():
    node, text = program("node", "nodejs"), evalscript({"B04": "REFLECTANCE", "SCL": "DN"})
    samples = [{"B04": 9, "SCL": 9, "dataMask": 0}, {"B04": 0.25, "SCL": 4, "dataMask": 1}, {"B04": 7, "dataMask": 1}]
    setup, values = run_in_node(node, text, samples)
    assert values == [0.25, 4, 1]
    assert run_in_node(node, text, [])[1] == [0, 0, 0]
    read_in_it = understood(text, "sentinel-2-l2a")
    (asked,) = setup["input"]
    assert asked == {"bands": list(read_in_it.bands), "units": list(read_in_it.units)}
    assert setup["output"] == {"id": "default", "bands": 3, "sampleType": read_in_it.sample_type}
    assert setup["mosaicking"] == read_in_it.mosaicking == "ORBIT"


def test_an_expired_token_is_renewed_once_by_all_threads_together(service):
    found = series(request(), here(), sizes=PieceSizes(edge=6))
    service.faults.add("expire", "process", after=10)
    found.compute(scheduler="threads", num_workers=8)
    assert service.requests["token"] == 2
    service.expire()
    of_first()
    assert service.requests["token"] == 3


def test_a_token_that_is_never_accepted_is_an_error(service):
    service.faults.add("expire", "search", times=None)
    error = failing(of_july)
    assert "401" in error and "SH_TOKEN_URL" in error and service.requests == {"token": 2, "search": 2}


def test_refused_credentials_say_so(service, monkeypatch):
    monkeypatch.setenv("SH_CLIENT_SECRET", f"{MARK}-wrong")
    error = failing(of_july)
    assert "refuses the credentials (invalid_client)" in error and "SH_CLIENT_SECRET" in error


@pytest.mark.parametrize(("fault", "asked"), [("429", 4), ("503", 4), ("drop", 4), ("careless", 4)])
def test_a_token_endpoint_that_fails_is_asked_again_within_bounds(service, fault, asked):
    service.faults.add(fault, "token", times=None)
    with pytest.raises(Unreachable, match="gave no token"):
        check(here())
    assert service.requests["token"] == asked
    service.faults.rules[0].times = 0
    assert "lets the OAuth client in" in check(here())


def test_a_token_endpoint_that_is_silent_is_not_waited_for(service):
    service.faults.add("slow", "token", seconds=0.5)
    assert "TimeoutError" in failing(lambda: check(here(token_seconds=0.1)))


@pytest.mark.parametrize("header", ["300", None, "a date", "0", "soon"])
def test_too_many_requests_are_waited_for(service, header):
    found = of_first()
    in_a_second = email.utils.formatdate(time.time() + 1, usegmt=True)
    service.faults.add("429", "process", retry_after=in_a_second if header == "a date" else header)
    start = time.monotonic()
    found.compute()
    assert service.requests["process"] == 2
    if header == "300":
        assert time.monotonic() - start >= 0.3, "milliseconds, as the service documents"


def test_a_rate_limit_slows_all_threads_down_and_loses_nothing(archive, service):
    service.per_second = 50
    found = series(request(), here(), sizes=PieceSizes(edge=4))["B04"].compute(scheduler="threads", num_workers=8)
    np.testing.assert_array_equal(found[2], np.float32(read(archive, "S2_C", "B04") * 1e-4 - 0.1))
    assert service.requests["process"] < 2 * 3 * 5 * 6, "fewer are refused than let in"
    assert service.most_at_once <= Pace().at_once


def test_a_wait_of_hours_is_an_error_at_once(service):
    found = of_first()
    service.faults.add("429", "process", times=None, retry_after=str(5 * 3600 * 1000))
    error = failing(found.compute)
    assert "5.0 hours only" in error and "quota" in error and service.requests["process"] == 1


def test_a_rate_limit_that_never_lets_in_is_an_error(service):
    found = series(request(window=FIRST), here(most_refusals=5))
    service.faults.add("429", "process", times=None, retry_after="1")
    assert "rate limit lets no request in" in failing(found.compute) and service.requests["process"] == 5


@pytest.mark.parametrize("fault", ["500", "503", "drop", "cut"])
@pytest.mark.parametrize("endpoint", ["process", "search"])
def test_failures_of_server_and_network_are_survived_or_named(service, endpoint, fault):
    call = of_first().compute if endpoint == "process" else of_first
    rule = service.faults.add(fault, endpoint, times=2)
    before = service.requests[endpoint]
    call()
    assert service.requests[endpoint] - before == 3
    rule.times = None
    error = failing(call)
    assert service.requests[endpoint] - before == 3 + Pace().retries.attempts
    assert "2018-07-01" in error and ("20 rows x 24 columns from x 500000, y 5600000" in error or endpoint == "search")
    with pytest.raises(Unreachable):
        call()


@pytest.mark.parametrize("fault", ["truncated", "wrong_size", "missing_band", "moved", "not_tiff"])
def test_answers_that_are_not_whole_are_asked_for_again_then_named(archive, service, fault):
    whole = series(request(window=FIRST), here(), sizes=PieceSizes(edge=12))
    rule = service.faults.add(fault, "process", times=2, after=1)
    found = whole["B04"].compute(scheduler="synchronous")
    np.testing.assert_array_equal(found[0, 1:], np.float32(read(archive, "S2_A", "B04") * 1e-4)[1:])
    assert service.requests["process"] == 4 + 2
    rule.times = None
    error = failing(lambda: whole.isel(y=slice(12, 20), x=slice(12, 24)).compute())
    assert "Sentinel-2 L2A of 2018-07-01 10:50 UTC, 8 rows x 12 columns from x 500120, y 5599880" in error
    assert "not whole, 3 times over" in error and service.requests["process"] == 6 + 3


@pytest.mark.parametrize(("fault", "advice"), [("forbidden", "dashboard"), ("units", "units are renewed")])
def test_refusals_are_not_repeated_and_say_what_to_do(service, fault, advice):
    found = of_first()
    service.faults.add(fault, "process", times=None)
    assert advice in failing(found.compute) and service.requests["process"] == 1


@pytest.mark.parametrize("endpoint", ["process", "search", "collections"])
def test_secrets_that_the_service_repeats_are_not_shown(service, endpoint):
    found = of_first()
    service.faults.add("careless", endpoint, times=None)
    calls = {"process": found.compute, "search": of_first, "collections": check}
    assert "***" in failing(calls[endpoint])


def test_what_is_sent_to_workers_holds_no_secret(service):
    found = of_first()
    assert MARK.encode() not in cloudpickle.dumps(found) + pickle.dumps(Connection.from_environment())
    assert MARK not in repr(found) + repr(found["B04"].data.dask) + str(service.bodies)


def test_no_scenes_no_credentials_no_grid(service, monkeypatch):
    with pytest.raises(NoScenes, match="between 2017-01-01 and 2017-12-31"):
        of_july(window=(dt.date(2017, 1, 1), dt.date(2017, 12, 31)))
    with pytest.raises(NoScenes):
        of_july(area=GRID.window(-100, 0, 5, 5))
    west, south, east, north = to_lonlat(GRID.crs).transform_bounds(*GRID.bounds)
    beside = [[west - 1, south], [west - 1, north + 1], [east, north + 1], [west - 1, south]]
    with pytest.raises(NoScenes):
        of_july(geometry={"type": "Polygon", "coordinates": [beside]})
    assert "UTM" in failing(lambda: of_july(grid=Grid("ESRI:54009", GRID.transform, 4, 4)))
    unknown = of_first(grid=Grid("EPSG:3577", GRID.transform, 4, 4))
    assert "Unsupported CRS" in failing(unknown.compute)
    assert "viirs_monthly" in failing(lambda: series(request("viirs_monthly"), here()))
    assert "cs_cdf" in failing(lambda: of_july(mask=Mask("score", (), "cs_cdf", (0.6,))))
    for name in ("SH_CLIENT_ID", "SH_CLIENT_SECRET"):
        monkeypatch.delenv(name)
        assert f"{name} not set" in failing(of_july)
        assert "OAuth client" in failing(check)
        monkeypatch.setenv(name, f"{MARK}-id")


def test_without_the_package_it_is_named(service, monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert "pip install 'fusion-assets[sentinel-hub]'" in failing(of_july)
    assert "not installed" in failing(check)


def test_cloudy_scenes_are_neither_found_nor_used(service):
    found = of_july(max_cloud_cover=15.5)
    assert list(found["scenes"].values) == ["S2_A", "S2_B2"]
    found = found.compute()
    assert np.isnan(found["B04"][1, :, :10]).all() and np.isfinite(found["B04"][1, :, 10:]).all()


def test_all_pages_of_a_search_are_read(service):
    service.page = 1
    assert of_july().sizes["time"] == 3 and service.requests["search"] == 4


def test_more_scenes_than_can_be_asked_for_are_refused_and_not_cut_off(service):
    assert "more than 2 scenes" in failing(lambda: series(request(), here(most_scenes=2)))


def test_deployments():
    assert Connection.from_environment({}).url == "https://services.sentinel-hub.com"
    data_space = Connection.from_environment({"SH_BASE_URL": "https://sh.dataspace.copernicus.eu/"})
    assert "identity.dataspace.copernicus.eu" in data_space.token_url
    login = f"https://user:{MARK}@elsewhere.example"
    for variables in (
        {"SH_BASE_URL": "https://elsewhere.example"},
        {"SH_BASE_URL": "http://services.sentinel-hub.com", "SH_TOKEN_URL": "https://a.example"},
        {"SH_BASE_URL": login, "SH_TOKEN_URL": "https://a.example"},
        {"SH_TOKEN_URL": login},
    ):
        failing(lambda variables=variables: Connection.from_environment(variables))


def test_check_says_what_is_missing(service):
    assert "lets the OAuth client in" in check() and service.requests == {"token": 1, "collections": 1}
    service.faults.add("slow", "collections", seconds=0.5)
    assert "no answer within" in failing(lambda: check(here(check_seconds=0.1)))
    while service.requests["collections"] < 2:  # on a busy machine, what was given up may yet be on its way
        time.sleep(0.01)
    service.faults.add("not_tiff", "collections")
    assert "no collection sentinel-1-grd, sentinel-2-l2a" in failing(check)
