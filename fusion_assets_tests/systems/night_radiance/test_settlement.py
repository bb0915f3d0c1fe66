"""A map of built-up land as a guide: brought to the map's pixels, and what light is shared by."""

import dataclasses

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.examples import examples_of
from fusion_assets.systems.night_radiance.methods.table import BUILT_UP, METHODS, SHARE, methods_for
from fusion_assets.systems.night_radiance.settlement import built_up_on
from fusion_assets_tests.systems.night_radiance.towns import place

FINE = Grid("EPSG:32645", Affine(60, 0, 500_000, 0, -60, 3_000_000), 40, 40)


def mapped(grid, values):
    return grid.dataset({"probability": np.asarray(values, "float32"), "built_up": np.zeros(grid.shape, "uint8")})


def test_a_finer_map_is_averaged_by_area():
    grid = FINE.refine(3)
    values = np.random.default_rng(0).random(grid.shape)
    values[:2, :3] = np.nan  # two thirds of a pixel
    values[:1, 3:6] = np.nan
    found = built_up_on(mapped(grid, values), "maps", FINE)
    expected = values.astype("float32").reshape(40, 3, 40, 3).mean(axis=(1, 3))
    assert np.isnan(found[0, 0])
    assert found[0, 1] == pytest.approx(np.nanmean(values[:3, 3:6]), rel=1e-5)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-5)


def test_a_coarser_map_is_interpolated_and_the_same_grid_stays_as_it_is():
    coarse = Grid(FINE.crs, FINE.transform @ Affine.scale(5), 8, 8)
    slope = np.tile(np.linspace(0.1, 0.8, 8), (8, 1))
    found = built_up_on(mapped(coarse, slope), "maps", FINE)
    steps = np.diff(found[20, 5:-5])
    np.testing.assert_allclose(steps, 0.1 / 5, rtol=1e-3)
    values = np.random.default_rng(0).random(FINE.shape).astype("float32")
    values[3, 4] = np.nan
    np.testing.assert_array_equal(built_up_on(mapped(FINE, values), "maps", FINE), values)


@pytest.mark.parametrize(
    ("raster", "found"),
    [
        (FINE.dataset({"built_up": np.zeros(FINE.shape)}), "maps holds built_up"),
        (mapped(FINE, np.full(FINE.shape, 40.0)), "probability of maps is 40 to 40"),
        (mapped(FINE, np.full(FINE.shape, np.nan)), "no data at all"),
    ],
)
def test_what_is_no_map_of_probabilities_is_refused(raster, found):
    with pytest.raises(FusionError, match=found):
        built_up_on(raster, "maps", FINE)


def test_light_is_shared_by_it_rather_than_by_the_index():

    known = place()
    share = known.guides[SHARE]
    noise = np.random.default_rng(4).random(share.shape).astype("float32")
    answers = {}
    seen = {"index": {SHARE: share}, "noise": {SHARE: noise}, "map": {BUILT_UP: share}}
    for name, guides in {**seen, "both": {SHARE: noise, BUILT_UP: share}}.items():
        (example,) = examples_of(dataclasses.replace(known, guides=guides), copies=0)
        assert "dasymetric" in methods_for(guides)
        answers[name] = METHODS["dasymetric"].fit([], 0)(example.task)
    np.testing.assert_array_equal(answers["both"], answers["index"])
    np.testing.assert_array_equal(answers["map"], answers["index"])
    assert np.abs(answers["noise"] - answers["index"]).max() > 1
