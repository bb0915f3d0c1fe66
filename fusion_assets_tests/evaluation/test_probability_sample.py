"""Samples drawn from a map: who is drawn, how often, and that the table says so."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import LEAST, allocation, draw_points, strata_of
from fusion_assets.grids.grid import Grid

STRATA = ("built_up", "near", "rest")
GRID = Grid("EPSG:32645", Affine(1000, 0, 450_000, 0, -1000, 3_000_000), 40, 60)


def a_map():
    y, x = np.mgrid[: GRID.height, : GRID.width]
    return np.hypot(y - 18, x - 25) < 8


def test_strata_are_built_up_land_its_surroundings_and_the_rest():
    known = np.ones(GRID.shape, bool)
    known[:, -5:] = False
    strata = strata_of(a_map(), known)
    assert (strata[a_map()] == 0).all() and (strata[~known] == 255).all()
    assert strata[18, 34] == 1 and strata[18, 36] == 2  # the map ends at column 32: two pixels are near


def test_a_map_without_built_up_land_is_all_rest():
    assert set(np.unique(strata_of(np.zeros((5, 5), bool), np.ones((5, 5), bool)))) == {2}


def test_allocation_is_not_proportional_and_keeps_the_least():
    given = allocation(np.array([800, 900, 8300]), 400)
    assert given.sum() == 400 and given.min() >= LEAST
    assert given[0] / 800 > 1.5 * given[2] / 8300


@pytest.mark.parametrize(("sizes", "points"), [((5, 0, 300), 200), ((60, 60, 60), 180), ((3, 1000, 1000), 103)])
def test_allocation_never_exceeds_a_stratum(sizes, points):
    given = allocation(np.array(sizes), points)
    assert given.sum() == points and (given <= sizes).all()


@pytest.mark.parametrize("points", [100, 3000])
def test_impossible_numbers_of_points_are_refused(points):
    with pytest.raises(FusionError, match=r"150 .* to 2400"):
        allocation(np.array([200, 200, 2000]), points)


def test_every_pixel_is_drawn_as_often_as_the_table_says():
    strata = strata_of(a_map(), np.ones(GRID.shape, bool))
    drawn = np.zeros(GRID.shape)
    repeats = 120
    for seed in range(repeats):
        points = draw_points(GRID, strata, 200, seed, "built_up")
        row = ((GRID.transform.f - points["y"]) // 1000).astype(int)
        col = ((points["x"] - GRID.transform.c) // 1000).astype(int)
        assert not points.duplicated(["x", "y"]).any()
        assert (points["stratum"].to_numpy() == np.array(STRATA)[strata[row, col]]).all()
        drawn[row, col] += 1
    for index, name in enumerate(STRATA):
        chance = points.loc[points["stratum"] == name, "inclusion_probability"].iloc[0]
        share = drawn[strata == index] / repeats
        assert share.mean() == pytest.approx(chance)
        assert share.std() < 1.25 * (chance * (1 - chance) / repeats) ** 0.5


def test_what_the_points_stand_for_is_the_area():
    strata = strata_of(a_map(), np.ones(GRID.shape, bool))
    points = draw_points(GRID, strata, 250, 1, "built_up")
    assert (points["area_km2"] / points["inclusion_probability"]).sum() == pytest.approx(
        GRID.pixel_areas_km2().sum(), rel=1e-3
    )
    again, other = (draw_points(GRID, strata, 250, seed, "built_up") for seed in (1, 2))
    assert points.equals(again) and not points.equals(other)


def test_points_do_not_cluster():
    """One point from each run: a half of the map gets close to half of the points."""
    strata = np.full(GRID.shape, 2, np.uint8)
    left = [(draw_points(GRID, strata, 100, seed, "built_up")["x"] < 480_000).sum() for seed in range(60)]
    assert np.std(left) < 0.6 * 5  # 5: without regard to place
