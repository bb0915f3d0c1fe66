"""Both engines give the same pixels from the same scenes, and known mistakes, put back, are noticed."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
import shapely
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.composite import CompositeRecipe
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, direct, engine, expressions
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import request_for
from fusion_assets.systems.built_up.features import labels
from fusion_assets_tests.imagery.archives import GRID, make_item, small_request, write_catalog, write_tif
from fusion_assets_tests.imagery.engines.earth_engine.cases import allowed, assert_same, demo_request
from fusion_assets_tests.test_real_places import STUDIES
from fusion_assets_tests.whole_studies import load_study


@pytest.fixture(scope="module")
def demo(catalog):
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


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("product", ["sentinel2_l2a", "sentinel2_l1c", "viirs_monthly", "ghsl_smod_p2016"])
def test_demo_scenes(product, k, demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, product, k, edge=1000 if k > 1 or product.startswith("ghsl") else 250)
    expected, found = both(request, service, tmp_path)
    assert_same(expected, found)
    assert expected["observation_count"].values.max() > 0


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_grid_whose_crs_has_no_epsg_code(demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, "viirs_monthly", 4)
    outline = shapely.geometry.shape(request.geometry).buffer(-0.02)
    request = dataclasses.replace(request, grid=Grid.from_geometry(outline, "ESRI:54009", 1000))
    assert_same(*both(request, service, tmp_path))


@pytest.mark.slow
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


@pytest.mark.slow
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
    direct.image_of.cache_clear()
    mistake(monkeypatch)
    try:
        expected, found = both(request, service, tmp_path)
        with pytest.raises(AssertionError):
            assert_same(expected, found)
    finally:
        direct.image_of.cache_clear()


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


def item_at(root, name, bands, start, end=None, properties=None):
    """An item over files that hold one number each."""
    assets = {}
    for key, number in bands.items():
        values = np.asarray(number)
        values = np.full(GRID.shape, values) if values.ndim == 0 else values
        assets[key] = write_tif(root / f"{name}_{key}.tif", values)
    return make_item(name, assets, start, end, properties)


def parity(root, product, collection, items, **changes):
    """Pixels of a request for one product, the same from both engines."""
    recipe = PRODUCTS[product]
    asked = CompositeRecipe(recipe.default_bands, recipe.mask, recipe.resampling, recipe.reducer)
    catalog = write_catalog(root / "catalog", {collection: items})
    request = small_request(catalog, **{"product": product, "recipe": asked, "collections": (collection,), **changes})
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        expected, found = both(allowed(request), service, root)
    assert_same(expected, found)
    return expected


def year(number, month=1):
    return dt.datetime(number, month, 1, tzinfo=dt.UTC)


WHOLE_2020 = (dt.date(2020, 1, 1), dt.date(2020, 12, 31))


def test_a_year_that_ends_at_the_next_ones_first_moment_is_not_in_the_next(tmp_path):
    lights = {2019: np.float32(10), 2020: np.float32(100)}
    items = [item_at(tmp_path, f"y{n}", {"average": value}, year(n), year(n + 1)) for n, value in lights.items()]
    made = parity(tmp_path, "viirs_annual", "viirs-dnb-annual", items, window=WHOLE_2020, year=2020)
    assert (made["avg_rad"] == 100).all() and (made["observation_count"] == 1).all()


def test_a_month_that_ends_at_the_next_ones_first_moment_is_not_in_the_next(tmp_path):
    items = [
        item_at(tmp_path, f"m{n}", {"avg_rad": np.float32(n), "cf_cvg": np.int16(1)}, year(2020, n), year(2020, n + 1))
        for n in (1, 2, 3)
    ]
    february = (dt.date(2020, 2, 1), dt.date(2020, 2, 29))
    made = parity(tmp_path, "viirs_monthly", "viirs-dnb-monthly", items, window=february, year=2020)
    assert (made["avg_rad"] == 2).all()


def test_months_without_a_clear_night_and_without_coverage(tmp_path):
    items = [
        item_at(tmp_path, f"m{n}", {"avg_rad": np.float32(value)}, year(2020, n), year(2020, n + 1))
        for n, value in enumerate((0, 0, 0, 5, 7), 1)
    ]
    made = parity(tmp_path, "viirs_monthly", "viirs-dnb-monthly", items, window=WHOLE_2020, year=2020)
    assert (made["avg_rad"] == 6).all() and (made["observation_count"] == 2).all()


def test_built_up_surface_of_finer_cells_is_averaged_by_area(tmp_path):
    cells = np.random.default_rng(0).integers(0, 101, GRID.shape).astype(np.uint16)
    items = [item_at(tmp_path, "b", {"built_surface": cells}, year(2020), year(2021))]
    coarse = Grid(GRID.crs, GRID.transform @ Affine.scale(10), GRID.height // 10, GRID.width // 10)
    made = parity(
        tmp_path, "ghsl_built_surface", "ghsl-built-surface", items, window=WHOLE_2020, year=2020, grid=coarse
    )
    means = cells.reshape(coarse.height, 10, coarse.width, 10).mean(axis=(1, 3))
    np.testing.assert_allclose(made["built_surface"], means, rtol=1e-5)


def test_an_image_that_lacks_its_mask_is_left_out_by_both_as_far_as_is_tolerated(tmp_path):
    scenes = [
        item_at(
            tmp_path, f"s{n}", {"blue": np.uint16(1000 + n), "scl": np.uint8(4)} if n else {"blue": np.uint16(9999)},
            dt.datetime(2019, 7, 1 + n, 10, tzinfo=dt.UTC), properties={"earthsearch:boa_offset_applied": True},
        )
        for n in range(4)
    ]  # fmt: skip
    catalog = write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": scenes})
    request = small_request(catalog)
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        values = []
        for made in (
            ArchiveEngine(Storage(tmp_path / "archive")),
            EarthEngine(Storage(tmp_path / "earth"), Connection("demo", service.url)),
        ):
            export = made.submit(request)
            unreadable = made.unreadable(export)
            assert list(unreadable) == ["s0"] and "mask" in unreadable["s0"].reason
            with pytest.raises(UnusableScene, match="no mask"):
                made.collect(export)
            assert made.states([export])[0].scenes == export.scenes
            values.append(made.collect(export, list(unreadable)).compute())
            series = dataclasses.replace(request, recipe=dataclasses.replace(request.recipe, reducer="none"))
            assert [scene for scene, why in made.readability(series).items() if why] == ["s0"]
            assert made.series(series, without=["s0"]).sizes["time"] == 3
    assert_same(*values)
    assert np.allclose(values[0]["B02"], 0.1002) and (values[0]["observation_count"] == 3).all()


def test_of_two_processings_of_one_acquisition_both_take_the_newer(tmp_path):
    moment = dt.datetime(2019, 7, 1, 10, tzinfo=dt.UTC)
    versions = {"20190701T100000_20190701T110000_T31UES": 1, "20190701T100000_20230701T110000_T31UES": 3}
    items = [
        item_at(
            tmp_path, name, {"blue": np.uint16(1000 * value), "scl": np.uint8(4)}, moment,
            properties={"earthsearch:boa_offset_applied": True, "platform": "sentinel-2a"},
        )
        for name, value in versions.items()
    ]  # fmt: skip
    recipe = CompositeRecipe(("B02",), PRODUCTS["sentinel2_l2a"].mask)
    made = parity(tmp_path, "sentinel2_l2a", "sentinel-2-l2a", items, recipe=recipe)
    assert np.allclose(made["B02"], 0.3) and (made["observation_count"] == 1).all()
