"""What a search for scenes is asked with: short, and never less than the region."""

import numpy as np
import pytest
import shapely

from fusion_assets.grids.search_outline import FINEST_DEGREES, MOST_VERTICES, search_outline


def coast(vertices, roughness, seed=0):
    """A closed line around (5, 50) with detail of every size."""
    turn, random = np.linspace(0, 2 * np.pi, vertices, endpoint=False), np.random.default_rng(seed)
    waves = np.arange(1, 200)
    heights = random.normal(size=(2, len(waves))) / waves**1.4 * roughness
    angles = np.outer(turn, waves)
    radius = (1 + np.cos(angles) @ heights[0] + np.sin(angles) @ heights[1]).clip(0.1)
    return shapely.Polygon(np.column_stack([5 + radius * np.cos(turn), 50 + radius * np.sin(turn)]))


def islets(count):
    """Far more parts than an outline may have vertices."""
    random = np.random.default_rng(1)
    return shapely.union_all(shapely.buffer(shapely.points(random.uniform(0, 20, (count, 2))), 0.001))


def test_a_short_outline_is_asked_with_as_it_is():
    area = coast(MOST_VERTICES - 1, 0.1)
    assert search_outline(area) is area


@pytest.mark.parametrize("seed", range(3))
def test_a_long_outline_becomes_a_short_one_that_covers_it(seed):
    area = coast(20_000, 0.1, seed) - coast(3_000, 0.05, seed + 7).buffer(-0.7)
    found = search_outline(area)
    assert shapely.get_num_coordinates(found) <= MOST_VERTICES and found.is_valid
    assert found.covers(area) and found.area < 1.01 * area.area
    assert len(shapely.get_interior_ring(found, 0).coords) > 3, "a hole stays one"


def test_a_smooth_outline_strays_by_no_more_than_the_finest_tolerance():
    area = shapely.Point(5, 50).buffer(1, quad_segs=5_000)
    found = search_outline(area)
    assert found.covers(area) and area.buffer(4.5 * FINEST_DEGREES).covers(found)


def test_very_many_parts_are_asked_for_as_a_whole():
    area = islets(60)
    found = search_outline(area, 100)
    assert found.geom_type == "Polygon" and shapely.get_num_coordinates(found) <= 100 and found.covers(area)


def test_an_outline_at_the_edge_of_the_map_stays_on_it():
    area = shapely.box(-180, 60, 180, 90).segmentize(0.05)
    assert search_outline(area).bounds == pytest.approx((-180, 60, 180, 90), abs=1e-3)
    assert search_outline(area).bounds[::2] == (-180, 180) and search_outline(area).bounds[3] == 90
