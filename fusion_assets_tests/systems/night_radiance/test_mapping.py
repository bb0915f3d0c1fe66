"""The map of a region: as much light as the product has, dark where it is dark, wider intervals at finer pixels."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance import mapping
from fusion_assets.systems.night_radiance.cells import dark
from fusion_assets.systems.night_radiance.guides import guides_of, on_cells
from fusion_assets.systems.night_radiance.imagery_requests import cells_around
from fusion_assets.systems.night_radiance.methods.table import NO_IMAGERY, SHARE
from fusion_assets.systems.night_radiance.resampling import nearest
from fusion_assets.systems.night_radiance.sensor import Sensor
from fusion_assets_tests.systems.night_radiance.towns import lamps

FINE = Grid("EPSG:32645", Affine(60, 0, 500_000, 0, -60, 3_000_000), 150, 160)
CELLS = cells_around(FINE)
SPREAD = {"level": [0.0, 10.0], "low": [-0.5, -0.2], "high": [0.5, 0.2]}
MODEL = {"method": NO_IMAGERY, "rounds": 20, "spread": SPREAD, "growth": 1.0}


@pytest.fixture
def cells():
    truth = np.kron(lamps(2, (30, 32))[0], np.ones((5, 5)))
    return Sensor(FINE, CELLS, mapping.psf_of(742)).forward(truth)


def task(cells, **guides):
    return mapping.task_of(FINE, CELLS, cells, guides, 742, 20)


def test_every_band_is_in_nanowatts_and_the_total_is_the_products(cells):
    cells[12, 14:17] = np.nan
    bands = mapping.fine_map(task(cells), MODEL)
    assert list(bands) == ["radiance", "low", "high", "imagery_effect"]
    kept = mapping.conservation(task(cells), bands["radiance"].astype(float))
    assert abs(kept["total"]) < 1e-6 and kept["cells"] < 0.05
    assert (bands["low"] <= bands["radiance"]).all() and (bands["radiance"] <= bands["high"]).all()
    assert bands["radiance"].min() >= 0 and np.abs(bands["imagery_effect"]).max() < 0.2


def test_pixels_of_dark_cells_are_no_lamps(cells):
    cells[10:18, 10:18] = -0.1
    made = task(cells)
    lit = mapping.answer_of(MODEL)(made) + np.where(np.random.default_rng(0).random(FINE.shape) < 0.01, 30.0, 0.0)
    quiet = mapping.darkened(made, lit)
    where = nearest(dark(cells).astype(float), CELLS, FINE) > 0.5
    assert quiet[where].max() < mapping.DARKEST_MOST and quiet.sum() == pytest.approx(lit.sum())


def test_intervals_widen_with_the_step_to_the_pixels(cells):
    low, high = (mapping.fine_map(task(cells), MODEL | {"growth": growth}) for growth in (0.0, 1.0))
    assert (low["high"] - low["low"]).mean() < 0.9 * (high["high"] - high["low"]).mean()


def test_imagery_is_averaged_where_half_of_a_cell_is_known():
    plane = np.full(FINE.shape, 2.0, np.float32)
    plane[:, 80:] = np.nan
    averaged = on_cells({"red": plane}, FINE, CELLS)["red"]
    assert np.isnan(averaged).any() and np.nanmax(averaged) == np.nanmin(averaged) == 2.0


def test_a_place_is_what_both_sensors_know(cells):
    guide = np.random.default_rng(0).random(FINE.shape).astype("float32")
    place = mapping.place_of("here", CELLS, cells, {"red": guide}, FINE)
    assert place.radiance.shape == place.block.shape == place.guides["red"].shape
    assert np.isfinite(place.guides["red"]).all() and (place.block >= 0).mean() > 0.5
    with pytest.raises(FusionError, match="no cell with both"):
        mapping.place_of("here", CELLS, cells, {"red": np.full(FINE.shape, np.nan, "float32")}, FINE)


def test_water_is_not_settled_and_unknown_is_not_zero():
    bands = {f"SR_B{number}": np.full((1, 3), 0.1, np.float32) for number in range(1, 8)}
    bands["SR_B3"][0, 1], bands["SR_B6"][0, 1] = 0.2, 0.01
    bands["SR_B6"][0, 2] = np.nan
    guides = guides_of(bands, tuple(bands))
    assert guides[SHARE][0, 0] == 0.5 and guides[SHARE][0, 1] == 0.0 and np.isnan(guides[SHARE][0, 2])
    assert set(guides_of({"VV": bands["SR_B1"]}, ("VV",))) == {"VV"}
