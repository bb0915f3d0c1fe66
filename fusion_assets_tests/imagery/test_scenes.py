"""What STAC items mean: assets, offsets, no-data, masks, passes."""

import dataclasses
import datetime as dt
import math
import pickle

import numpy as np
import pystac
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.placement import Lattice
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.compositing.headers import Header, settled
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Mask
from fusion_assets.imagery.scenes import SceneFile, interval, scene_from_item
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets_tests.imagery.archives import FIRST_DAY, bare_item, make_scene

L2A, L1C = PRODUCTS["sentinel2_l2a"], PRODUCTS["sentinel2_l1c"]
NO_MASK = Mask("none")
OLD, NEW = {"s2:processing_baseline": "03.01"}, {"s2:processing_baseline": "05.09"}
APPLIED, NOT_APPLIED = {"earthsearch:boa_offset_applied": True}, {"earthsearch:boa_offset_applied": False}
SHIFTED, PLAIN = {"raster:bands": [{"scale": 1e-4, "offset": -0.1}]}, {"raster:bands": [{"scale": 1e-4, "offset": 0}]}
BANDS_11 = {"bands": [{"name": "B02", "raster:scale": 1e-4, "raster:offset": -0.1, "nodata": 0}]}
FIELDS_11 = {"raster:scale": 1e-4, "raster:offset": -0.1, "nodata": 0}


def resolve(properties=None, fields=None, key="blue", product=L2A, mask=NO_MASK, moment=FIRST_DAY, assets=None):
    item = bare_item("item", assets or [key], moment, properties, {key: fields or {}})
    return scene_from_item(item, product, ["B02"], mask)


@pytest.mark.parametrize(
    ("properties", "fields", "offset", "flagged"),
    [
        # Planetary Computer: nothing but the processing baseline.
        ({}, {}, 0.0, True),
        (OLD, {}, 0.0, False),
        ({"s2:processing_baseline": "04.00"}, {}, -0.1, False),
        (NEW, {}, -0.1, False),
        ({"s2:processing_baseline": "n/a"}, {}, 0.0, True),
        # Earth Search: its flag before raster:bands.
        (APPLIED | NEW, PLAIN, 0.0, False),
        (APPLIED | NEW, {}, 0.0, False),
        (APPLIED | NEW, SHIFTED, 0.0, True),
        (NOT_APPLIED | NEW, SHIFTED, -0.1, False),
        (NOT_APPLIED | NEW, PLAIN, -0.1, True),
        (NOT_APPLIED | NEW, {}, -0.1, False),
        (NOT_APPLIED | OLD, PLAIN, 0.0, False),
        (NOT_APPLIED | OLD, SHIFTED, 0.0, True),
        (NOT_APPLIED, SHIFTED, -0.1, False),
        # Declared only, in the spelling of STAC 1.0 and of 1.1.
        ({}, SHIFTED, -0.1, False),
        (NEW, SHIFTED, -0.1, False),
        (OLD, SHIFTED, -0.1, True),
        (NEW, PLAIN, 0.0, True),
        ({}, BANDS_11, -0.1, False),
        ({}, FIELDS_11, -0.1, False),
        (APPLIED | NEW, BANDS_11, 0.0, True),
    ],
)
def test_offset_of_a_sentinel2_scene(properties, fields, offset, flagged):
    scene = resolve(properties, fields)
    assert scene.bands["B02"].offset == offset
    assert scene.bands["B02"].scale == 1e-4
    assert bool(scene.flags) == flagged
    assert all("item" in flag for flag in scene.flags)


def test_a_conflict_is_flagged_once_for_all_bands():
    item = bare_item("item", ["blue", "red"], properties=APPLIED, fields={"blue": SHIFTED, "red": SHIFTED})
    assert len(scene_from_item(item, L2A, ["B02", "B04"], NO_MASK).flags) == 1


def test_other_products_take_what_the_item_declares():
    fields = {"raster:bands": [{"scale": 0.5, "offset": 3, "nodata": "nan"}]}
    lights = scene_from_item(
        bare_item("m", ["avg_rad"], properties=NEW, fields={"avg_rad": fields}),
        PRODUCTS["viirs_monthly"],
        ["avg_rad"],
        NO_MASK,
    ).bands["avg_rad"]
    assert (lights.scale, lights.offset) == (0.5, 3)
    assert math.isnan(lights.nodata)


@pytest.mark.parametrize("key", ["blue", "B02", "B2"])
def test_every_spelling_of_an_asset_is_found(key):
    assert resolve(key=key).bands["B02"].href == f"/archive/{key}.tif"


def test_a_missing_band_is_named_with_what_there_is():
    with pytest.raises(FusionError, match=r"item: has no asset for band B02; it has green, red"):
        resolve(assets=["red", "green"])


def test_a_missing_mask_is_an_error_unless_the_product_says_otherwise():
    with pytest.raises(FusionError, match="no mask asset") as caught:
        resolve(mask=L2A.mask)
    assert "mask: none" in caught.value.remedy
    assert resolve(mask=L2A.mask, assets=["blue", "SCL"]).mask.href == "/archive/SCL.tif"
    lights = PRODUCTS["viirs_monthly"]
    assert scene_from_item(bare_item("m", ["avg_rad"]), lights, ["avg_rad"], lights.mask).mask is None


@pytest.mark.parametrize(
    ("day", "refused"),
    [("2022-01-20", False), ("2022-02-01", True), ("2023-06-01", True), ("2024-02-28", True), ("2024-03-05", False)],
)
def test_qa60_is_refused_in_its_gap(day, refused):
    moment = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)

    def scene(mask):
        return resolve(key="B02", product=L1C, mask=mask, assets=["B02", "QA60"], moment=moment)

    if refused:
        with pytest.raises(FusionError, match="gap of the mask band QA60") as caught:
            scene(L1C.mask)
        assert "cloud_score: 0.6" in caught.value.remedy
    else:
        assert scene(L1C.mask).mask is not None
    assert scene(NO_MASK).mask is None


def test_the_item_says_what_no_data_is_before_the_files_tag_and_the_product():
    def settled_to(file, tag, dtype="uint16", masked=False):
        header = Header(Lattice("EPSG:32631", Affine.identity(), 1, 1), np.dtype(dtype), tag, (1, 1), None, "GTiff")
        return settled(file, dataclasses.replace(header, masked=masked)).nodata

    assert settled_to(SceneFile("a", nodata=7, usual_nodata=0), 255) == 7
    assert settled_to(SceneFile("a", usual_nodata=0), 255) == 255
    assert settled_to(SceneFile("a", usual_nodata=0), None) == 0
    assert settled_to(SceneFile("a", usual_nodata=0), None, masked=True) is None
    assert settled_to(SceneFile("a", nodata=math.nan), -9999, "float32") == -9999
    assert settled_to(SceneFile("a"), None) is None
    assert resolve(fields=BANDS_11).bands["B02"].nodata == 0
    assert resolve(fields={"raster:bands": [{"nodata": 65535}]}).bands["B02"].nodata == 65535


def test_interval_reads_start_and_end_or_the_instant():
    item = bare_item(properties={"start_datetime": "2019-07-01T00:00:00Z", "end_datetime": "2019-07-31T00:00:00Z"})
    assert [moment.day for moment in interval(item)] == [1, 31]
    assert interval(bare_item()) == (FIRST_DAY, FIRST_DAY)
    timeless = bare_item()
    timeless.datetime = None
    with pytest.raises(FusionError, match="neither"):
        interval(timeless)


def after(seconds):
    return FIRST_DAY + dt.timedelta(seconds=seconds)


def test_granules_of_one_pass_are_one_acquisition():
    scenes = [
        make_scene("31UES", {}, moment=after(14)),
        make_scene("31UDS", {}, moment=after(0)),
        make_scene("31UFS", {}, moment=after(70)),  # within a minute of its neighbour, not of the first
        make_scene("other satellite", {}, moment=after(5), platform="sentinel-2b"),
        make_scene("next pass", {}, moment=after(6000)),
    ]
    groups = [[scene.id for scene in group] for group in acquisitions(scenes)]
    assert groups == [["31UDS", "31UES", "31UFS"], ["other satellite"], ["next pass"]]
    assert acquisitions(scenes[::-1]) == acquisitions(scenes)


def test_errors_cross_process_boundaries_whole():
    error = pickle.loads(pickle.dumps(UnreadableFile("/a/b.tif", "truncated")))
    assert (error.href, error.reason) == ("/a/b.tif", "truncated")
    assert "/a/b.tif cannot be read after 3 attempts: truncated" in str(error)


@pytest.mark.parametrize(
    ("href", "self_href"),
    [
        *((href, None) for href in ("/etc/hostname", "file:///etc/hostname", "/vsizip/a.zip/b.tif", "../x.tif")),
        *((href, "https://host/items/s.json") for href in ("file:///etc/hostname", "/vsizip/a.zip/b.tif")),
    ],
)
def test_items_from_the_web_name_no_file_of_this_machine(href, self_href):
    item = bare_item("s", ["blue"])
    item.assets["blue"].href = href
    item.set_root(pystac.Catalog("api", "on the web", href="https://host/api"))
    item.set_self_href(self_href)
    with pytest.raises(UnusableScene, match="no address on the web"):
        scene_from_item(item, L2A, ["B02"], NO_MASK)


@pytest.mark.parametrize("href", ["/etc/hostname", "x.tif", "https://elsewhere/x.tif"])
def test_items_from_the_web_name_files_there(href):
    item = bare_item("s", ["blue"])
    item.assets["blue"].href = href
    item.set_self_href("https://host/items/s.json")
    assert scene_from_item(item, L2A, ["B02"], NO_MASK).bands["B02"].href.startswith("https://")
