"""Landsat's numbers: reflectance, kelvin, both masks, tiers, levels, and where its bands are."""

import datetime as dt

import numpy as np
import pystac
import pytest

from fusion_assets.imagery.engines.archive.engine import ArchiveEngine, scenes_for
from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import product_facts
from fusion_assets.imagery.scenes import scene_from_item, tier_of
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import full_recipe
from fusion_assets.study.product_use import ProductUse
from fusion_assets_tests.imagery import endpoint_items as endpoints
from fusion_assets_tests.imagery.archives import write_catalog
from fusion_assets_tests.imagery.landsat_scenes import (
    BANDS,
    LAYERS,
    PIXELS,
    landsat_item,
    landsat_request,
    name_of,
    real_pixels,
    uniform,
)

DAY = dt.date(2022, 1, 10)
LANDSAT = PRODUCTS["landsat_c2_l2"]


@pytest.fixture
def engine(tmp_path):
    return ArchiveEngine(Storage(tmp_path / "storage"))


def collected(engine, root, items, **changes):
    export = engine.submit(landsat_request(write_catalog(root / "catalog", {"landsat-c2-l2": items}), **changes))
    return export, engine.collect(export).compute()


@pytest.mark.parametrize("declared", [True, False], ids=["by the item", "by the product"])
def test_real_numbers_become_reflectance_and_kelvin_where_no_bit_hides_the_ground(engine, tmp_path, declared):
    layers = real_pixels()
    export, pixels = collected(engine, tmp_path, [landsat_item(tmp_path, DAY, layers, declared=declared)])
    assert export.flags == () and engine.doubts(export.request) == ()
    clear = np.array([not hidden for hidden in PIXELS.values()])
    assert clear.sum() == 4
    for band, stored in zip(BANDS, layers[2:, 0].astype(float), strict=True):
        physical = stored * 0.00341802 + 149 if band == "ST_B10" else stored * 2.75e-5 - 0.2
        expected = np.where(clear & (stored > 0), physical, np.nan)
        np.testing.assert_allclose(pixels[band][0], expected, rtol=1e-6, err_msg=band)
    assert 300 < pixels["ST_B10"][0, 2] < 312 and 0.03 < pixels["SR_B4"][0, 2] < 0.06
    # Without a temperature a pixel is not observed whole; the reflectance is there all the same.
    np.testing.assert_array_equal(pixels["observation_count"][0], clear & (layers[9, 0] > 0))
    assert np.isfinite(pixels["SR_B4"][0, -1]) and np.isnan(pixels["ST_B10"][0, -1])


@pytest.mark.parametrize("bit", range(8))
def test_each_bit_of_quality(engine, tmp_path, bit):
    _, pixels = collected(engine, tmp_path, [landsat_item(tmp_path, DAY, uniform(1 << bit))])
    assert bool(np.isfinite(pixels["SR_B4"]).all()) == (bit > 4), "snow (5), clear (6) and water (7) are observed"
    assert bool(np.isfinite(pixels["SR_B4"]).any()) == (bit > 4)


@pytest.mark.parametrize("bit", [0, 1, 2, 3, 4, 5, 6, 8, 11])
def test_each_bit_of_saturation(engine, tmp_path, bit):
    _, pixels = collected(engine, tmp_path, [landsat_item(tmp_path, DAY, uniform(saturated=1 << bit))])
    assert all(np.isnan(pixels[band]).all() for band in BANDS) and (pixels["observation_count"] == 0).all()


def test_no_mask_means_neither():
    recipe = full_recipe(ProductUse(product="landsat_c2_l2", mask="none"), 30)
    assert recipe.mask.kind == "none" and recipe.more_masks == ()
    both = full_recipe(ProductUse(product="landsat_c2_l2"), 90)
    assert both.bands == BANDS and both.subdivision == 3
    assert [mask.earth_engine for mask in (both.mask, *both.more_masks)] == ["QA_PIXEL", "QA_RADSAT"]


def test_the_median_of_both_satellites_leaves_out_other_tiers_and_older_satellites(engine, tmp_path):
    days = [DAY + dt.timedelta(days=8 * n) for n in range(5)]
    items = [
        landsat_item(tmp_path, days[0], uniform(reflectance=9_000, temperature=41_000)),
        landsat_item(tmp_path, days[1], uniform(reflectance=11_000, temperature=43_000), 9, platform="LANDSAT_9"),
        landsat_item(tmp_path, days[2], uniform(reflectance=12_000, temperature=48_000)),
        landsat_item(tmp_path, days[3], uniform(reflectance=40_000), tier="T2"),
        landsat_item(tmp_path, days[4], uniform(reflectance=40_000), platform="landsat-7"),
    ]
    export, pixels = collected(engine, tmp_path, items)
    assert export.scenes == tuple(sorted(item.id for item in items[:3]))
    np.testing.assert_allclose(pixels["SR_B5"], 11_000 * 2.75e-5 - 0.2, rtol=1e-6)
    np.testing.assert_allclose(pixels["ST_B10"], 43_000 * 0.00341802 + 149, rtol=1e-6)
    assert (pixels["observation_count"] == 3).all()


def test_a_scene_without_temperature_is_named_and_left_out_as_far_as_is_tolerated(engine, tmp_path):
    items = [
        landsat_item(tmp_path, DAY, uniform()),
        landsat_item(tmp_path, DAY + dt.timedelta(days=16), uniform(), level="L2SR"),
    ]
    export = engine.submit(landsat_request(write_catalog(tmp_path / "catalog", {"landsat-c2-l2": items})))
    lacking = engine.unreadable(export)
    assert list(lacking) == [items[1].id] and "no asset for band ST_B10" in lacking[items[1].id].reason
    with pytest.raises(UnusableScene, match="L2SR"):
        engine.collect(export)
    assert (engine.collect(export, list(lacking))["observation_count"] == 1).all()


def test_of_two_processings_of_a_scene_the_newer_counts(engine, tmp_path):
    older, newer = (landsat_item(tmp_path / str(n), DAY, uniform(reflectance=n)) for n in (20_000, 10_000))
    older.id = older.id.replace("20220825", "20220112")
    export, pixels = collected(engine, tmp_path, [older, newer])
    assert export.scenes == (newer.id,) and "newer processing" in export.flags[0]
    np.testing.assert_allclose(pixels["SR_B4"], 0.075, rtol=1e-5)


def test_usgs_keeps_temperature_in_a_collection_of_its_own(engine, tmp_path):
    first, second = DAY, DAY + dt.timedelta(days=16)
    reflectance = [
        landsat_item(tmp_path / "sr", first, uniform(), keys=LAYERS[:9]),
        landsat_item(tmp_path / "sr", second, uniform(), keys=LAYERS[:9]),
    ]
    temperature = landsat_item(tmp_path / "st", first, uniform(), keys=("lwir11", "qa_pixel", "qa_radsat"))
    for item, end in ((reflectance[0], "_SR"), (reflectance[1], "_SR"), (temperature, "_ST")):
        item.id += end
    catalog = write_catalog(
        tmp_path / "catalog", {"landsat-c2l2-sr": reflectance, "landsat-c2l2-st": [temperature], "other": []}
    )
    request = landsat_request(catalog, collections=LANDSAT.collections)
    assert [scene.problem is None for scene in scenes_for(request)] == [True, False]
    export = engine.submit(request)
    pixels = engine.collect(export, [f"{name_of(second)}_SR"]).compute()
    np.testing.assert_allclose(pixels["ST_B10"], 40_000 * 0.00341802 + 149, rtol=1e-6)
    np.testing.assert_allclose(pixels["SR_B1"], 0.075, rtol=1e-5)


@pytest.mark.parametrize("collection", ["landsat-c2-l2", "landsat-c2l2-sr"])
def test_all_assets_of_an_endpoint_are_found(collection):
    item = pystac.Item.from_dict(endpoints.landsat(collection))
    recipe = full_recipe(ProductUse(product="landsat_c2_l2"), 30)
    if collection == "landsat-c2l2-sr":
        with pytest.raises(UnusableScene, match="ST_B10"):
            scene_from_item(item, LANDSAT, recipe.bands, recipe.mask, None, recipe.more_masks)
        return
    scene = scene_from_item(item, LANDSAT, recipe.bands, recipe.mask, None, recipe.more_masks)
    assert scene.bands["ST_B10"].href.endswith("_ST_B10.TIF")
    assert [(file.scale, file.offset) for file in map(scene.bands.get, BANDS)] == [
        *[(2.75e-5, -0.2)] * 7,
        (0.00341802, 149.0),
    ]
    assert [file.href[-13:] for file in scene.more_masks] == ["QA_RADSAT.TIF"] and scene.tile == "198025"


@pytest.mark.parametrize(
    ("name", "properties", "tier"),
    [
        ("LC08_L2SP_198025_20230615_20230617_02_T1", {}, "T1"),
        ("LC08_L2SP_198025_20230615_02_T2_SR", {}, "T2"),
        ("LC08_L2SP_198025_20230615_02_T2", {"landsat:collection_category": "T1"}, "T1"),
        ("scene", {}, ""),
    ],
)
def test_the_tier_of_an_item(name, properties, tier):
    item = pystac.Item.from_dict(endpoints.landsat())
    item.id, item.properties = name, properties
    assert tier_of(item) == tier


def test_tickets_keep_further_masks_and_others_are_as_they_were(engine, tmp_path):
    export, _ = collected(engine, tmp_path, [landsat_item(tmp_path, DAY, uniform())])
    restored = Export.from_dict(export.to_dict())
    assert restored.request.recipe == export.request.recipe and len(restored.request.recipe.more_masks) == 1
    assert restored.request.recipe_digest == export.request.recipe_digest


@pytest.mark.parametrize(
    ("product", "facts"),
    [("sentinel2_l2a", "d320f4e3def8"), ("landsat_c2_l2", "70002675204a"), ("viirs_annual", "e12daad2046d")],
)
def test_what_recipes_name_changes_no_code_version(product, facts):
    """Code versions are digests of products: these must stay those of stored artifacts."""
    assert digest(product_facts(PRODUCTS[product])) == facts
