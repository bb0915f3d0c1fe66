"""A world of pairs: what its scenes say of themselves, and that both sensors and the maps see the same ground."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from shapely.geometry import shape

from fusion_assets.demo.pairs.place import SIDE, places_of
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.scenes import scene_from_item
from fusion_assets.storage.simulation import is_synthetic
from fusion_assets.systems.embeddings.labels.corine import corine_labels
from fusion_assets.systems.embeddings.labels.land_cover import land_cover_labels, legend_of
from fusion_assets.systems.embeddings.labels.shares import files_of
from fusion_assets_tests.stac_documents import check_stac

TREES, CROP, BUILT, WATER = 10, 40, 50, 80
FINE, MIDDLE, COARSE = ("B02", "B03", "B04", "B08"), ("B05", "B06", "B07", "B8A", "B11", "B12"), ("B01", "B09")


@pytest.fixture(scope="module")
def items(world):
    """Items by collection, by time."""
    found = {}
    for path in sorted(world.glob("*/*/*.json")):
        check_stac(json.loads(path.read_text()))
        item = pystac.Item.from_file(str(path))
        found.setdefault(item.collection_id, []).append(item)
    return {name: sorted(held, key=lambda item: item.datetime) for name, held in found.items()}


def pixels(href):
    with rasterio.open(href) as file:
        return file.read(1), file.transform


def bands_of(item, product):
    """Physical values of every band of an item, and their pixel sizes."""
    recipe = PRODUCTS[product]
    scene = scene_from_item(item, recipe, recipe.band_names, recipe.mask)
    assert scene.flags == ()
    values, steps = {}, {}
    for name, file in scene.bands.items():
        stored, transform = pixels(file.href)
        values[name] = (
            np.where(stored == 0, np.nan, stored * file.scale + file.offset) if product[-1] == "a" else stored
        )
        steps[name] = transform.a
    return values, steps


def test_scenes_say_what_real_ones_do(world, items):
    assert is_synthetic(str(world / "catalog.json"))
    assert {name: len(held) for name, held in items.items()} == {
        "sentinel-2-l2a": 5, "sentinel-1-grd": 4, "sentinel-1-rtc": 1, "esa-worldcover": 1, "corine-land-cover": 1
    }  # fmt: skip
    for item in items["sentinel-1-grd"] + items["sentinel-1-rtc"]:
        said = item.properties
        assert (said["sat:relative_orbit"], said["sat:orbit_state"], said["view:incidence_angle"]) in {
            (85, "ascending", 39.2), (19, "descending", 35.6)
        }  # fmt: skip
        assert said["sar:product_type"] == ("RTC" if item.collection_id.endswith("rtc") else "GRD")
    assert {item.properties["s2:processing_baseline"] for item in items["sentinel-2-l2a"]} == {"03.01", "04.00"}
    assert all(item.id.startswith("SYNTHETIC_") for held in items.values() for item in held)


def test_one_scene_has_no_radar_within_three_days_and_the_others_have(items):
    gaps = [
        min(abs(radar.datetime - item.datetime) for radar in items["sentinel-1-grd"])
        for item in items["sentinel-2-l2a"]
    ]
    assert sorted(gap > dt.timedelta(hours=72) for gap in gaps) == [False] * 4 + [True]
    # Either sensor may come first.
    assert {np.sign((radar.datetime - item.datetime).total_seconds())
            for item in items["sentinel-2-l2a"] for radar in items["sentinel-1-grd"]
            if abs(radar.datetime - item.datetime) <= dt.timedelta(hours=72)} == {-1, 1}  # fmt: skip


def test_bands_lie_on_their_own_pixels_and_begin_at_one_corner(items):
    place = places_of(2, 0)[0]
    _, steps = bands_of(items["sentinel-2-l2a"][0], "sentinel2_l2a")
    assert steps == dict.fromkeys(FINE, 10) | dict.fromkeys(MIDDLE, 20) | dict.fromkeys(COARSE, 60)
    for item in (held for of in items.values() for held in of):
        for asset in item.assets.values():
            values, transform = pixels(asset.get_absolute_href())
            assert (transform.c, transform.f) == (place.west, place.north) and transform.a * len(values) == 10 * SIDE
    assert place.west % 300 == place.north % 300 == 0


def test_the_shift_of_later_baselines_is_found_from_the_items(items):
    medians = {}
    for item in items["sentinel-2-l2a"]:
        values, _ = bands_of(item, "sentinel2_l2a")
        scl, _ = pixels(item.assets["scl"].get_absolute_href())
        medians[item.id] = np.nanmedian(values["B12"][scl == 4])
    assert np.ptp(list(medians.values())) < 0.05


def test_both_sensors_see_what_the_map_says(items):
    cover, _ = pixels(items["esa-worldcover"][0].assets["map"].get_absolute_href())
    values, _ = bands_of(items["sentinel-2-l2a"][-1], "sentinel2_l2a")
    scl, _ = pixels(items["sentinel-2-l2a"][-1].assets["scl"].get_absolute_href())
    ndvi = (values["B8A"] - values["B04"][::2, ::2]) / (values["B8A"] + values["B04"][::2, ::2])
    green = {code: np.median(ndvi[(cover == code) & np.isin(scl, (4, 5, 6))]) for code in (TREES, BUILT, WATER)}
    assert green[TREES] > green[BUILT] + 0.2 > green[WATER] + 0.2
    radar, _ = bands_of(items["sentinel-1-grd"][-1], "sentinel1_grd")
    fine = cover.repeat(2, axis=0).repeat(2, axis=1)
    copolar, cross = (
        {code: np.median(radar[name][fine == code]) for code in (TREES, CROP, BUILT, WATER)} for name in ("VV", "VH")
    )
    assert copolar[BUILT] > copolar[CROP] + 2 and copolar[CROP] > copolar[WATER] + 3 and cross[TREES] > cross[CROP] + 1
    # Speckle: neighbours in one cover differ by decibels.
    assert np.std(np.diff(radar["VV"], axis=1)[:, 200:300]) > 1.5


def test_gamma_nought_is_sigma_nought_over_the_cosine_where_it_is_flat(items):
    pair = [item for item in items["sentinel-1-grd"] if item.datetime == items["sentinel-1-rtc"][0].datetime]
    sigma, _ = bands_of(pair[0], "sentinel1_grd")
    gamma, _ = bands_of(items["sentinel-1-rtc"][0], "sentinel1_rtc")
    plain = slice(SIDE // 2, SIDE)
    more = 10 * np.log10(gamma["VV"][plain]) - sigma["VV"][plain]
    assert np.median(more) == pytest.approx(-10 * np.log10(np.cos(np.radians(39.2))), abs=0.15)
    # Slopes are bright or dark in one and not in the other.
    assert np.std(10 * np.log10(gamma["VV"][: SIDE // 4]) - sigma["VV"][: SIDE // 4]) > 1


def test_patches_get_their_labels(items):
    place = places_of(2, 0)[0]
    corners = np.arange(0, 10 * SIDE, 240)
    plan = pd.DataFrame([{"epsg": int(place.crs[5:]), "x": place.west + x, "y": place.north - y}
                         for x in corners[::4] for y in corners[::2]])  # fmt: skip
    plan["patch"] = range(len(plan))
    covers, units = (files_of(items[name], PRODUCTS[product]) for name, product in (
        ("esa-worldcover", "land_cover"), ("corine-land-cover", "corine")
    ))  # fmt: skip
    cover = land_cover_labels(plan, 24, covers, legend_of("esa-worldcover"))
    corine = corine_labels(plan, 24, units)
    for table, word in ((cover, "cover"), (corine, "corine")):
        assert (table[f"{word}_valid"] == 1).all() and (table[f"{word}_set"] != "").all()
        np.testing.assert_allclose(table.filter(regex=rf"^{word}_\d+$").sum(axis=1), 1, atol=1e-5)
    main = cover.filter(regex=r"^cover_\d+$").idxmax(axis=1).value_counts()
    assert len(main) >= 5 and main.iloc[0] < 0.6 * len(plan)
    # A unit of 25 hectares is larger than such a patch; the two maps agree on the whole all the same.
    woods = corine[["corine_311", "corine_312", "corine_313"]].sum(axis=1)
    assert np.corrcoef(woods, cover["cover_10"])[0, 1] > 0.8


def test_places_are_far_apart_and_the_second_world_has_others():
    first, second = places_of(0, 0), places_of(0, 1)
    assert len({place.name for place in (*first, *second)}) == len({p.seed for p in (*first, *second)}) == 12
    for world in (first, second):
        assert len({place.crs for place in world}) == 2
        for one in world:
            near = [(one.west - other.west, one.north - other.north) for other in world if other.crs == one.crs]
            assert sorted(np.hypot(*np.array(near).T))[1] > 30_000
    assert not {place.crs for place in first} & {place.crs for place in second}


def test_regions_of_the_record_lie_on_the_scenes(world):
    (region,) = json.loads((world / "demo.json").read_text())["regions"]
    place = places_of(2, 0)[0]
    assert region["name"] == place.name and region["crs"] == place.crs
    grid = Grid.from_geometry(shape(region["geometry"]), place.crs, 100)
    assert grid.shape == (SIDE // 10, SIDE // 10) and (grid.transform.c, grid.transform.f) == (place.west, place.north)
