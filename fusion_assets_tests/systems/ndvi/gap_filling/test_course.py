"""The course of a place: what it says of dates that are left out, and beyond the series' ends."""

import numpy as np
import pytest

from fusion_assets.systems.ndvi.gap_filling.course import course_of
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS
from fusion_assets.systems.ndvi.gap_filling.features import prepare
from fusion_assets_tests.systems.ndvi.fields import START, fields, truth


@pytest.fixture(scope="module")
def series():
    return fields(pixels=60)


def test_leaving_all_out_is_the_mean_and_leaving_out_one_is_near_it(series):
    course = course_of(prepare(series))
    scene = int(course.scenes[len(course.scenes) // 2])
    assert course.without(scene, 0, len(series.time)) == pytest.approx(course.told.mean())
    at = np.searchsorted(course.scenes, scene)
    assert course.without(scene, scene, scene + 1) == pytest.approx(course.told[at], abs=0.1)
    assert np.isnan(course.without(10_000, 0, 1))


def test_what_is_left_out_is_told_as_by_a_course_without_it(series):
    """By the identity, against solving the smaller system."""
    course = course_of(prepare(series))
    k = len(course.scenes)
    low, high = k // 3, k // 3 + 4
    covariance, rest = np.linalg.inv(course.inverse), np.r_[0:low, high:k]
    centred = course.told - course.told.mean()
    alone = covariance[low, rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], centred[rest])
    found = course.without(int(course.scenes[low]), int(course.scenes[low]), int(course.scenes[high]))
    assert found == pytest.approx(alone + course.told.mean(), abs=1e-6)


@pytest.mark.parametrize("last", [False, True])
def test_a_field_alone_is_not_held_constant_beyond_its_clear_dates(last):
    whole = fields(pixels=1)
    days = (whole.time - START).astype(int)
    hidden = days > 160 if last else days < 150
    left, expected = whole.without(hidden), truth(days, 1)[hidden]
    error = {}
    for name in ("fused", "interpolation"):
        estimate = ESTIMATORS[name].fit(left, sample=1500).fill(left, whole.time[hidden])
        error[name] = np.sqrt(np.mean((estimate.ndvi - expected) ** 2))
    assert error["fused"] < 0.7 * error["interpolation"]


def test_without_radar_the_course_is_of_time_alone(series):
    course = course_of(prepare(series.without_radar()))
    assert np.isfinite(course.mean).all() and abs(course.mean[0] - course.told.mean()) < 0.1
