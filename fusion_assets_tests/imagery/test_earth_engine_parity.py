"""Both engines give the same pixels from the same scenes, and known mistakes, put back, are noticed."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
import shapely
from affine import Affine

from fusion_assets.built_up import labels
from fusion_assets.imagery.archive import ArchiveEngine
from fusion_assets.imagery.composite import CompositeRecipe
from fusion_assets.imagery.earth_engine import Connection, EarthEngine, direct, engine, expressions
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.storage import Storage
from fusion_assets.requests import request_for
from fusion_assets.settings import Settings
from fusion_assets.study import load_study
from fusion_assets_tests.earth_engine import Clock, EarthEngineService
from fusion_assets_tests.imagery.archives import GRID, make_item, small_request, write_catalog, write_tif
from fusion_assets_tests.imagery.earth_engine_cases import assert_same, demo_catalog, demo_request
from fusion_assets_tests.test_real_places import STUDIES


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    catalog = demo_catalog(tmp_path_factory)
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        # At native resolution nothing may come from a pyramid.
        service.control({"action": "options", "refuse_pyramid": True})
        yield catalog, service
        service.control({"action": "options", "refuse_pyramid": False, "whole_masks": False})


def both(request, service, folder):
    """Pixels of a request from the archive and from the service."""
    found = []
    for made in (
        ArchiveEngine(Storage(folder / "archive")),
        EarthEngine(Storage(folder / "earth"), Connection("demo", service.url)),
    ):
        found.append(made.collect(made.submit(request)).compute())
    return found


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("product", ["sentinel2_l2a", "sentinel2_l1c", "viirs_monthly", "ghsl_smod_p2016"])
def test_demo_scenes(product, k, demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, product, k, edge=1000 if k > 1 or product.startswith("ghsl") else 250)
    expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    assert expected["observation_count"].values.max() > 0


def test_lights_of_months_with_few_clear_nights(demo, tmp_path):
    catalog, service = demo
    request, seen = demo_request(catalog, "viirs_monthly", 4), []
    for least in (None, 1, 4, 30):
        mask = request.recipe.mask if least is None else dataclasses.replace(request.recipe.mask, values=(least,))
        asked = dataclasses.replace(request, recipe=dataclasses.replace(request.recipe, mask=mask))
        expected, found = both(asked, service, tmp_path)
        assert_same(expected, found)
        seen.append(int(found["observation_count"].values.sum()))
    assert seen[0] == seen[1] > seen[2] > seen[3] == 0


def test_blocks_that_are_partly_without_data(demo, tmp_path):
    catalog, service = demo
    valid = []
    for share in (0.0, 0.25, 0.5, 0.75):
        # Whatever Earth Engine makes of the mask of a mean, ours does not depend on it.
        service.control({"action": "options", "whole_masks": share in (0.25, 0.75)})
        request = demo_request(catalog, "sentinel2_l1c", 4, move=0.5, min_valid_share=share)
        expected, found = both(request, service, tmp_path)
        assert_same(expected, found)
        valid.append(int(np.isfinite(found["B02"].values).sum()))
    assert valid == sorted(valid, reverse=True) and len(set(valid)) > 1, "blocks along the edge are half valid"


def test_a_grid_whose_crs_has_no_epsg_code(demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, "viirs_monthly", 4)
    outline = shapely.geometry.shape(request.geometry).buffer(-0.02)
    request = dataclasses.replace(request, grid=Grid.from_geometry(outline, "ESRI:54009", 1000))
    assert_same(*both(request, service, tmp_path))


def test_tiles_fit_together(demo, tmp_path, monkeypatch):
    catalog, service = demo
    request = demo_request(catalog, "sentinel2_l2a", 4)
    service.counters.reset()
    monkeypatch.setattr(direct, "tile_edge", lambda plan: 5)
    expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    assert service.counters.requests["image.computePixels"] == 9


@pytest.mark.parametrize(
    ("study", "role", "year"),
    [
        ("leie", "sentinel2", 2017),
        ("leie", "sentinel2", 2019),
        ("mol", "sentinel2", 2020),
        ("mol", "night_lights", 2020),
        ("mol", "labels", 2020),
    ],
)
def test_real_scenes(study, role, year, real_archive, tmp_path):
    request = request_for(load_study(STUDIES / f"{study}.yaml"), Settings(archive=str(real_archive)), role, study, year)
    with EarthEngineService(real_archive, clock=Clock(manual=True)) as service:
        expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    assert np.isfinite(found[request.recipe.bands[0]].values).mean() > 0.9


def only_the_cirrus_bit(monkeypatch):
    right = expressions.clear

    def wrong(image, mask):
        return right(image, dataclasses.replace(mask, values=(11,)))

    monkeypatch.setattr(expressions, "clear", wrong)


def lights_to_the_end_of_2019(monkeypatch):
    right = engine.find_scenes

    def wrong(request, connection):
        longer = dataclasses.replace(request, window=(request.window[0], dt.date(2019, 12, 31)))
        return right(longer, connection)

    monkeypatch.setattr(engine, "find_scenes", wrong)


def an_unaligned_grid(monkeypatch):
    right = direct.fetch

    def wrong(plan, window, connection):
        moved = Grid(window.crs, window.transform @ Affine.translation(0.4, 0.3), window.height, window.width)
        return right(plan, moved, connection)

    monkeypatch.setattr(direct, "fetch", wrong)


@pytest.mark.parametrize(
    ("mistake", "product"),
    [
        (only_the_cirrus_bit, "sentinel2_l1c"),
        (lights_to_the_end_of_2019, "viirs_monthly"),
        (an_unaligned_grid, "sentinel2_l2a"),
        (an_unaligned_grid, "viirs_monthly"),
        (an_unaligned_grid, "ghsl_smod_p2016"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_mistake_put_back_is_noticed(mistake, product, demo, tmp_path, monkeypatch):
    catalog, service = demo
    request = demo_request(catalog, product, 4 if product != "ghsl_smod_p2016" else 1)
    direct._image.cache_clear()
    mistake(monkeypatch)
    try:
        expected, found = both(request, service, tmp_path)
        with pytest.raises(AssertionError):
            assert_same(expected, found)
    finally:
        direct._image.cache_clear()


def test_codes_of_the_new_settlement_grid_are_built_up_from_21_on(tmp_path):
    codes = np.resize([10, 11, 12, 13, 21, 22, 23, 30, -200], GRID.shape).astype(np.int16)
    epoch = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    item = make_item("smod", {"smod_code": write_tif(tmp_path / "smod.tif", codes)}, epoch, epoch.replace(month=12))
    catalog = write_catalog(tmp_path / "catalog", {"ghsl-smod-v2": [item]})
    product, inside = PRODUCTS["ghsl_smod_v2"], np.ones(GRID.shape, bool)
    request = small_request(
        catalog, product="ghsl_smod_v2", year=2015, window=(dt.date(2015, 1, 1), dt.date(2015, 12, 31)),
        recipe=CompositeRecipe(product.default_bands, product.mask, reducer="latest"), collections=product.collections,
    )  # fmt: skip
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    right, same = (labels.built_up_labels(pixels, product, inside, built_codes=()) for pixels in (expected, found))
    np.testing.assert_array_equal(same["built_up"], right["built_up"])
    np.testing.assert_array_equal(right["built_up"], np.where(codes == -200, 255, codes >= 21))
    from_two_on = dataclasses.replace(product, built_codes=tuple(range(2, 31)))
    wrong = labels.built_up_labels(found, from_two_on, inside, built_codes=())
    assert (wrong["built_up"] != right["built_up"]).any()
