"""Accepting requests: which scenes are found, what is refused, and what is asked of Earth Engine for it."""

import dataclasses
import datetime as dt

import ee
import numpy as np
import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.engines.archive.engine import scenes_for
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, connection, direct
from fusion_assets.imagery.engines.earth_engine.expressions import physical
from fusion_assets.imagery.engines.earth_engine.outlines import fetch_outline, searched_area
from fusion_assets.imagery.engines.earth_engine.scene_lists import find_scenes, listing
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import FIRST_DAY, GRID, bare_item, small_request, small_season, write_catalog
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same, demo_request


@pytest.fixture(scope="module")
def running(catalog):
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        yield catalog, service


@pytest.fixture
def demo(running, monkeypatch):
    catalog, service = running
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    Connection("demo", service.url).open()
    service.counters.reset()
    yield catalog, service
    service.faults.clear()
    service.control({"action": "options", "concurrency_limit": 40})


def engine_for(service, folder):
    return EarthEngine(Storage(folder), Connection("demo", service.url))


@pytest.mark.parametrize("product", ["sentinel2_l2a", "sentinel2_l1c", "viirs_monthly", "ghsl_smod_p2016"])
def test_scenes_and_passes_are_those_of_the_archive(product, demo):
    catalog, service = demo
    request = demo_request(catalog, product)
    expected = acquisitions(scenes_for(request))
    found = find_scenes(request, Connection("demo", service.url))
    assert found.groups == tuple(tuple(scene.id for scene in group) for group in expected)
    assert service.counters.requests["value.compute"] == (2 if product.startswith("ghsl") else 1)


def test_physical_values_are_those_of_the_archive(demo):
    stored = ee.Image("COPERNICUS/S2/a").select("B2")
    landsat, sentinel = (physical(stored, PRODUCTS[name]).serialize() for name in ("landsat_c2_l2", "sentinel2_l2a"))
    assert landsat == stored.multiply(2.75e-5).add(-0.2).serialize()
    assert sentinel == stored.multiply(1e-4).serialize(), "no more than is needed"


def test_cloud_cover_is_asked_for_under_the_collections_own_name(demo):
    request = demo_request(demo[0], "sentinel2_l2a")
    assert "CLOUDY_PIXEL_PERCENTAGE" in listing(request, "C").serialize()
    landsat = listing(dataclasses.replace(request, product="landsat_c2_l2"), "C").serialize()
    assert "CLOUD_COVER" in landsat and "CLOUDY" not in landsat


def test_an_outline_of_very_many_vertices_finds_the_same_scenes_by_a_short_request(demo):
    catalog, service = demo
    plain = demo_request(catalog, "sentinel2_l2a")
    fine = plain.area.segmentize(max(plain.area.length, 1e-9) / 200_000)
    long = dataclasses.replace(plain, geometry=shapely.geometry.mapping(fine))
    sent = ee.serializer.toJSON(searched_area(long))
    assert len(shapely.geometry.mapping(fine)["coordinates"][0]) > 200_000 and len(sent) < 2_000
    connection = Connection("demo", service.url)
    assert find_scenes(long, connection) == find_scenes(plain, connection)


def test_an_outline_of_few_vertices_is_sent_as_it_is(demo):
    request = demo_request(demo[0], "sentinel2_l2a")
    as_drawn = ee.Geometry(request.geometry, "EPSG:4326", False)
    assert ee.serializer.toJSON(searched_area(request)) == ee.serializer.toJSON(as_drawn)


def test_the_same_request_is_accepted_once_and_late_scenes_make_another(demo, tmp_path):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "sentinel2_l2a", 4)
    first = made.submit(request)
    assert made.submit(request).id == first.id == engine_for(service, tmp_path).submit(request).id
    assert made.submit(dataclasses.replace(request, archive="/elsewhere")).id == first.id
    assert first.state == "SUCCEEDED" and first.engine == "earth_engine" and len(first.scenes) == 25
    fewer = made.submit(dataclasses.replace(request, window=(request.window[0], dt.date(2015, 9, 30))))
    assert fewer.id != first.id and set(fewer.scenes) < set(first.scenes)
    assert {export.id for export in made.finished_since(None)[0]} == {first.id, fewer.id}
    assert Export.from_dict(first.to_dict()) == first


def test_a_composite_costs_two_requests_and_no_byte_too_many(demo, tmp_path):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "sentinel2_l2a", 4)
    pixels = made.collect(made.submit(request))
    assert service.counters.requests["image.computePixels"] == 0, "lazy until computed"
    pixels = pixels.compute()
    assert dict(service.counters.requests) == {"value.compute": 1, "image.computePixels": 1}
    needed = sum(band.nbytes for band in pixels.data_vars.values())
    assert service.counters.bytes_out["image.computePixels"] <= needed + 256


def test_a_ticket_without_its_list_of_operations_is_enough(demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, "viirs_monthly", 4)
    made = engine_for(service, tmp_path / "one")
    export = made.submit(request)
    assert_same(made.collect(export).compute(), engine_for(service, tmp_path / "two").collect(export).compute())
    stale = dataclasses.replace(export, scenes=("gone",), id="0" * 12)
    with pytest.raises(FusionError, match="1 are gone"):
        made.collect(stale)


def test_tiles_are_asked_for_at_once_but_never_too_many(demo, tmp_path, monkeypatch):
    catalog, service = demo
    request = demo_request(catalog, "viirs_monthly", 1, edge=250)
    monkeypatch.setattr(direct, "tile_edge", lambda plan: 12)
    made = engine_for(service, tmp_path)
    made.collect(made.submit(request)).compute()
    assert service.counters.requests["image.computePixels"] == 16
    assert 2 <= service.counters.most_at_once["image.computePixels"] <= connection.REQUESTS_AT_ONCE


def test_requests_stay_within_the_limits_of_earth_engine(demo):
    catalog, _ = demo
    recipe = CompositeRecipe(PRODUCTS["sentinel2_l2a"].default_bands, Mask("none"), subdivision=100)
    grid = demo_request(catalog, "sentinel2_l2a").grid
    for k, scenes in ((1, 1), (1, 1000), (100, 300)):
        recipe = dataclasses.replace(recipe, subdivision=k)
        plan = direct.Plan("sentinel2_l2a", "C", (("a",),) * scenes, False, recipe, grid)
        edge = direct.tile_edge(plan)
        assert 1 <= edge <= 32768 and edge**2 * len(plan.bands) * 4 < 48 << 20
    assert edge < 10, "native resolution is computed in small pieces"


@pytest.mark.parametrize("kind", ["429", "500", "503", "aggregations", "drop", "cut", "lost_answer"])
def test_passing_trouble_is_waited_out(kind, demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path)
    service.faults.add(kind, endpoint="value.compute", times=2)
    service.faults.add(kind, endpoint="image.computePixels", times=2)
    pixels = made.collect(made.submit(demo_request(catalog, "viirs_monthly", 4))).compute()
    assert np.isfinite(pixels["avg_rad"].values).all()
    assert service.counters.requests["image.computePixels"] == 3


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("memory", "FUSION_EE_BUCKET"),
        ("timeout", "FUSION_EE_BUCKET"),
        ("forbidden", "roles"),
        ("unauthenticated", "earthengine authenticate"),
        ("disabled", "enable"),
    ],
)
def test_other_trouble_is_named_at_once_with_what_to_do(kind, remedy, demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path)
    pixels = made.collect(made.submit(demo_request(catalog, "viirs_monthly", 4)))
    service.faults.add(kind, endpoint="image.computePixels", times=None)
    with pytest.raises(FusionError) as caught:
        pixels.compute()
    assert remedy in caught.value.remedy and "fetching viirs_monthly" in caught.value.found
    assert service.counters.requests["image.computePixels"] == 1
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_trouble_that_does_not_pass_ends_after_a_few_attempts(demo, tmp_path):
    catalog, service = demo
    service.faults.add("503", endpoint="value.compute", times=None)
    with pytest.raises(FusionError, match="unavailable"):
        engine_for(service, tmp_path).submit(demo_request(catalog, "viirs_monthly", 4))
    assert service.counters.requests["value.compute"] == connection.RETRIES.attempts


def test_no_scenes_is_an_error_that_says_how_many_were_too_cloudy(demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, "sentinel2_l2a", window=(dt.date(2012, 1, 1), dt.date(2012, 2, 1)))
    with pytest.raises(FusionError, match="COPERNICUS/S2_SR_HARMONIZED has none between 2012-01-01 and 2012-02-01"):
        engine_for(service, tmp_path).submit(request)
    with pytest.raises(FusionError, match="left out as more than 0 % cloud"):
        window = (dt.date(2015, 7, 1), dt.date(2015, 7, 12))
        clouds = demo_request(catalog, "sentinel2_l2a", window=window, max_cloud_cover=0.0)
        engine_for(service, tmp_path).submit(clouds)


def test_deprecated_collections_are_refused_by_their_full_id(demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path)
    request = dataclasses.replace(demo_request(catalog, "ghsl_smod_p2016"), allow_deprecated=False)
    with pytest.raises(FusionError, match=r"(?s)SMOD_POP_GLOBE_V1 is deprecated.*JRC/GHSL/P2023A/GHS_SMOD_V2-0"):
        made.submit(request)
    old = dataclasses.replace(
        demo_request(catalog, "sentinel2_l1c"), collections=("COPERNICUS/S2",), allow_deprecated=False
    )
    with pytest.raises(FusionError, match=r"(?s)COPERNICUS/S2 is deprecated.*COPERNICUS/S2_HARMONIZED"):
        made.submit(old)
    ee.deprecation.deprecated_assets["COPERNICUS/S2_HARMONIZED"] = ee.deprecation.DeprecatedAsset(
        "COPERNICUS/S2_HARMONIZED", "COPERNICUS/S3", None, None
    )
    try:
        with pytest.raises(FusionError, match=r"(?s)S2_HARMONIZED is deprecated.*COPERNICUS/S3"):
            made.submit(dataclasses.replace(old, collections=("sentinel-2-l1c",)))
    finally:
        del ee.deprecation.deprecated_assets["COPERNICUS/S2_HARMONIZED"]


def test_missing_bands_and_masks_are_named(demo, tmp_path):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "sentinel2_l2a")
    with pytest.raises(FusionError, match="has no band B9; it has B2"):
        made.submit(dataclasses.replace(request, recipe=dataclasses.replace(request.recipe, bands=("B02", "B09"))))
    wrong = dataclasses.replace(request.recipe, mask=PRODUCTS["sentinel2_l1c"].mask)
    with pytest.raises(FusionError, match="has no mask band QA60"):
        made.submit(dataclasses.replace(request, recipe=wrong))


def test_the_gap_of_qa60_is_refused_naming_cloud_score_plus(tmp_path):
    day = FIRST_DAY.replace(year=2023)
    names = ("blue", "qa60")
    fields = {
        name: {
            "proj:code": GRID.crs,
            "proj:transform": list(GRID.transform[:6]),
            "proj:shape": list(GRID.shape),
            "raster:bands": [{"data_type": "uint16"}],
        }
        for name in names
    }
    item = bare_item("late", names, day, fields=fields)
    catalog = write_catalog(tmp_path / "catalog", {"sentinel-2-l1c": [item]})
    request = small_request(
        catalog, product="sentinel2_l1c", window=(day.date(), day.date()), collections=("sentinel-2-l1c",),
        recipe=CompositeRecipe(("B02",), PRODUCTS["sentinel2_l1c"].mask),
    )  # fmt: skip
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        with pytest.raises(FusionError, match=r"(?s)gap of the mask band QA60.*Cloud Score\+"):
            engine_for(service, tmp_path).submit(request)
        score = Mask("score", earth_engine="cs_cdf", values=(0.6,))
        scored = dataclasses.replace(request, recipe=CompositeRecipe(("B02",), score))
        assert engine_for(service, tmp_path).submit(scored).scenes == ("late",)


def test_cloud_score_plus_is_a_mask(tmp_path):
    catalog, stack = small_season(tmp_path)
    score = Mask("score", earth_engine="cs_cdf", values=(0.6,))
    request = small_request(catalog, recipe=CompositeRecipe(("B02",), score))
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        found = {}
        for values in ((0.6,), (0.95,)):
            recipe = dataclasses.replace(request.recipe, mask=dataclasses.replace(score, values=values))
            made = engine_for(service, tmp_path)
            found[values[0]] = made.collect(made.submit(dataclasses.replace(request, recipe=recipe))).compute()
    # The service gives every clear observation a score of 0.9.
    np.testing.assert_allclose(found[0.6]["B02"].values, np.median(stack, axis=0) * 1e-4, atol=1e-6)
    assert np.isnan(found[0.95]["B02"].values).all() and (found[0.95]["observation_count"].values == 0).all()


def test_outlines_come_from_feature_collections(demo):
    _, service = demo
    asked = Connection("demo", service.url)
    outline = fetch_outline("FAO/GAUL/2015/level2", "ADM2_NAME", "Bagmati", asked)
    assert outline["type"] == "Polygon" and 84 < outline["coordinates"][0][0][0] < 87
    assert fetch_outline("WM/geoLab/geoBoundaries/600/ADM2", "shapeName", "Demo", asked)["type"] == "Polygon"
    with pytest.raises(FusionError, match="no feature where ADM2_NAME = Bagmatty"):
        fetch_outline("FAO/GAUL/2015/level2", "ADM2_NAME", "Bagmatty", asked)
