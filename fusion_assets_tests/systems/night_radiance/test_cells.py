"""Lights of a year on the product's own cells."""

import numpy as np
import pytest
import xarray as xr
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.cells import STEP, background, dark, without_fires, yearly


def year(values, counts):
    series = {"avg_rad": (("time", "y", "x"), values), "cf_cvg": (("time", "y", "x"), counts)}
    return yearly(xr.Dataset(series), "avg_rad", "cf_cvg")


def test_months_weigh_by_what_they_rest_on_and_months_without_a_clear_night_not_at_all():
    found = year([[[4.0, -0.4]], [[8.0, np.nan]], [[0.0, 0.0]]], [[[3, 2]], [[1, 5]], [[0, 0]]])
    np.testing.assert_allclose(found["avg_rad"], [[5.0, -0.4]])
    np.testing.assert_allclose(found["cf_cvg"], [[4, 2]])
    assert found["deviation"][0, 0] == pytest.approx(np.sqrt(3)) and np.isnan(found["deviation"][0, 1])


def test_what_was_never_observed_is_no_data():
    found = year([[[0.0]], [[np.nan]]], [[[0]], [[4]]])
    assert all(np.isnan(band).all() for band in found.values())


def test_background_is_what_the_darkest_cells_scatter_about():
    chance = np.random.default_rng(0)
    cells = 0.3 + 0.1 * chance.standard_normal((40, 40))
    cells[10:20, 10:20] = 25.0
    level, deviation = background(cells)
    assert 0.05 < level < 0.3 and 0.02 < deviation < 0.1
    told = dark(cells)
    assert not told[10:20, 10:20].any() and told.mean() > 0.2
    assert background(np.full((3, 3), np.nan)) == (0.0, 0.05)


CELLS = Grid("EPSG:4326", Affine(STEP, 0, 87, 0, -STEP, 27), 40, 40)


def nights():
    """A lit town on noise, in three years."""
    chance = np.random.default_rng(1)
    base = np.full(CELLS.shape, 0.2)
    base[5:10, 5:10] = 30.0
    return [(base + 0.05 * chance.standard_normal(base.shape)).astype("float32") for _ in range(3)]


def test_a_fire_of_one_year_gives_way_to_the_other_years_light_and_is_counted():
    before, now, after = nights()
    now[30, 30] += 60
    cleared, fires = without_fires(now, [before, after], CELLS)
    assert cleared[30, 30] == max(before[30, 30], after[30, 30]) and (cleared != now).sum() == fires["cells"] == 1
    km2 = CELLS.pixel_areas_km2()
    assert fires["light"] == pytest.approx((now - cleared)[30, 30] * km2[30, 30])
    assert fires["share"] == pytest.approx(fires["light"] / (np.maximum(now, 0) * km2).sum())


def test_what_another_year_knows_is_no_fire():
    before, now, after = nights()
    now[30, 30] += 60
    after[30, 31] += 50
    for others in ([after], [before, after]):
        cleared, fires = without_fires(now, others, CELLS)
        np.testing.assert_array_equal(cleared, now)
        assert fires == {"cells": 0, "light": 0, "share": 0}


def test_growth_at_the_edge_of_a_town_and_unknown_cells_stay():
    before, now, _ = nights()
    now[4, 4:10], now[0, 0] = 40.0, np.nan
    before[20, 20], now[20, 20] = np.nan, 80.0
    np.testing.assert_array_equal(without_fires(now, [before], CELLS)[0], now)
