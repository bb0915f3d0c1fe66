"""Which asset of an item, and which band of its file, holds what."""

import math

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.item_assets import is_subdataset, location
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Mask
from fusion_assets.imagery.scenes import scene_from_item
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets_tests.imagery.archives import bare_item

L2A = PRODUCTS["sentinel2_l2a"]
RED = ("red", "B04", "B4")


def described(*names, field="eo:bands", **more):
    return {field: [{"name": name, **more} for name in names]}


def where(assets, fields=None, chosen="", spellings=RED):
    found = location(bare_item("item", assets, fields=fields), spellings, chosen)
    return None if found is None else (found.key, found.number)


@pytest.mark.parametrize(
    ("assets", "fields", "found"),
    [
        (["red", "B04"], {}, ("red", None)),
        (["B04"], {"B04": described("B04")}, ("B04", None)),
        # One file of several bands, in every way of describing them.
        (["image"], {"image": described("B02", "B03", "B04")}, ("image", 3)),
        (["image"], {"image": described("B02", "B03", "B04", field="bands")}, ("image", 3)),
        (["image"], {"image": {"eo:bands": [{"name": "1", "common_name": "red"}, {"name": "2"}]}}, ("image", 1)),
        (["image"], {"image": {"bands": [{"eo:common_name": "nir"}, {"eo:common_name": "red"}]}}, ("image", 2)),
        (["B04"], {"B04": described("B02", "b04")}, ("B04", 2)),
        # Nothing in the item says which: the file must.
        (["image"], {}, ("image", None)),
        (["image"], {"image": described("first", "second")}, None),
        # Several might hold it.
        (["fine", "coarse"], {"fine": described("B04"), "coarse": described("B04")}, None),
        (["green"], {}, None),
        (["hh"], {}, None),
    ],
)
def test_a_band_is_found_where_it_is_called_so(assets, fields, found):
    assert where(assets, fields) == found


def test_pictures_are_not_data():
    item = bare_item("item", ["visual"], fields={"visual": described("B04", "B03", "B02")})
    item.assets["visual"].roles = ["visual"]
    assert location(item, RED) is None


@pytest.mark.parametrize(
    ("chosen", "found"), [("odd", ("odd", None)), ("odd#3", ("odd", 3)), ("odd#1", ("odd", 1)), ("other", None)]
)
def test_the_study_may_say_where_a_band_is(chosen, found):
    assert where(["red", "odd"], chosen=chosen) == found


def test_what_is_declared_is_that_of_the_band():
    numbers = {"raster:bands": [{"scale": 1, "nodata": 7}, {"scale": 0.5, "offset": 3}]}
    fields = {"image": {**described("B02", "B04"), **numbers, "nodata": 9}}
    assert location(bare_item("i", ["image"], fields=fields), RED).declared == {"scale": 0.5, "offset": 3, "nodata": 9}
    unnamed = location(bare_item("i", ["red"], fields={"red": numbers}), RED)
    assert unnamed.unclear
    with pytest.raises(UnusableScene, match="none that is called B04"):
        scene_from_item(bare_item("i", ["red"], fields={"red": numbers}), L2A, ["B04"], Mask("none"))


def test_a_study_s_assets_reach_the_scene():
    item = bare_item("item", ["a", "b"])
    scene = scene_from_item(item, L2A, ["B04"], L2A.mask, {"B04": "a#4", "mask": "b"})
    assert (scene.bands["B04"].href, scene.bands["B04"].band) == ("/archive/a.tif", 4)
    assert scene.mask.href == "/archive/b.tif"
    with pytest.raises(UnusableScene, match="the study says c"):
        scene_from_item(item, L2A, ["B04"], Mask("none"), {"B04": "c"})


@pytest.mark.parametrize(
    ("href", "part"),
    [
        ("NETCDF:lights.nc:radiance", True),
        ('netcdf:"/archive/lights.nc":radiance', True),
        ("HDF5:a.h5://group/band", True),
        ("https://host/a.tif", False),
        ("s3://bucket/a.tif", False),
        ("/vsicurl/https://host/a.tif", False),
        ("../a.tif", False),
        ("C:/archive/a.tif", False),
    ],
)
def test_parts_of_files_are_told_from_files(href, part):
    assert is_subdataset(href) == part
    item = bare_item("item", ["red"])
    item.assets["red"].href = href
    if part:
        with pytest.raises(UnusableScene, match="several data sets") as caught:
            scene_from_item(item, L2A, ["B04"], Mask("none"))
        assert "gdal_translate" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("scale", "offset", "nodata") for value in ("x", [1], {}, True)),
        *((name, value) for name in ("scale", "offset") for value in ("nan", "inf", math.nan)),
        *(("scale", value) for value in (0, -1, "-0.0001")),
    ],
)
def test_numbers_that_cannot_be_are_refused(name, value):
    item = bare_item("item", ["red"], fields={"red": {"raster:bands": [{name: value}]}})
    with pytest.raises(FusionError, match=f"declares the {name}"):
        scene_from_item(item, L2A, ["B04"], Mask("none"))


@pytest.mark.parametrize("declared", [{"scale": 2}, {"offset": 1}])
def test_classes_have_no_scale(declared):
    cover = PRODUCTS["land_cover"]
    item = bare_item("item", ["lulc"], fields={"lulc": {"raster:bands": [declared]}})
    with pytest.raises(UnusableScene, match="of classes"):
        scene_from_item(item, cover, ["land_cover"], Mask("none"))
    plain = bare_item("item", ["lulc"], fields={"lulc": {"raster:bands": [{"scale": 1, "offset": 0}]}})
    assert scene_from_item(plain, cover, ["land_cover"], Mask("none")).bands["land_cover"].scale == 1


def test_odd_members_of_items_are_no_tracebacks():
    odd = {"sat:relative_orbit": "R051", "sat:orbit_state": None, "platform": None}
    item = bare_item("item", ["red"], properties=odd, fields={"red": {"bands": 3, "eo:bands": None}})
    scene = scene_from_item(item, L2A, ["B04"], Mask("none"))
    assert (scene.orbit, scene.direction, scene.platform) == (None, "", "")
