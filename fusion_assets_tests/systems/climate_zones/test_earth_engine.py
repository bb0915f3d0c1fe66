"""Imagery of maps of zones is the same from an archive and from Earth Engine: clouds, baselines, decibels."""

import datetime as dt

import numpy as np
import pytest
from affine import Affine

from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.systems.climate_zones.channels import MAPPABLE, band_of
from fusion_assets.systems.climate_zones.imagery_requests import optics_request, radar_request
from fusion_assets_tests.imagery.archives import make_item, write_catalog, write_tif
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same
from fusion_assets_tests.systems.climate_zones.zone_maps import content
from fusion_assets_tests.whole_studies import study_of

YEAR, DAYS = 2021, 3
CRS, WEST, NORTH = "EPSG:32633", 384_000, 5_819_200
EDGE = 120
"""Pixels of 10 m along the scenes."""
BANDS = tuple(map(band_of, MAPPABLE[2:]))
FINE = {"B02", "B03", "B04", "B08"}
CLOUD, CIRRUS = 1 << 10, 1 << 11
TOP = 30
"""Rows of 10 m under cloud on the first day, and under cirrus on the second."""


def region():
    """Of 600 m, inside the scenes with what patches reach beyond it."""
    corners = [[13.2965, 52.5030], [13.3045, 52.5030], [13.3045, 52.5075], [13.2965, 52.5075], [13.2965, 52.5030]]
    return {"name": "here", "crs": CRS, "geometry": {"type": "Polygon", "coordinates": [corners]}}


def made(**section):
    study = content(map={"years": [YEAR]}, **section)
    return study_of({**study, "regions": [region()], "prediction_years": [YEAR]})


def placed(path, values, step=10):
    return write_tif(path, values, Affine(step, 0, WEST, 0, -step, NORTH), CRS)


def daylight(folder, day):
    """A scene of level 1C: bands of 10 and 20 m, QA60 of 60 m; from the second day on of the newer baseline."""
    chance, moment = np.random.default_rng(day), dt.datetime(YEAR, 6, 1 + 10 * day, 10, 20, tzinfo=dt.UTC)
    shifted = 1000 if day else 0  # since baseline 04.00 numbers are higher by as much
    assets = {}
    for band in BANDS:
        step = 10 if band in FINE else 20
        values = chance.integers(500, 3000, (EDGE * 10 // step,) * 2)
        assets[band] = placed(folder / f"{day}/{band}.tif", (values + shifted).astype("u2"), step)
    qa = np.zeros((EDGE // 6, EDGE // 6), "u2")
    qa[: TOP // 6] = {0: CLOUD, 1: CIRRUS}.get(day, 0)
    assets["qa60"] = placed(folder / f"{day}/qa60.tif", qa, 60)
    properties = {"platform": "sentinel-2a", "eo:cloud_cover": 10.0 * day}
    return make_item(f"S2_{day}", assets, moment, properties=properties | {
        "s2:processing_baseline": "04.00" if day else "03.00"
    })  # fmt: skip


def echo(folder, day, linear=False):
    """A pass in decibels, its edge unknown."""
    chance, moment = np.random.default_rng(50 + day), dt.datetime(YEAR, 6, 3 + 12 * day, 17, 0, tzinfo=dt.UTC)
    assets = {}
    for name, level in (("vv", -10), ("vh", -17)):
        values = chance.normal(level, 2, (EDGE, EDGE)).astype("f4")
        values = 10 ** (values / 10) if linear else values
        values[:, : 25 + 3 * day] = np.nan
        assets[name] = placed(folder / f"{day}/{name}.tif", values)
    properties = {"platform": "sentinel-1a", "sat:orbit_state": "ascending", "sar:instrument_mode": "IW"}
    return make_item(f"S1_{day}", assets, moment, properties=properties | {"sar:polarizations": ["VV", "VH"]})


def catalog_of(folder, **radar):
    items = {
        "sentinel-2-l1c": [daylight(folder / "files/s2", day) for day in range(DAYS)],
        "sentinel-1-grd": [echo(folder / "files/s1", day, **radar) for day in range(DAYS)],
    }
    return write_catalog(folder / "catalog", items)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return catalog_of(tmp_path_factory.mktemp("zones") / "archive")


@pytest.fixture(scope="module")
def service(archive):
    with EarthEngineService(archive, clock=Clock(manual=True)) as service:
        yield service


def both(request, service, folder):
    """Composites of a request from the archive and from Earth Engine."""
    engines = (
        ArchiveEngine(Storage(folder / "archive")),
        EarthEngine(Storage(folder / "earth"), Connection("demo", service.url)),
    )
    return [engine.collect(engine.submit(request)).compute() for engine in engines]


def test_optics_are_the_same_where_clouds_are_and_whatever_the_baseline(archive, service, tmp_path):
    request = optics_request(made(), Settings(archive=archive), "here", YEAR)
    expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    grid = request.grid
    first = round((grid.bounds[0] - WEST) / 10), round((NORTH - grid.bounds[3]) / 10)
    assert min(first) >= 0 and max(first[0] + grid.width, first[1] + grid.height) <= EDGE
    count = expected["observation_count"].values
    covered = TOP - first[1]
    assert covered > 0 and (count[:covered] == DAYS - 2).all() and (count[covered:] == DAYS).all()
    scenes = [np.random.default_rng(day).integers(500, 3000, (EDGE, EDGE)) for day in range(DAYS)]
    part = (slice(first[1], first[1] + grid.height), slice(first[0], first[0] + grid.width))
    blue = np.median([scene[part] for scene in scenes], axis=0)[covered:]
    assert expected["B02"].values[covered:] == pytest.approx(blue / 1e4, abs=1e-6)


def test_radar_is_the_same_in_decibels(archive, service, tmp_path):
    request = radar_request(made(), Settings(archive=archive), "here", YEAR)
    expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    assert list(expected.data_vars) == ["VH", "VV", "observation_count"]
    medians = [float(np.nanmedian(expected[name].values)) for name in ("VH", "VV")]
    assert medians == pytest.approx([-17, -10], abs=0.2)


def test_radar_of_linear_power_is_refused_instead_of_being_mixed_up(tmp_path):
    request = radar_request(made(), Settings(archive=catalog_of(tmp_path, linear=True)), "here", YEAR)
    engine = ArchiveEngine(Storage(tmp_path / "data"))
    with pytest.raises(UnusableScene, match="linear power"):
        engine.collect(engine.submit(request))
