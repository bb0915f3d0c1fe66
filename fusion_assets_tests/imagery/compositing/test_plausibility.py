"""Scenes whose numbers cannot be what their items say, and those that need not be."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
from shapely.geometry import mapping

from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import (
    FIRST_DAY,
    GRID,
    SHAPE,
    make_item,
    small_request,
    write_catalog,
    write_tif,
)

DARK = {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.09"}
PLAIN = {"s2:processing_baseline": "02.12"}
NOISE = np.random.default_rng(1).normal(0, 1, SHAPE)


def archive(root, numbers, properties=None, fields=None, cloud=(), collection="sentinel-2-l2a", keys=("blue", "nir")):
    """A catalog of one scene whose bands hold `numbers`; rows named in `cloud` are not clear."""
    assets = {key: write_tif(root / f"{key}.tif", values) for key, values in zip(keys, numbers, strict=True)}
    declared = {key: {"raster:bands": [fields]} for key in keys} if fields else {}
    if collection == "sentinel-2-l2a":
        classes = np.full(SHAPE, 4, np.uint8)
        classes[list(cloud)] = 9
        assets["scl"] = write_tif(root / "scl.tif", classes)
    item = make_item("scene", assets, FIRST_DAY, properties=properties, fields=declared)
    return write_catalog(root / "catalog", {collection: [item]})


def request_of(catalog, product="sentinel2_l2a", bands=("B02", "B08"), mask=None):
    recipe = CompositeRecipe(bands, PRODUCTS[product].mask if mask is None else mask)
    return small_request(catalog, product=product, recipe=recipe, collections=PRODUCTS[product].collections)


def doubts_of(root, request):
    engine = ArchiveEngine(Storage(str(root)))
    engine.collect(engine.submit(request))
    once = engine.doubts(request)
    assert engine.doubts(request) == once
    return once


def dn(reflectance):
    return np.clip(10_000 * reflectance, 1, 65_535).astype(np.uint16)


def test_a_scene_that_was_shifted_back_twice_is_doubted(tmp_path):
    vegetation = dn(0.04 + 0.01 * NOISE), dn(0.35 + 0.02 * NOISE)
    catalog = archive(tmp_path, vegetation, DARK)
    (doubt,) = doubts_of(tmp_path / "s", request_of(catalog))
    assert doubt.startswith("scene: 100% of the clear values of B02 are at or below 0 after the offset -0.1")


def test_a_scene_that_is_shifted_as_it_says_is_not_doubted(tmp_path):
    vegetation = dn(0.14 + 0.01 * NOISE), dn(0.45 + 0.02 * NOISE)
    assert doubts_of(tmp_path / "s", request_of(archive(tmp_path, vegetation, DARK))) == ()


def test_only_clear_pixels_are_looked_at(tmp_path):
    blue = 0.14 + 0.01 * NOISE
    blue[:20] = 0.01
    catalog = archive(tmp_path, (dn(blue), dn(blue + 0.3)), DARK, cloud=range(20))
    assert doubts_of(tmp_path / "s", request_of(catalog)) == ()
    assert doubts_of(tmp_path / "s", request_of(catalog, mask=Mask("none")))


@pytest.mark.parametrize(
    ("values", "scale", "says"),
    [
        (0.2 + 0.01 * NOISE, 1e-4, "no clear pixel reflects more than"),
        (2000 + 100 * NOISE, 1, "median reflectance of B0"),
        (0.2 + 0.01 * NOISE, 1, None),
        (2000 + 100 * NOISE, 1e-4, None),
    ],
)
def test_reflectance_that_cannot_be_is_refused(tmp_path, values, scale, says):
    floats = (values.astype(np.float32),) * 2
    request = request_of(archive(tmp_path, floats, PLAIN, {"scale": scale}))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    export = engine.submit(request)
    if says is None:
        engine.collect(export)
        return
    with pytest.raises(UnusableScene, match=says):
        engine.collect(export)
    assert list(engine.unreadable(export)) == ["scene"]


DECIBELS = (-12 + 3 * NOISE).astype(np.float32)
POWER = (10 ** (DECIBELS / 10)).astype(np.float32)


@pytest.mark.parametrize(
    ("product", "collection", "values", "fields", "says"),
    [
        ("sentinel1_grd", "sentinel-1-grd", DECIBELS, None, None),
        ("sentinel1_grd", "sentinel-1-grd", POWER, None, "linear power or digital numbers"),
        ("sentinel1_grd", "sentinel-1-grd", dn(POWER), {"scale": 1e-4}, "linear power or digital numbers"),
        ("sentinel1_grd", "sentinel-1-grd", dn(POWER), None, "neither the item nor the file says"),
        ("sentinel1_grd", "sentinel-1-grd", (100 * DECIBELS).astype(np.int16), {"scale": 0.01}, None),
        ("sentinel1_rtc", "sentinel-1-rtc", POWER, None, None),
        ("sentinel1_rtc", "sentinel-1-rtc", DECIBELS, None, "decibels, not linear power"),
    ],
)
def test_radar_in_another_unit_is_refused(tmp_path, product, collection, values, fields, says):
    catalog = archive(tmp_path, (values, values), {}, fields, collection=collection, keys=("vv", "vh"))
    request = request_of(catalog, product, ("VV", "VH"))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    if says is None:
        assert engine.series(request).sizes["time"] == 1
        assert engine.doubts(request) == ()
        return
    with pytest.raises(UnusableScene, match=says):
        engine.series(request)
    assert engine.readability(request)["scene"] is not None


def test_what_series_say_of_items_and_pixels(tmp_path):
    vegetation = dn(0.04 + 0.01 * NOISE), dn(0.35 + 0.02 * NOISE)
    catalog = archive(tmp_path, vegetation, {**DARK, "s2:processing_baseline": "N0509"}, {"offset": 0, "scale": 1e-4})
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    request = request_of(catalog)
    request = dataclasses.replace(request, recipe=dataclasses.replace(request.recipe, reducer="none"))
    engine.series(request)
    by_item, by_pixels = engine.doubts(request)
    assert "but 0 is also indicated" in by_item and "after the offset -0.1" in by_pixels


def test_a_scene_beside_the_region_is_not_judged(tmp_path):
    catalog = archive(tmp_path, (dn(0.2 + 0.01 * NOISE),) * 2, PLAIN)
    west = GRID.window(0, -SHAPE[1] // 2 - 1, *SHAPE)
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    request = request_of(catalog)
    moved = small_request(
        catalog, grid=west, recipe=request.recipe, geometry=mapping(request.area.buffer(0.01)),
        window=(dt.date(2019, 7, 1), dt.date(2019, 7, 2)),
    )  # fmt: skip
    assert engine.collect(engine.submit(moved)).sizes["x"] == SHAPE[1]
