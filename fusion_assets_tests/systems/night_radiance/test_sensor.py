"""The sensor model: adjoint, sums, other CRSs; and conservation."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.imagery_requests import STEP, cells_around
from fusion_assets.systems.night_radiance.resampling import cubic
from fusion_assets.systems.night_radiance.sensor import PointSpread, Sensor, conserve, pixel_metres
from fusion_assets.systems.night_radiance.task import coarser
from fusion_assets_tests.systems.night_radiance.towns import FINE, lamps

MIXTURE = PointSpread((300.0, 900.0), (0.8, 0.2))
METRES = Grid("EPSG:32645", Affine(60, 0, 500_000, 0, -60, 3_000_000), 120, 150)
SENSORS = {
    "blocks": Sensor(FINE, coarser(FINE, 4), PointSpread((1000.0,))),
    "degrees": Sensor(METRES, cells_around(METRES), MIXTURE),
    "parts": Sensor(METRES, cells_around(METRES), MIXTURE, split=3),
    "degrees to degrees": Sensor(
        Grid("EPSG:4326", Affine(STEP, 0, 36.6, 0, -STEP, -1.1), 40, 40),
        Grid("EPSG:4326", Affine(4 * STEP, 0, 36.6, 0, -4 * STEP, -1.1), 10, 10),
        MIXTURE,
    ),
}


@pytest.mark.parametrize("name", SENSORS)
def test_the_adjoint_is_the_adjoint(name):
    sensor, chance = SENSORS[name], np.random.default_rng(0)
    x, y = chance.random(sensor.fine.shape), chance.random(sensor.cells.shape)
    assert (sensor.forward(x) * y).sum() == pytest.approx((x * sensor.adjoint(y)).sum(), rel=1e-9)


@pytest.mark.parametrize("name", SENSORS)
def test_even_light_is_seen_as_it_is(name):
    sensor = SENSORS[name]
    seen = sensor.forward(np.full(sensor.fine.shape, 7.0))[sensor.pixels > 0]
    np.testing.assert_allclose(seen, 7.0, rtol=1e-9)
    assert sensor.pixels.sum() == pytest.approx(sensor.fine.height * sensor.fine.width)


def test_a_lamp_is_spread_as_far_as_the_sensor_sees():
    sensor = Sensor(METRES, METRES, PointSpread((300.0,)))
    lamp = np.zeros(METRES.shape)
    lamp[60, 75] = 1.0
    seen = sensor.forward(lamp)
    rows, _ = np.indices(METRES.shape)
    assert np.sqrt((seen * (rows - 60) ** 2).sum()) * 60 == pytest.approx(300.0, rel=0.02)


def test_degrees_are_shorter_to_the_east_away_from_the_equator():
    height, width = pixel_metres(Grid("EPSG:4326", Affine(STEP, 0, 10, 0, -STEP, 60.02), 10, 10))
    assert width / height == pytest.approx(0.5, abs=0.002) and height == pytest.approx(463.8, abs=0.1)


@pytest.mark.parametrize("rounds", [1, 5, 30])
@pytest.mark.parametrize("name", ["blocks", "degrees", "parts"])
def test_conservation_keeps_every_sum_and_makes_nothing_negative(name, rounds):
    sensor = SENSORS[name]
    truth, _ = lamps(1, sensor.fine.shape)
    cells = sensor.forward(truth)
    found = conserve(sensor, cells, np.ones(sensor.fine.shape), rounds)
    assert found.sum() == pytest.approx((cells * sensor.pixels).sum(), rel=1e-9) and found.min() >= 0
    if rounds == 30:
        assert np.abs(sensor.forward(found) - cells).sum() / cells.sum() < 0.03


def test_cells_without_a_number_change_nothing_around_them():
    sensor = SENSORS["blocks"]
    cells = sensor.forward(lamps(1)[0])
    cells[3:6, 3:6] = np.nan
    found = conserve(sensor, cells, np.full(sensor.fine.shape, 2.0), 5)
    assert np.isfinite(found).all() and found[18, 18] == pytest.approx(2.0, rel=0.3)


def test_dark_cells_stay_dark_and_negative_ones_count_as_dark():
    sensor = SENSORS["blocks"]
    found = conserve(sensor, np.full(sensor.cells.shape, -0.3), np.ones(sensor.fine.shape), 3)
    assert found.max() == 0.0


@pytest.mark.parametrize(("sigmas", "weights"), [((), ()), ((1.0,), (0.5,)), ((1.0, 2.0), (1.0,)), ((-1.0,), (1.0,))])
def test_a_spread_that_is_none_is_refused(sigmas, weights):
    with pytest.raises(FusionError, match="weights that sum to 1"):
        PointSpread(sigmas, weights)


def test_cells_are_those_of_the_product():
    cells = cells_around(METRES)
    # Middles of cells lie on multiples of 15 arc seconds, counted from 180 W and 75 N.
    x, y = cells.centres()
    for axis in ((x + 180) / STEP, (75 - y) / STEP):
        np.testing.assert_allclose(axis, np.round(axis), atol=1e-6)


def test_splines_go_through_what_they_are_made_of():
    values = np.random.default_rng(0).random(FINE.shape)
    np.testing.assert_allclose(cubic(values, FINE, FINE), values, atol=1e-9)
