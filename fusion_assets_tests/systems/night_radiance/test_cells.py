"""Lights of a year on the product's own cells."""

import numpy as np
import pytest
import xarray as xr

from fusion_assets.systems.night_radiance.cells import background, dark, yearly


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
