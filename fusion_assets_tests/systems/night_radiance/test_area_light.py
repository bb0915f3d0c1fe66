"""Light of areas: pixels on a boundary are shared out, nothing is counted twice, nothing is lost."""

import dataclasses

import numpy as np
import pytest
import shapely

from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance import area_light
from fusion_assets.systems.night_radiance.area_light import Light, light_of, light_of_regions

GRID = Grid.from_bounds((500_000, 2_990_000, 506_000, 2_996_000), "EPSG:32645", 100)


def fine_map(radiance, grid=GRID):
    radiance = np.broadcast_to(np.asarray(radiance, "float32"), grid.shape)
    return grid.dataset({"radiance": radiance, "low": radiance / 2, "high": radiance * 3})


def area(*corners):
    """A polygon in degrees from corners in metres east and north of the grid's south-western one."""
    points = np.add(corners, (500_000, 2_990_000))
    return shapely.Polygon(np.column_stack(to_lonlat(GRID.crs).transform(*points.T)))


def box(west, south, east, north):
    return area((west, south), (east, south), (east, north), (west, north))


@pytest.mark.parametrize("edge", [750, 5_050], ids=["cut pixel by pixel", "counted by points"])
def test_even_light_is_light_times_area(edge):
    found = light_of(fine_map(8.0), box(330, 330, 330 + edge, 330 + edge))
    # UTM shrinks lengths by 0.9996 on the central meridian.
    km2 = (edge / 1000 / 0.9996) ** 2
    assert found.km2 == pytest.approx(km2, rel=2e-3)
    assert found.radiance == pytest.approx(8 * found.km2, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((4 * found.km2, 24 * found.km2), rel=1e-9)


def test_a_lamp_on_a_boundary_is_shared_by_the_map_and_not_by_the_areas():
    radiance = np.zeros(GRID.shape)
    radiance[30, 20] = 100  # 2,000 to 2,100 m east
    west, east = box(1_000, 2_000, 2_030, 4_000), box(2_030, 2_000, 5_000, 4_000)
    left, right = (light_of(fine_map(radiance), each) for each in (west, east))
    assert left.radiance / (left.radiance + right.radiance) == pytest.approx(0.3, abs=0.01)
    assert left.radiance + right.radiance == pytest.approx(100 * GRID.pixel_areas_km2()[30, 20], rel=1e-4)


@pytest.mark.parametrize("tile", [384, 17])
def test_parts_of_a_place_add_up_to_it(tile, monkeypatch):
    monkeypatch.setattr(area_light, "_TILE", tile)
    shining = fine_map(np.random.default_rng(0).gamma(0.5, 20, GRID.shape))
    whole = area((0, 0), (6_000, 0), (6_000, 6_000), (0, 6_000))
    parts = [
        area((0, 0), (4_321, 0), (1_234, 6_000), (0, 6_000)),
        area((4_321, 0), (6_000, 0), (6_000, 6_000), (1_234, 6_000)),
    ]
    together = light_of(shining, parts[0]) + light_of(shining, parts[1])
    for found, expected in zip(
        dataclasses.astuple(together), dataclasses.astuple(light_of(shining, whole)), strict=True
    ):
        assert found == pytest.approx(expected, rel=1e-6)


def test_what_no_map_knows_is_not_counted():
    radiance = np.full(GRID.shape, 5.0)
    radiance[:, :30] = np.nan
    half = light_of(fine_map(radiance), box(1_000, 1_000, 5_000, 5_000))
    assert half.km2 == pytest.approx(8, rel=2e-3) and half.radiance == pytest.approx(5 * half.km2)
    outside = [box(-5_000, 0, -1_000, 4_000), box(7_000, 7_000, 8_000, 8_000)]
    assert {light_of(fine_map(radiance), each) for each in outside} == {Light()}


def test_where_regions_overlap_light_counts_once_and_where_they_touch_not_at_all():
    maps = {"first": fine_map(1.0), "second": fine_map(10.0)}
    outlines = [
        ("first", box(0, 0, 3_000, 6_000)),
        ("second", box(2_000, 0, 6_000, 6_000)),
        ("no map", box(0, 0, 9, 9)),
    ]
    both = light_of_regions(maps, outlines, box(0, 0, 6_000, 6_000))
    assert both.km2 == pytest.approx(36, rel=2e-3) and both.radiance == pytest.approx(18 + 180, rel=2e-3)
    edge = outlines[0][1].exterior.coords[1:3]
    beside = shapely.Polygon([*edge, (87.1, 27.08), (87.1, 27.04)])
    assert outlines[0][1].touches(beside) and light_of_regions(maps, outlines[:1], beside) == Light()
