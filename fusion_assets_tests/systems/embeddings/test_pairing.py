"""Which scenes make a pair: the nearest in time that leave the patch itself clear, and why there are none."""

import dataclasses

import numpy as np
import pytest
import shapely

from fusion_assets.grids.crs import from_lonlat, to_lonlat
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.scenes import scene_from_item
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.systems.embeddings.pairing import (
    LEAVES,
    NO_OPTICS,
    NO_RADAR,
    NOT_CLEAR,
    OFF_GRID,
    PLANNED,
    RADAR_OFF_GRID,
    TOO_FAR,
    UNUSABLE,
    SceneLook,
    pair_at,
)
from fusion_assets_tests.imagery.archives import lattice, make_item, truncate, write_tif
from fusion_assets_tests.systems.embeddings.pair_scenes import (
    CLEAR,
    CLOUD,
    CRS,
    EDGE,
    IN_EAST,
    IN_WEST,
    NORTH,
    NOTHING,
    OUTSIDE,
    RECIPE,
    RULES,
    START,
    WEST,
    classes,
    look,
    optics,
    optics_item,
    place,
    radar,
    radar_item,
)


@pytest.fixture
def season(tmp_path):
    """Optics after 0, 120 and 240 hours, the second cloudy in the west; radar after 127 and 192."""
    seen = optics(
        optics_item(tmp_path, "s0", 0),
        optics_item(tmp_path, "s1", 120, classes(west=CLOUD)),
        optics_item(tmp_path, "s2", 240),
    )
    return seen, radar(radar_item(tmp_path, "r0", 127), radar_item(tmp_path, "r1", 192))


def names(pair):
    return pair.optics.id, pair.radar.id


def test_clouds_are_counted_over_the_patch_itself(season):
    east, west = (pair_at(*point, *season, RULES, look()) for point in (IN_EAST, IN_WEST))
    assert names(east) == ("s1", "r0") and east.gap_hours == pytest.approx(7) and east.clear_share == 1
    # Equally far from r1, s1 is cloudy here: what comes next is s2, 48 hours after that pass.
    assert names(west) == ("s2", "r1") and west.gap_hours == pytest.approx(-48)
    assert east.state == west.state == PLANNED and not east.cloudy


def test_a_patch_that_is_cloudy_in_part_is_judged_by_its_share(tmp_path):
    seen, over = optics(optics_item(tmp_path, "s", 0, classes(west=CLOUD))), radar(radar_item(tmp_path, "r", 1))
    middle = place(300, 300)
    # Three of its six columns of classes lie under cloud.
    assert pair_at(*middle, seen, over, RULES, look()).state == NOT_CLEAR.format(hours=72)
    half = pair_at(*middle, seen, over, dataclasses.replace(RULES, min_clear=0.4), look())
    assert half.clear_share == pytest.approx(0.5)


def test_a_cloudy_scene_is_taken_on_purpose(season):
    west, east = (pair_at(*point, *season, RULES, look(), cloudy=True) for point in (IN_WEST, IN_EAST))
    assert names(west) == ("s1", "r0") and west.cloudy and west.clear_share == 0
    # Where no scene is cloudy the clear one is taken, and said to be that.
    assert names(east) == ("s1", "r0") and not east.cloudy and east.clear_share == 1


def test_what_was_not_observed_is_neither_clear_nor_cloudy(tmp_path):
    seen, over = optics(optics_item(tmp_path, "s", 0, classes(west=NOTHING))), radar(radar_item(tmp_path, "r", 1))
    for cloudy in (False, True):
        pair = pair_at(*IN_WEST, seen, over, RULES, look(), cloudy)
        assert pair.state == NOT_CLEAR.format(hours=72) and pair.clear_share == 0
    assert pair_at(*IN_EAST, seen, over, RULES, look()).state == PLANNED


def test_pixels_are_read_only_until_a_scene_is_clear(season, monkeypatch):
    read = []
    share = SceneLook.clear_share
    monkeypatch.setattr(
        SceneLook, "clear_share", lambda self, scene, patch: read.append(scene.id) or share(self, scene, patch)
    )
    pair_at(*IN_EAST, *season, RULES, look())
    assert read == ["s1"]
    pair_at(*IN_WEST, *season, RULES, look())
    assert read == ["s1", "s1", "s2"]


def test_of_equally_near_pairs_the_earlier_one_is_taken(tmp_path):
    seen = optics(optics_item(tmp_path, "b", 0), optics_item(tmp_path, "a", 20))
    over = radar(radar_item(tmp_path, "r", 10))
    for order in (seen, seen[::-1]):
        assert names(pair_at(*IN_EAST, order, over, RULES, look())) == ("b", "r")
    twins = optics(optics_item(tmp_path, "y", 0), optics_item(tmp_path, "x", 0))
    assert names(pair_at(*IN_EAST, twins, over, RULES, look())) == ("x", "r")


def test_why_there_is_no_pair(season, tmp_path):
    seen, over = season

    def state(point, optical, passes, **changes):
        return pair_at(*point, optical, passes, dataclasses.replace(RULES, **changes), look()).state

    assert state(OUTSIDE, seen, over) == NO_OPTICS
    assert state(IN_EAST, seen, []) == NO_RADAR
    assert state(IN_EAST, seen, over, max_gap_hours=6.5) == TOO_FAR.format(hours=6.5)
    assert state(IN_WEST, seen, over, max_gap_hours=8) == NOT_CLEAR.format(hours=8)
    # A patch of 120 m around a point 20 m from the edge.
    assert state(place(20, 300), seen, over) == LEAVES
    assert state(IN_EAST, seen, over, size=66) == LEAVES


def test_the_whole_patch_lies_in_both_scenes(tmp_path):
    seen = optics(optics_item(tmp_path, "s", 0))
    near, whole = radar_item(tmp_path, "near", 1, width=48), radar_item(tmp_path, "whole", 9)
    # The nearer pass ends 480 m from the corner.
    assert names(pair_at(*place(300, 300), seen, radar(near, whole), RULES, look())) == ("s", "near")
    assert names(pair_at(*place(470, 300), seen, radar(near, whole), RULES, look())) == ("s", "whole")
    assert pair_at(*place(470, 300), seen, radar(near), RULES, look()).state == LEAVES


def test_no_band_is_resampled(tmp_path):
    over = radar(radar_item(tmp_path, "r", 1, west=WEST - 600, width=200))
    pair = pair_at(*IN_EAST, optics(optics_item(tmp_path, "s", 0)), over, RULES, look())
    assert pair.patch.x % 60 == pair.patch.y % 60 == 0
    x, y = from_lonlat(CRS).transform(*IN_EAST)
    assert abs(pair.patch.x + 60 - x) <= 30 and abs(pair.patch.y - 60 - y) <= 30
    # Where the pixels of 20 m begin 10 m further, or those of 10 m between two metres, they would have to be.
    for name, west in (("ten", WEST + 10), ("odd", WEST + 0.4)):
        aside = optics(optics_item(tmp_path, name, 0, west=west))
        assert pair_at(*IN_EAST, aside, over, RULES, look()).state == OFF_GRID


def test_radar_is_not_resampled_either(tmp_path):
    seen, eyes = optics(optics_item(tmp_path, "s", 0)), look()
    zone = from_lonlat("EPSG:32630").transform(*to_lonlat(CRS).transform(WEST, NORTH))
    other = radar_item(
        tmp_path, "other", 3, crs="EPSG:32630", west=round(zone[0]), north=round(zone[1]) + 200, width=90
    )
    aside = [radar_item(tmp_path, "half", 1, west=WEST - 5, width=90), other]
    assert pair_at(*IN_EAST, seen, radar(*aside), RULES, eyes).state == RADAR_OFF_GRID
    whole = radar_item(tmp_path, "whole", 9)
    assert names(pair_at(*IN_EAST, seen, radar(*aside, whole), RULES, eyes)) == ("s", "whole")


def test_a_band_at_another_pixel_size_has_been_resampled(tmp_path):
    item, over = optics_item(tmp_path, "s", 0), radar(radar_item(tmp_path, "r", 1))
    item.assets["B04"].extra_fields["proj:transform"] = [10, 0, WEST, 0, -10, NORTH]
    assert pair_at(*IN_EAST, optics(item), over, RULES, look()).state == PLANNED
    item.assets["B04"].extra_fields["proj:transform"] = [20, 0, WEST, 0, -20, NORTH]
    assert pair_at(*IN_EAST, optics(item), over, RULES, look()).state == OFF_GRID


def test_a_patch_lies_in_the_zone_of_its_scene(tmp_path):
    # In zone 32, and the place is in zone 31.
    west, north = 286_440, 5_600_040
    seen = optics(optics_item(tmp_path, "s", 0, crs="EPSG:32632", west=west, north=north))
    over = radar(radar_item(tmp_path, "r", 1, crs="EPSG:32632", west=west - 60, width=90))
    lon, lat = place(300, 300, "EPSG:32632", west)
    pair = pair_at(lon, lat, seen, over, RULES, look())
    assert lon < 6 and pair.patch.epsg == 32632 and west <= pair.patch.x <= west + EDGE
    assert pair.patch.grid(20).shape == (6, 6) and pair.patch.grid(60).shape == (2, 2)
    assert (pair.patch.lon, pair.patch.lat) == pytest.approx((lon, lat), abs=6e-4)


def test_what_cannot_be_used_is_passed_over_and_said(tmp_path):
    broken, whole = optics_item(tmp_path, "broken", 0), optics_item(tmp_path, "whole", 30)
    truncate(tmp_path / "broken_scl.tif")
    over = radar(radar_item(tmp_path, "r", 1))
    eyes = look()
    assert names(pair_at(*IN_EAST, optics(broken, whole), over, RULES, eyes)) == ("whole", "r")
    assert len(eyes.doubts) == 1 and "broken_scl.tif" in next(iter(eyes.doubts))
    assert pair_at(*IN_EAST, optics(broken), over, RULES, eyes).state == UNUSABLE


def test_a_server_that_is_away_does_not_change_the_plan(season, monkeypatch):
    def away(self, scene, patch):
        raise UnreadableFile(scene.id, "no answer", transient=True)

    monkeypatch.setattr(SceneLook, "clear_share", away)
    with pytest.raises(UnreadableFile, match="no answer"):
        pair_at(*IN_EAST, *season, RULES, look())


def test_without_a_mask_valid_pixels_are_clear(tmp_path):
    item = optics_item(tmp_path, "s", 0, classes(west=CLOUD))
    unmasked = dataclasses.replace(RECIPE, mask=Mask("none"))
    (scene,) = optics(item)
    scene = dataclasses.replace(scene, mask=None)
    pair = pair_at(*IN_WEST, [scene], radar(radar_item(tmp_path, "r", 1)), RULES, SceneLook(unmasked))
    assert pair.state == PLANNED and pair.clear_share == 1


def test_the_choice_is_the_best_of_all_pairs(tmp_path):
    """Against every pair, judged one by one, for scenes with clouds anywhere."""
    random = np.random.default_rng(5)
    hours = random.uniform(0, 400, 8)
    layers = [
        np.where(random.random((30, 30)) < share, CLOUD, CLEAR).astype(np.uint8) for share in (0, 0.05, 0.3, 0.08) * 2
    ]
    seen = optics(
        *(optics_item(tmp_path, f"s{n}", at, scl) for n, (at, scl) in enumerate(zip(hours, layers, strict=True)))
    )
    over = radar(*(radar_item(tmp_path, f"r{n}", at) for n, at in enumerate(random.uniform(0, 400, 6))))
    eyes = look()
    for east, south in random.uniform(80, 520, (12, 2)):
        pair = pair_at(*place(east, south), seen, over, RULES, eyes)
        best = None
        for scene, layer in zip(seen, layers, strict=True):
            column, row = (round((east - 60) / 60) * 3, round((south - 60) / 60) * 3)
            if (layer[row : row + 6, column : column + 6] == CLEAR).mean() < 0.9:
                continue
            for echo in over:
                gap = abs((echo.start - scene.start).total_seconds()) / 3600
                if gap <= 72 and (best is None or gap < best[0]):
                    best = gap, scene.id, echo.id
        assert (pair.state == PLANNED) == (best is not None)
        assert best is None or (names(pair) == best[1:] and abs(pair.gap_hours) == pytest.approx(best[0]))


def test_level_1c_is_clear_by_its_bits_where_there_is_data(tmp_path):
    product = PRODUCTS["sentinel2_l1c"]
    cloud, blue = np.zeros((30, 30), np.uint16), np.full((60, 60), 900, np.uint16)
    cloud[:, :15] = 1 << 10  # opaque cloud in the west
    blue[:30] = 0  # no data in the north, where no bit is set
    files = {
        "QA60": write_tif(tmp_path / "qa60.tif", cloud, lattice(WEST, NORTH, 20)),
        "B02": write_tif(tmp_path / "b02.tif", blue, lattice(WEST, NORTH)),
    }
    item = make_item("s", files, START, properties={"s2:processing_baseline": "02.07"})
    recipe = CompositeRecipe(("B02",), product.mask, reducer="none")
    seen, over = [scene_from_item(item, product, recipe.bands, recipe.mask)], radar(radar_item(tmp_path, "r", 1))

    def share(east, south):
        return pair_at(*place(east, south), seen, over, RULES, SceneLook(recipe)).clear_share

    assert share(450, 450) == 1 and share(150, 450) == share(450, 150) == 0
    assert share(300, 450) == share(450, 300) == pytest.approx(0.5)


def test_places_beside_the_antimeridian_have_pairs(tmp_path):
    crs, north = "EPSG:32760", 8_118_960
    west = round(from_lonlat(crs).transform(180, -17)[0] / 60) * 60 - 300
    seen = optics(optics_item(tmp_path, "s", 0, crs=crs, west=west, north=north))
    over = radar(radar_item(tmp_path, "r", 1, crs=crs, west=west, north=north))
    # As items spell what crosses it: beyond 180, or beyond -180.
    seen = [dataclasses.replace(scene, outline=shapely.box(179.99, -17.01, 180.01, -16.99)) for scene in seen]
    over = [dataclasses.replace(scene, outline=shapely.box(-180.01, -17.01, -179.99, -16.99)) for scene in over]
    for east in (200, 400):
        lon, lat = to_lonlat(crs).transform(west + east, north - 300)
        pair = pair_at(lon, lat, seen, over, RULES, look())
        assert pair.state == PLANNED and pair.patch.epsg == 32760, lon
        assert pair.patch.x == pytest.approx(west + east - 60, abs=30)
    assert {np.sign(to_lonlat(crs).transform(west + east, north - 300)[0]) for east in (200, 400)} == {-1, 1}
