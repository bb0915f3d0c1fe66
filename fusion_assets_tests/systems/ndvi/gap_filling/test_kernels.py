"""The compiled loops against the same arithmetic written out: means in time, levelled orbits, forests."""

import warnings

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from fusion_assets.systems.ndvi.gap_filling import features, forest, kernels
from fusion_assets.systems.ndvi.gap_filling.series import day_numbers
from fusion_assets_tests.systems.ndvi.fields import fields

DAYS = np.array([0, 6, 6, 12, 30, 41, 90])
WEIGHTS = np.exp(-0.5 * (np.arange(16) / 5) ** 2)


def backscatter(pixels=150):
    """More pixels than a strip, and not a multiple of it."""
    values = np.random.default_rng(0).normal(-15, 2, (pixels, len(DAYS))).astype(np.float32)
    values[::3, 2], values[1, :], values[2, 4:] = np.nan, np.nan, np.nan
    return values


def mean_around(values, day):
    near = np.isfinite(values) & (np.abs(DAYS - day) < len(WEIGHTS))
    weights = WEIGHTS[np.abs(DAYS - day)[near]]
    return (weights * values[near]).sum() / weights.sum() if near.any() else np.nan


def test_local_means():
    values, wanted = backscatter(), np.array([-20, 0, 6, 9, 28, 60, 89, 200])
    expected = [[mean_around(row, day) for day in wanted] for row in values]
    np.testing.assert_allclose(kernels.at_scenes(DAYS, values, wanted, WEIGHTS), expected, rtol=1e-5)
    one_by_one = [
        [kernels.local_mean(DAYS, row, kernels.first_from(DAYS, 3, day - 15), day, WEIGHTS) for day in wanted]
        for row in values[:5]
    ]
    np.testing.assert_allclose(one_by_one, expected[:5], rtol=1e-5)


@pytest.mark.parametrize("start", range(8))
def test_first_from_finds_the_same_from_anywhere(start):
    for day in range(-1, 92):
        assert kernels.first_from(DAYS, start, day) == np.searchsorted(DAYS, day)


def test_orbits_are_levelled_pixel_by_pixel():
    days, orbit = np.arange(0, 360, 6), np.arange(60) % 2
    true = -15 + np.random.default_rng(0).normal(0, 0.1, (150, 60))
    apart = np.linspace(0, 4, 150)  # dB, different in every pixel
    values = (true + np.where(orbit == 1, apart[:, None] / 2, -apart[:, None] / 2)).astype(np.float32)
    values[::2, 7], values[3:, 50:] = np.nan, np.nan
    missing = np.isnan(values)
    kernels.level_orbits(days, values, orbit, 2, WEIGHTS)
    np.testing.assert_array_equal(np.isnan(values), missing)
    difference = np.nanmean(values[:, 1::2], axis=1) - np.nanmean(values[:, ::2], axis=1)
    assert np.abs(difference).max() < 0.15


def test_features_do_not_depend_on_the_order_of_queries():
    series = fields(pixels=20)
    prepared, days = features.prepare(series), day_numbers(series.time)
    pixel, at = (axis.ravel() for axis in np.mgrid[:20, : len(days)])
    day = np.r_[days[at], days[at] + 2]  # dates of scenes, where radar is looked up, and others
    pixel = np.r_[pixel, pixel]
    shuffled = np.random.default_rng(0).permutation(len(pixel))
    in_order = features.features(prepared, pixel, day)
    np.testing.assert_array_equal(features.features(prepared, pixel[shuffled], day[shuffled]), in_order[shuffled])


def test_radar_looked_up_is_radar_computed():
    """On a scene's date the means are those of the day, not of the scene."""
    series = fields(pixels=20)
    prepared, days = features.prepare(series), day_numbers(series.time)
    elsewhere = features.Prepared(**{**vars(prepared), "days": days + 1000})  # no date is a scene's
    pixel, day = np.arange(20), np.full(20, days[30])
    column = [features.FEATURES.index(name) for name in ("vv", "vv_wide", "vh", "vh_wide")]
    expected = features.features(elsewhere, pixel, day)[:, column]
    np.testing.assert_allclose(features.features(prepared, pixel, day)[:, column], expected, rtol=1e-6)


@pytest.mark.parametrize("queries", [1, 8, 511, 1300])
def test_a_forest_is_asked_as_scikit_learn_asks_it(queries):
    random = np.random.default_rng(0)
    values = random.normal(0, 1, (2000, 6)).astype(np.float32)
    values[:, 5] = np.round(values[:, 5])  # 0 and -0 among them
    target = np.where(values[:, 0] > 0, values[:, 1], values[:, 5]) + random.normal(0, 0.1, 2000)
    target, fold, asked = target.astype(np.float32), np.arange(2000) % 2, values[:queries]
    seen = np.stack([fold != k for k in (0, 1)])
    grown = forest.grow(values, target, seen, trees=3, leaf=5)
    peers = [
        ExtraTreesRegressor(3, min_samples_leaf=5, max_features=0.6, random_state=k)
        .fit(values[seen[k]], target[seen[k]])
        .predict(asked)
        for k in (0, 1)
    ]
    own = np.arange(queries) % 2
    np.testing.assert_allclose(grown.ask(asked, own)[0], np.choose(own, peers), atol=1e-6)
    mean, spread = grown.ask(asked)
    np.testing.assert_allclose(mean, np.mean(peers, axis=0), atol=1e-6)
    assert (spread > 0).all()


def test_growing_keeps_the_filters_of_warnings(monkeypatch):
    fit, before = ExtraTreesRegressor.fit, list(warnings.filters)
    # What its threads do to each other now and then.
    monkeypatch.setattr(ExtraTreesRegressor, "fit", lambda *given: (fit(*given), warnings.resetwarnings())[0])
    values = np.eye(20, dtype=np.float32)
    forest.grow(values, values[0], np.ones((1, 20), bool), trees=2, leaf=1)
    assert warnings.filters == before != []


def test_a_value_on_a_threshold_goes_left():
    """As scikit-learn compares: a float32 value with a float64 threshold."""
    near = np.nextafter(np.float32([0.1, -0.1, 0.0]), np.float32([1, 1, -1]))
    for threshold in (0.1, -0.1, 0.0, -0.0, 1e-300, -1e-300, float(np.float32(0.1))):
        values = np.float32([*near, 0.1, -0.1, 0.0, -0.0])[:, None]
        leaves = {"mean": np.float32([0, 0, 1]), "variance": np.zeros(3, np.float32)}
        nodes = {"feature": np.int32([0, -1, -1]), "left": np.int32([1, -1, -1]), "right": np.int32([2, -1, -1])}
        nodes |= {"threshold": np.array([threshold, -2, -2]), "root": np.int32([0]), "fold": np.int32([0])}
        right = forest.Forest(**nodes, **leaves).ask(values)[0]
        np.testing.assert_array_equal(right, values[:, 0].astype(np.float64) > threshold)
