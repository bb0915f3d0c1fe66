"""Sentinel Hub as an engine: the archive engine's series from the same scenes, and nothing but series."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.protocol import CompositeEngine
from fusion_assets.imagery.engines.sentinel_hub import Connection, SentinelHub
from fusion_assets.imagery.engines.sentinel_hub.pace import Pace
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.timeseries import PIECE_SIZES, PieceSizes
from fusion_assets.loopbacks.sentinel_hub import SentinelHubService
from fusion_assets.storage.root import Storage
from fusion_assets.systems.ndvi.observations import treatment
from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_request
from fusion_assets_tests.loopbacks.sentinel_hub.client import signed_up

WINDOW = (dt.date(2016, 7, 1), dt.date(2016, 9, 30))
CLEAR = Mask("classes", ("scl", "SCL"), "SCL", (4, 5, 6))
RADAR = {"product": "sentinel1_grd", "bands": ("VV", "VH"), "mask": Mask("none")}
PICTURE = {"mask": Mask("none"), "bands": ("B04", "B03", "B02")}


@pytest.fixture
def service(catalog, monkeypatch):
    with SentinelHubService(catalog) as served:
        signed_up(served, monkeypatch)
        yield served


def asked(catalog, product="sentinel2_l2a", bands=("B04", "B08"), mask=CLEAR, **changes):
    request = demo_request(catalog, product, edge=250, window=WINDOW)
    recipe = CompositeRecipe(bands, mask, reducer="none")
    return dataclasses.replace(request, recipe=recipe, max_cloud_cover=None, **changes)


@pytest.mark.parametrize(
    ("use", "speckle"),
    [({}, None), (PICTURE, None), (RADAR, None), (RADAR, treatment("dB", "multitemporal", 5))],
    ids=["optics", "picture", "radar", "filtered radar"],
)
@pytest.mark.parametrize("sizes", [PIECE_SIZES, pytest.param(PieceSizes(edge=17), marks=pytest.mark.slow)])
def test_the_same_series_as_from_the_archive(use, speckle, sizes, catalog, service, tmp_path):
    request = asked(catalog, **use)
    expected = ArchiveEngine(Storage(tmp_path), sizes).series(request, speckle).compute()
    quick = dataclasses.replace(Connection.from_environment(), pace=Pace(between_requests=0.0005))
    found = SentinelHub(quick, sizes).series(request, speckle).compute()
    assert list(found.data_vars) == list(expected.data_vars) and found.attrs == expected.attrs
    for name in ("time", "acquired", "scenes"):
        np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)
    assert found["orbit"].dtype == expected["orbit"].dtype == np.int32
    # Numbers of orbits are made up where the service's catalog has none; which dates share one is the same.
    pairs = set(zip(found["orbit"].values, expected["orbit"].values, strict=True))
    assert len(pairs) == len(set(found["orbit"].values)) == len(set(expected["orbit"].values))
    for name in expected.data_vars:
        one, other = expected[name].values, found[name].values
        assert other.dtype == one.dtype and found[name].attrs == expected[name].attrs
        np.testing.assert_array_equal(np.isnan(other), np.isnan(one), err_msg=f"mask of {name}")
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-4, err_msg=name)


def test_it_gives_series_and_no_composites():
    assert not isinstance(SentinelHub(), CompositeEngine)


def test_scenes_that_are_left_out_are_not_asked_for(catalog, service):
    engine, request = SentinelHub(), asked(catalog)
    scenes = [scene for date in engine.series(request)["scenes"].values for scene in date.split(",")]
    kept = engine.series(request, without=scenes[1:])
    assert list(kept["scenes"].values) == scenes[:1] and engine.readability(request) == {}
