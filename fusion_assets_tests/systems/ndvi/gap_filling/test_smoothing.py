"""The smoother against the definition solved densely."""

import numpy as np
import pytest

from fusion_assets.systems.ndvi.gap_filling.smoothing import LEVELLING, STRIP, whittaker


def by_definition(days, values, smoothness):
    """Least squares on the stacked equations: values, curvatures and slopes."""
    clear, step = np.isfinite(values), np.diff(days)
    rows = [*np.eye(len(days))[clear]]
    for k, h in enumerate(step):
        row = np.zeros(len(days))
        row[k : k + 2] = np.array([-1, 1]) * np.sqrt(smoothness / h) / LEVELLING
        rows.append(row)
    for k in range(1, len(days) - 1):
        row = np.zeros(len(days))
        row[k - 1 : k + 2] = 1 / step[k - 1], -1 / step[k - 1] - 1 / step[k], 1 / step[k]
        rows.append(row * np.sqrt(smoothness / ((step[k - 1] + step[k]) / 2)))
    right = np.zeros(len(rows))
    right[: clear.sum()] = values[clear]
    return np.linalg.lstsq(np.array(rows), right, rcond=None)[0]


@pytest.mark.parametrize("smoothness", [1.0, 1e3, 1e6])
def test_solves_the_equations_at_uneven_dates(smoothness):
    random = np.random.default_rng(0)
    days = np.cumsum(random.integers(1, 20, 30))
    values = np.where(random.random((30, STRIP + 7)) < 0.5, random.random((30, STRIP + 7)), np.nan).astype(np.float32)
    smooth = whittaker(days, values, smoothness)
    for pixel in (0, 1, STRIP - 1, STRIP, STRIP + 6):
        assert np.allclose(smooth[:, pixel], by_definition(days, values[:, pixel].astype(float), smoothness), atol=1e-4)


def test_no_value_no_curve_and_one_value_a_level():
    values = np.full((10, 2), np.nan, np.float32)
    values[4, 1] = 0.6
    smooth = whittaker(np.arange(10) * 5, values, 100.0)
    assert np.isnan(smooth[:, 0]).all()
    assert np.allclose(smooth[:, 1], 0.6, atol=1e-4)


@pytest.mark.parametrize("dates", [1, 2, 3])
def test_few_dates(dates):
    values = np.linspace(0.2, 0.4, dates, dtype=np.float32)[:, None]
    assert np.allclose(whittaker(np.arange(dates) * 10, values, 1e-2), values, atol=1e-3)


def test_threads_change_nothing():
    random = np.random.default_rng(1)
    values = np.where(random.random((12, 40_000)) < 0.5, random.random((12, 40_000)), np.nan).astype(np.float32)
    days = np.arange(12) * 5
    assert np.array_equal(whittaker(days, values, 100.0, threads=4), whittaker(days, values, 100.0, threads=1), True)
