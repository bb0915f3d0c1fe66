"""Where patches are: on land, equal areas equally often, on corners that no band is resampled at."""

import lzma

import numpy as np
import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import from_lonlat
from fusion_assets.systems.embeddings.land import COLUMNS, FILE, ROWS, land_mask, points_on_land
from fusion_assets.systems.embeddings.land_source import packed, polygons_of
from fusion_assets.systems.embeddings.places import places, snapped, snapped_in, utm_zones

EDGE = 2520


def is_land(lon, lat):
    return bool(land_mask()[int((84 - lat) * 10), int((lon + 180) * 10)])


def test_the_mask_knows_land_from_sea():
    land = [(85.3, 27.7), (3.0, 50.8), (-60.0, -3.1), (134.0, -25.0), (-42.0, 72.0), (178.05, -17.85)]
    sea = [(-30.0, 40.0), (0.05, 0.05), (-175.0, 55.0), (20.0, 58.0), (75.0, -40.0), (0.0, 83.95)]
    assert all(is_land(*point) for point in land)
    assert not any(is_land(*point) for point in sea)
    assert FILE.stat().st_size < 150_000


def test_equal_areas_hold_equally_many():
    lon, lat = points_on_land(np.random.default_rng(1).random((200_000, 3)))
    # Of the land north of 60 S: north of 60 N, between the tropics, and in Australia.
    assert (lat > 60).mean() == pytest.approx(0.127, abs=0.02)
    assert (np.abs(lat) < 23.44).mean() == pytest.approx(0.368, abs=0.02)
    australia = (lon > 112) & (lon < 154) & (lat < -10.7) & (lat > -39.2)
    assert australia.mean() == pytest.approx(7.6e6 / 135e6, rel=0.03)
    assert all(is_land(*point) for point in zip(lon[:500], lat[:500], strict=True))


def test_the_mask_follows_from_its_source():
    # A square with a hole: the hole's ring is an arc walked backwards.
    topology = {
        "transform": {"scale": [0.5, 0.5], "translate": [0, 0]},
        "arcs": [[[0, 0], [40, 0], [0, 40], [-40, 0], [0, -40]], [[10, 10], [10, 0], [0, 10], [-10, 0], [0, -10]]],
        "objects": {"land": {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "arcs": [[0], [~1]]}]}},
    }
    made = lzma.decompress(packed(polygons_of(topology)))
    mask = np.unpackbits(np.frombuffer(made, np.uint8)).reshape(ROWS, COLUMNS)
    assert mask.sum() == 200 * 200 - 50 * 50
    assert mask[840 - 199, 1800] and not mask[840 - 201, 1800] and not mask[840 - 60, 1860]


def test_the_first_places_of_many_are_those_of_few():
    area = shapely.box(3.0, 50.0, 3.4, 50.3)
    few, many = places(50, 7, EDGE, area), places(5000, 7, EDGE, area)
    assert few.equals(many[:50])
    assert not few.equals(places(50, 8, EDGE, area))
    assert not many.duplicated(["epsg", "x", "y"]).any()


def test_patches_are_snapped_in_their_own_zone():
    found = snapped(np.array([3.02, 2.9999, -72.48, 179.99]), np.array([50.8, 50.8, -38.83, 66.0]), EDGE)
    assert found.epsg.tolist() == [32631, 32631, 32718, 32660]
    assert not (found[["x", "y"]] % 60).to_numpy().any()
    for row in found.itertuples():
        x, y = from_lonlat(f"EPSG:{row.epsg}").transform(row.lon, row.lat)
        assert (x - EDGE / 2, y + EDGE / 2) == pytest.approx((row.x, row.y), abs=1e-3)
    # In the neighbouring zone, if that is where the scene lies.
    lon, lat, x, y = snapped_in(32630, 3.02, 50.8, EDGE)
    assert (lon, lat) == pytest.approx((3.02, 50.8), abs=1e-3) and x % 60 == y % 60 == 0 and x > 800_000
    assert utm_zones(np.array([-180.0, 180.0]), np.array([0.0, -1.0])).tolist() == [32601, 32760]


def test_regions_share_places_by_their_area():
    # One a thin triangle, which fills half its box: drawing boxes alone would favour it.
    triangle = shapely.Polygon([(10, 0), (12, 0), (10, 1)])
    square = shapely.box(-60, 0, -59, 1)
    found = places(3000, 0, EDGE, shapely.union_all([triangle, square]))
    assert (found.lon > 0).mean() == pytest.approx(0.5, abs=0.03)
    # Nothing favours the north either.
    north = places(3000, 0, EDGE, shapely.box(0, 20, 4, 80)).lat
    assert (north > 50).mean() == pytest.approx((np.sin(np.radians(80)) - np.sin(np.radians(50))) / 0.6428, abs=0.03)


def test_a_region_that_is_too_small_is_refused():
    with pytest.raises(FusionError, match="lower `count`"):
        places(500, 0, 240, shapely.box(3.0, 50.0, 3.01, 50.005))
