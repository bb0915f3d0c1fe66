"""Archives in which some items are not like the others: left out and named, never guessed and never silently taken."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
from shapely.geometry import box, mapping

from fusion_assets.errors import FusionError
from fusion_assets.imagery.acquisitions import acquisitions, newest_processing
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine, scenes_for
from fusion_assets.imagery.engines.tolerance import tolerating
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.scenes import tile_of
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import (
    FIRST_DAY,
    SHAPE,
    make_item,
    make_scene,
    noise,
    small_request,
    write_catalog,
    write_tif,
)

APPLIED = {"earthsearch:boa_offset_applied": True, "platform": "sentinel-2a"}


def item_of(root, name, value, day, assets=("blue", "scl"), properties=None, fields=None):
    files = {"blue": np.full(SHAPE, value, np.uint16), "scl": np.full(SHAPE, 4, np.uint8)}
    paths = {key: write_tif(root / f"files/{name}_{key}.tif", files[key]) for key in assets}
    moment = FIRST_DAY + dt.timedelta(days=day)
    return make_item(name, paths, moment, properties=APPLIED | (properties or {}), fields=fields)


def median_of(engine, request, tolerance):
    """The composite's first pixel, in stored numbers, and the lines on what was left out."""
    export = engine.submit(request)
    made, left_out = tolerating(
        lambda without: engine.collect(export, without).compute(),
        lambda: {**dict.fromkeys(export.scenes), **engine.unreadable(export)},
        request.partition,
        tolerance,
    )
    return round(float(made.B02.values[0, 0]) * 10_000), left_out


@pytest.mark.parametrize("lacking", [["scl"], ["blue"]])
def test_one_item_of_ten_that_lacks_a_band_or_its_mask_is_left_out_and_named(tmp_path, lacking):
    items = [item_of(tmp_path, f"s{day}", 1000 + 100 * day, day) for day in range(9)]
    items.append(item_of(tmp_path, "odd", 60_000, 9, lacking))
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    value, (line,) = median_of(engine, request, 0.1)
    assert value == 1400
    what = "no mask asset" if lacking == ["blue"] else "no asset for band B02"
    assert line.startswith("odd: STAC item odd: has " + what)
    assert any("odd" in flag and what in flag for flag in engine.submit(request).flags)
    with pytest.raises(FusionError, match="1 of 10 scenes") as caught:
        median_of(engine, request, 0.09)
    assert "odd" in caught.value.found and "max_unreadable_share" in caught.value.remedy


def test_items_that_all_lack_something_are_refused_before_anything_is_asked(tmp_path):
    items = [item_of(tmp_path, f"s{day}", 1000, day, ["blue"]) for day in range(2)]
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    with pytest.raises(UnusableScene, match="no mask asset"):
        ArchiveEngine(Storage(str(tmp_path / "s"))).submit(request)


def test_no_data_outside_the_type_is_no_reflectance(tmp_path):
    fields = {"blue": {"raster:bands": [{"nodata": -9999}]}}
    items = [item_of(tmp_path, "a", 0, 0, fields=fields), item_of(tmp_path, "b", 1000, 1)]
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    with pytest.raises(FusionError, match="no data is -9999 by the item, which uint16 cannot hold"):
        median_of(engine, request, 0)
    assert median_of(engine, request, 0.5)[0] == 1000


NAMES = (
    "S2A_MSIL2A_20190701T104031_N0212_R008_T31UES_20190701T131313",
    "S2A_MSIL2A_20190701T104031_N0500_R008_T31UES_20230505T101010",
)


@pytest.mark.parametrize("platforms", [("sentinel-2a", "sentinel-2a"), ("Sentinel-2A", "S2A")])
def test_of_two_processings_of_one_acquisition_the_newer_counts_once(tmp_path, platforms):
    items = [
        item_of(tmp_path, name, value, 0, properties={"platform": platform})
        for name, value, platform in zip(NAMES, (1000, 3000), platforms, strict=True)
    ]
    items.append(item_of(tmp_path, "S2A_T31UES_next", 2000, 5))
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    export = engine.submit(request)
    assert export.scenes == (NAMES[1], "S2A_T31UES_next")
    made = engine.collect(export).compute()
    assert round(float(made.B02[0, 0]) * 10_000) == 2500 and int(made.observation_count[0, 0]) == 2
    assert f"{NAMES[0]}: left out, {NAMES[1]} is a newer processing of it" in export.flags


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"s2:processing_baseline": "02.12"}, {"s2:processing_baseline": "05.00"}),
        ({"created": "2019-07-02T00:00:00Z"}, {"created": "2021-01-01T00:00:00Z"}),
        ({"s2:generation_time": "2019-07-02T00:00:00Z"}, {"s2:generation_time": "2019-07-09T00:00:00Z"}),
    ],
)
def test_what_makes_a_processing_the_newer_one(tmp_path, older, newer):
    tile = {"s2:mgrs_tile": "31UES"}
    items = [
        item_of(tmp_path, "b", 1, 0, properties=older | tile),
        item_of(tmp_path, "a", 2, 0, properties=newer | tile),
    ]
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    assert [scene.id for scene in scenes_for(request)] == ["a"]


@pytest.mark.parametrize("same_version", [True, False])
def test_granules_that_share_a_tile_and_cover_parts_of_it_both_count(tmp_path, same_version):
    """Products are split where a pass is received in pieces: the same tile and time, one part in each."""
    items = []
    for half, (name, value) in enumerate(zip(SPLIT, (1000, 3000), strict=True)):
        rows = slice(0, SHAPE[0] // 2) if half == 0 else slice(SHAPE[0] // 2, None)
        numbers = np.zeros(SHAPE, np.uint16)
        numbers[rows] = value
        item = item_of(tmp_path, name, 1, 0, properties={} if same_version else {"created": f"202{half}-01-01"})
        write_tif(tmp_path / f"files/{name}_blue.tif", numbers)
        west, south, east, north = item.bbox
        middle = (south + north) / 2
        part = (west, middle, east, north) if half == 0 else (west, south, east, middle)
        item.bbox, item.geometry = list(part), mapping(box(*part))
        items.append(item)
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    export = engine.submit(request)
    assert export.scenes == SPLIT and export.flags == ()
    made = engine.collect(export).compute()
    assert round(float(made.B02[0, 0]) * 10_000) == 1000 and round(float(made.B02[-1, 0]) * 10_000) == 3000
    assert (made.observation_count == 1).all()


SPLIT = (
    "S2A_MSIL2A_20190701T104031_N0212_R008_T31UES_20190701T131313",
    "S2A_MSIL2A_20190701T104031_N0212_R008_T31UES_20190701T141515",
)


@pytest.mark.parametrize("platform", ["sentinel-2", "", None])
def test_a_satellite_that_only_the_name_tells_is_the_same(tmp_path, platform):
    items = [
        item_of(tmp_path, name, value, 0, properties={"platform": said})
        for name, value, said in zip(NAMES, (1000, 3000), ("sentinel-2a", platform), strict=True)
    ]
    request = small_request(write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items}))
    assert [scene.id for scene in scenes_for(request)] == [NAMES[1]]


@pytest.mark.parametrize("product", ["viirs_monthly", "ghsl_built_surface"])
def test_two_composites_of_one_time_and_place_are_refused(tmp_path, product):
    recipe = PRODUCTS[product]
    key, start = recipe.default_bands[0], dt.datetime(2019, 7, 1, tzinfo=dt.UTC)
    items = [
        make_item(name, {key: write_tif(tmp_path / f"{name}.tif", np.ones(SHAPE, np.float32))}, start, start)
        for name in ("vcmcfg", "vcmslcfg")
    ]
    request = small_request(
        write_catalog(tmp_path / "catalog", {recipe.collections[0]: items}), product=product,
        recipe=CompositeRecipe(recipe.default_bands, recipe.mask), collections=recipe.collections,
    )  # fmt: skip
    with pytest.raises(FusionError, match=r"items vcmcfg and vcmslcfg of .* are of the same time and place"):
        scenes_for(request)


def test_granules_of_one_pass_and_other_times_are_no_processings_of_each_other():
    scenes = [make_scene("S2A_31UES_a", {}), make_scene("S2A_31UFS_a", {})]
    scenes = [dataclasses.replace(scene, tile=tile_of(scene.id, {})) for scene in scenes]
    later = dataclasses.replace(scenes[0], id="later", start=FIRST_DAY + dt.timedelta(days=1))
    kept, left_out = newest_processing([*scenes, later])
    assert len(kept) == 3 and left_out == []
    assert [len(group) for group in acquisitions(kept)] == [2, 1]


@pytest.mark.parametrize(
    ("name", "properties", "tile"),
    [
        ("S2A_MSIL2A_20190701T104031_N0212_R008_T31UES_20190701T131313", {}, "31UES"),
        ("S2B_4CFK_20230615_0_L2A", {}, "04CFK"),
        ("20190701T104031_20190701T104405_T31UES", {}, "31UES"),
        ("x", {"grid:code": "MGRS-31UES"}, "31UES"),
        ("x", {"mgrs:utm_zone": 4, "mgrs:latitude_band": "C", "mgrs:grid_square": "FK"}, "04CFK"),
        ("x", {"sentinel:utm_zone": 31, "sentinel:latitude_band": "U", "sentinel:grid_square": "ES"}, "31UES"),
        ("S1A_IW_GRDH_1SDV_20190701T055000_20190701T055025", {}, ""),
        ("LC08_L2SP_191031_20200913_20200919_02_T1", {}, "191031"),
        ("scene", {"landsat:wrs_path": "198", "landsat:wrs_row": "25"}, "198025"),
    ],
)
def test_the_tile_of_an_item(name, properties, tile):
    assert tile_of(name, properties) == tile


def lights(root, values, coverage=None):
    """A catalog of monthly lights, one value a month; with `cf_cvg` where coverage is given."""
    items = []
    for month, value in enumerate(values, 1):
        files = {"avg_rad": np.full(SHAPE, value, np.float32)}
        if coverage is not None:
            files["cf_cvg"] = np.full(SHAPE, coverage[month - 1], np.int16)
        assets = {key: write_tif(root / f"{month}_{key}.tif", numbers) for key, numbers in files.items()}
        start, end = (dt.datetime(2019 + m // 12, m % 12 + 1, 1, tzinfo=dt.UTC) for m in (month - 1, month))
        items.append(make_item(f"m{month:02d}", assets, start, end))
    recipe = CompositeRecipe(("avg_rad",), PRODUCTS["viirs_monthly"].mask, "bilinear")
    return small_request(
        write_catalog(root / "catalog", {"viirs-dnb-monthly": items}), product="viirs_monthly", recipe=recipe,
        collections=("viirs-dnb-monthly",), window=(dt.date(2019, 1, 1), dt.date(2019, 12, 31)),
    )  # fmt: skip


@pytest.mark.parametrize("mask", [None, Mask("none")])
def test_months_without_a_clear_night_are_no_observations(tmp_path, mask):
    request = lights(tmp_path, [0.0] * 7 + [10.0, 12.0, 14.0, 16.0, 18.0])
    if mask is not None:
        request = dataclasses.replace(request, recipe=dataclasses.replace(request.recipe, mask=mask))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    export = engine.submit(request)
    made = engine.collect(export).compute()
    assert float(made.avg_rad[0, 0]) == 14.0 and int(made.observation_count[0, 0]) == 5
    (flag,) = export.flags
    assert flag.startswith("m01, m02, m03 and 9 more: no cf_cvg") and "of exactly 0 count as not observed" in flag
    nothing = lights(tmp_path / "dark", [0.0] * 12)
    made = engine.collect(engine.submit(nothing)).compute()
    assert np.isnan(made.avg_rad).all() and (made.observation_count == 0).all()


def test_a_month_with_clear_nights_may_measure_nothing(tmp_path):
    request = lights(tmp_path, [0.0, 0.0, 0.0, 4.0], coverage=[3, 3, 3, 0])
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    made = engine.collect(engine.submit(request)).compute()
    assert float(made.avg_rad[0, 0]) == 0.0 and int(made.observation_count[0, 0]) == 3
    assert engine.submit(request).flags == ()


def test_a_multi_band_file_is_read_band_by_band(tmp_path):
    import rasterio

    from fusion_assets_tests.imagery.archives import lattice

    path, bands = tmp_path / "stack.tif", np.stack([noise(SHAPE, seed) for seed in range(4)])
    with rasterio.open(
        path, "w", driver="GTiff", height=SHAPE[0], width=SHAPE[1], count=4, dtype="uint16", crs="EPSG:32631",
        transform=lattice(),
    ) as target:  # fmt: skip
        target.write(bands)
    described = {"image": {"eo:bands": [{"name": name} for name in ("B08", "B04", "B03", "B02")]}}
    for name, fields, assets, expected in (
        ("described", described, (), bands[[3, 0]]),
        ("by the study", {}, (("B02", "image#1"), ("B08", "image#2")), bands[[0, 1]]),
    ):
        item = make_item("s", {"image": str(path)}, properties=APPLIED, fields=fields)
        catalog = write_catalog(tmp_path / name, {"sentinel-2-l2a": [item]})
        recipe = CompositeRecipe(("B02", "B08"), Mask("none"))
        request = small_request(catalog, recipe=recipe, assets=assets)
        engine = ArchiveEngine(Storage(str(tmp_path / "s")))
        made = engine.collect(engine.submit(request)).compute()
        found = np.stack([made.B02.values, made.B08.values]) * 10_000
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    plain = make_item("s", {key: str(path) for key in ("blue", "nir")}, properties=APPLIED)
    request = small_request(write_catalog(tmp_path / "plain", {"sentinel-2-l2a": [plain]}), recipe=recipe)
    with pytest.raises(UnusableScene, match="it has 4 bands"):
        engine.collect(engine.submit(request))


def test_requests_of_studies_that_name_no_assets_are_those_of_before(tmp_path):
    request = small_request("catalog.json")
    assert "assets" not in request.to_dict()
    named = small_request("catalog.json", assets=(("B02", "image#1"),))
    assert type(named).from_dict(named.to_dict()).to_dict() == named.to_dict()
    assert named.recipe_digest != request.recipe_digest


@pytest.mark.parametrize("assets", [{"B03": "blue"}, {"B02": "blue#1", "B03": "blue"}])
def test_two_bands_that_are_one_are_refused(tmp_path, assets):
    items = [item_of(tmp_path, "a", 1000, 0)]
    recipe = CompositeRecipe(("B02", "B03"), Mask("none"))
    catalog = write_catalog(tmp_path / "catalog", {"sentinel-2-l2a": items})
    request = small_request(catalog, recipe=recipe, assets=tuple(assets.items()))
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    with pytest.raises(UnusableScene, match="bands B02 and B03 are read from the same band"):
        engine.collect(engine.submit(request))


def test_fill_of_lights_that_nothing_declares_is_refused(tmp_path):
    request = lights(tmp_path, [-999.9, 4.0], coverage=[3, 3])
    engine = ArchiveEngine(Storage(str(tmp_path / "s")))
    export = engine.submit(request)
    with pytest.raises(UnusableScene, match=r"radiances down to -999\.9"):
        engine.collect(export)
    assert list(engine.unreadable(export)) == ["m01"]
