"""Speckle: less of it, the same mean, nothing invented, no seams."""

import numpy as np
import pytest

from fusion_assets.systems.ndvi.observations import filtered, treatment

RNG = np.random.default_rng(0)
ORBITS = np.array([8, 51] * 6)


def speckled(shape=(12, 60, 70), looks=5):
    truth = np.where(np.arange(shape[2]) < shape[2] // 2, 0.02, 0.2)[None, None]
    return (10 * np.log10(truth * RNG.gamma(looks, 1 / looks, shape))).astype(np.float32), truth


@pytest.mark.parametrize("method", ["multitemporal", "spatial"])
def test_less_speckle_and_the_same_mean(method):
    values, truth = speckled()
    found = filtered(values, ORBITS, method, 5)
    inner = np.s_[:, :, 10:25]  # away from the edge between the fields
    before, after = (np.power(10, each[inner] / 10) for each in (values, found))
    assert after.mean() == pytest.approx(truth[0, 0, 0], rel=0.03)
    assert after.std() < 0.5 * before.std()


def test_the_multitemporal_filter_keeps_edges_better():
    values, truth = speckled()
    at_edge = np.s_[:, 5:-5, 33:37]
    errors = {
        method: np.abs(np.power(10, filtered(values, ORBITS, method, 7)[at_edge] / 10) - truth[..., 33:37]).mean()
        for method in ("multitemporal", "spatial")
    }
    assert errors["multitemporal"] < errors["spatial"]


def test_orbits_do_not_mix():
    values = np.where(ORBITS == 8, -20.0, -5.0)[:, None, None] * np.ones((1, 9, 9))
    np.testing.assert_allclose(filtered(values.astype(np.float32), ORBITS, "multitemporal", 3), values, atol=1e-3)


@pytest.mark.parametrize("method", ["multitemporal", "spatial"])
def test_no_data_stays_and_does_not_spread(method):
    values, _ = speckled()
    values[3, 10:20, 10:20] = np.nan
    found = filtered(values, ORBITS, method, 5)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    alone = values.copy()
    alone[ORBITS == 51] = np.nan
    np.testing.assert_allclose(filtered(alone, ORBITS, method, 5)[ORBITS == 8], found[ORBITS == 8], rtol=1e-5)


def test_linear_power_becomes_decibels():
    values = np.array([1.0, 0.01, 0.0, np.nan], np.float32).reshape(4, 1, 1, 1)
    made = treatment("1", "none", 5)
    assert made.reach == 0 and treatment("dB", "none", 5) is None
    np.testing.assert_allclose(made.apply(values, ORBITS[:4]).ravel(), [0, -20, np.nan, np.nan])
