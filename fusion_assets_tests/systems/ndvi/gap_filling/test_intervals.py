"""Intervals cover the stated share of what new dates show, not of the pixels that they were made from."""

import numpy as np
import pytest

from fusion_assets.systems.ndvi.gap_filling.intervals import COVERED, SITUATIONS, calibrate

ONE = np.ones(1)


def errors(random, folds, pixels=200, together=1.0):
    """Errors of pixels of some dates: of one date alike, as far as `together` says; and of a new date."""
    date = random.normal(0, 1, folds + 1)[:, None]
    error = together * date + np.sqrt(1 - together**2) * random.normal(0, 1, (folds + 1, pixels))
    return error[:-1].ravel(), np.repeat(np.arange(folds), pixels), error[-1]


def covered(folds, together, times=300):
    random, inside = np.random.default_rng(0), []
    for _ in range(times):
        error, fold, new = errors(random, folds, together=together)
        intervals = calibrate(error, np.ones(len(error)), np.zeros(len(error), int), fold)
        low, high = (ends[0] for ends in (intervals.low, intervals.high))
        inside.append(((new >= low) & (new <= high)).mean())
    return np.mean(inside)


@pytest.mark.slow
@pytest.mark.parametrize("together", [0.3, 0.9])
@pytest.mark.parametrize("folds", [5, 10])
def test_new_dates_are_covered_though_pixels_of_a_date_are_wrong_together(folds, together):
    assert 0.86 < covered(folds, together) < 0.96


def test_where_pixels_are_independent_ends_are_plain_quantiles():
    error, fold, _ = errors(np.random.default_rng(1), 10, pixels=2000, together=0)
    intervals = calibrate(error, np.ones(len(error)), np.zeros(len(error), int), fold)
    plain = np.quantile(error, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    np.testing.assert_allclose([intervals.low[0], intervals.high[0]], plain, atol=0.05)


def test_a_class_of_few_folds_takes_the_ends_of_all():
    random = np.random.default_rng(2)
    error, fold, _ = errors(random, 10, together=0)
    group = np.where(fold < 4, SITUATIONS - 1, 0)
    error[fold < 4] *= 5
    intervals = calibrate(error, np.ones(len(error)), group, fold)
    assert intervals.high[-1] == intervals.high[1] > intervals.high[0] > 0
    assert calibrate(error, np.full(len(error), 2.0), group, fold).high[0] == pytest.approx(intervals.high[0] / 2)


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_error_is_an_interval_all_the_same(count):
    intervals = calibrate(np.zeros(count), np.ones(count), np.zeros(count, int), np.zeros(count, int))
    low, high = intervals.around(0.5 * ONE, 0.1 * ONE, ONE.astype(int))
    assert low <= 0.5 <= high
