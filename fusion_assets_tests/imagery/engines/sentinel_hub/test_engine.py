"""Sentinel Hub as an engine: the archive engine's series from the same scenes, and nothing but series."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import timeseries
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.imagery.engines.sentinel_hub import SentinelHub
from fusion_assets.imagery.products import Mask
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.loopbacks.sentinel_hub import SentinelHubService
from fusion_assets.storage.root import Storage
from fusion_assets.systems.ndvi.observations import treatment
from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_catalog, demo_request
from fusion_assets_tests.loopbacks.sentinel_hub.client import signed_up

WINDOW = (dt.date(2016, 7, 1), dt.date(2016, 9, 30))
CLEAR = Mask("classes", ("scl", "SCL"), "SCL", (4, 5, 6))
RADAR = {"product": "sentinel1_grd", "bands": ("VV", "VH"), "mask": Mask("none")}
PICTURE = {"mask": Mask("none"), "bands": ("B04", "B03", "B02")}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return demo_catalog(tmp_path_factory)


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
@pytest.mark.parametrize("tile", [timeseries.TILE, 17])
def test_the_same_series_as_from_the_archive(use, speckle, tile, catalog, service, tmp_path, monkeypatch):
    monkeypatch.setattr(timeseries, "TILE", tile)
    request = asked(catalog, **use)
    expected = ArchiveEngine(Storage(tmp_path)).series(request, speckle).compute()
    found = SentinelHub().series(request, speckle).compute()
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


def test_exports_are_refused_and_nothing_is_asked(catalog, service):
    engine, request = SentinelHub(), demo_request(catalog, "sentinel2_l2a")
    export = Export("a", request, ("s",), "SUCCEEDED", "archive", "2020-01-01", "2020-01-01")
    calls = (
        lambda: engine.submit(request),
        lambda: engine.states([export]),
        lambda: engine.collect(export),
        lambda: engine.resubmit(export),
    )
    for call in calls:
        with pytest.raises(FusionError, match=r"a_composite demo\|2015: not made by the engine sentinel_hub") as caught:
            call()
        assert "group:ndvi" in caught.value.remedy and "earth_engine" in caught.value.expected
    assert not service.requests


def test_exports_of_other_engines_are_told_of_again_when_those_are_back(catalog, tmp_path):
    archive, engine = ArchiveEngine(Storage(tmp_path)), SentinelHub()
    _, before = archive.finished_since(None)
    export = archive.submit(demo_request(catalog, "viirs_monthly"))
    found, cursor = engine.finished_since(before)
    assert found == [] and cursor == before
    assert archive.finished_since(cursor)[0] == [export]
    assert engine.finished_since(None)[1] >= before


def test_scenes_that_are_left_out_are_not_asked_for(catalog, service):
    engine, request = SentinelHub(), asked(catalog)
    scenes = [scene for date in engine.series(request)["scenes"].values for scene in date.split(",")]
    kept = engine.series(request, without=scenes[1:])
    assert list(kept["scenes"].values) == scenes[:1] and engine.readability(request) == {}
