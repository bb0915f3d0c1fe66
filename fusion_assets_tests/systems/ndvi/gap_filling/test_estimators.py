"""What every estimator keeps to, and what it makes of years that lack something."""

import io
from dataclasses import replace

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.ndvi.gap_filling.estimators import (
    ESTIMATORS,
    INTERPOLATED,
    NO_DATA,
    OBSERVED,
    RADAR,
    fitted_from_dict,
)
from fusion_assets_tests.systems.ndvi.fields import START, fields, truth

SAMPLE = 3000
ON_RADAR_ALONE = ["seed_as_printed", "published_formula", "linear", "random_forest"]
ON_NEIGHBOURS = ["interpolation", "whittaker", "fused"]


@pytest.fixture(scope="module")
def series():
    return fields()


@pytest.fixture(scope="module")
def fitted(series):
    return {name: estimator.fit(series, sample=SAMPLE) for name, estimator in ESTIMATORS.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_observed_values_are_kept_and_the_rest_is_filled_within_range(series, fitted, name):
    clear = np.isfinite(series.ndvi)
    estimate = fitted[name].fill(series, series.time)
    assert np.array_equal(estimate.ndvi[clear], series.ndvi[clear])
    assert (estimate.source[clear] == OBSERVED).all() and (estimate.source[~clear] > OBSERVED).all()
    assert (np.abs(estimate.ndvi) <= 1).all()
    assert (estimate.low <= estimate.ndvi).all() and (estimate.ndvi <= estimate.high).all()
    assert (estimate.high > estimate.low)[~clear].all() or name in ("seed_as_printed", "published_formula")
    assert np.array_equal(estimate.low[clear], series.ndvi[clear])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_any_dates_in_any_order(series, fitted, name):
    asked = START + np.array([200, 33, 121])
    estimate = fitted[name].fill(series, asked)
    again = fitted[name].fill(series, asked[::-1])
    assert np.array_equal(estimate.ndvi, again.ndvi[::-1])
    assert estimate.ndvi.shape == (3, series.pixels) and np.isfinite(estimate.ndvi).all()
    assert fitted[name].fill(series, asked[:0]).ndvi.shape == (0, series.pixels)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pixels_do_not_depend_on_their_block(series, fitted, name):
    whole, part = fitted[name].fill(series, series.time), fitted[name].fill(series.take(slice(40, 60)), series.time)
    assert np.array_equal(whole.ndvi[:, 40:60], part.ndvi)
    assert np.array_equal(whole.source[:, 40:60], part.source)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_stored_without_pickle_and_fitted_alike_twice(series, fitted, name):
    file = io.BytesIO()
    np.savez(file, **fitted[name].to_dict())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        loaded = fitted_from_dict(dict(arrays))
    times = START + np.arange(0, 365, 30)
    expected = fitted[name].fill(series, times).ndvi
    assert np.array_equal(loaded.fill(series, times).ndvi, expected)
    assert np.array_equal(ESTIMATORS[name].fit(series, sample=SAMPLE).fill(series, times).ndvi, expected)


def test_a_stored_estimator_of_another_kind_is_refused():
    with pytest.raises(FusionError, match="fit the model again"):
        fitted_from_dict({"name": np.array("kriging")})


def test_the_fusion_is_right_where_interpolation_cuts_corners(series):
    days = (series.time - START).astype(int)
    hidden = (days > 150) & (days < 260)
    left, expected = series.without(hidden), truth(days, series.pixels)[hidden]
    error = {}
    for name in ("fused", "interpolation"):
        estimate = ESTIMATORS[name].fit(left, sample=8000).fill(left, series.time[hidden])
        error[name] = np.sqrt(np.mean((estimate.ndvi - expected) ** 2))
    assert error["fused"] < 0.8 * error["interpolation"]


def test_radar_that_tells_nothing_does_no_harm(series):
    random = np.random.default_rng(0)
    passes, pixels = random.permutation(len(series.radar_time)), random.permutation(series.pixels)
    useless = replace(series, vv=series.vv[passes][:, pixels], vh=series.vh[passes][:, pixels])
    days = (series.time - START).astype(int)
    squares = dict.fromkeys(("fused", "interpolation"), 0.0)
    for middle in (60, 180, 300):
        hidden = np.abs(days - middle) < 25
        left, expected = useless.without(hidden), truth(days, series.pixels)[hidden]
        for name in squares:
            estimate = ESTIMATORS[name].fit(left, sample=SAMPLE).fill(left, series.time[hidden])
            squares[name] += np.mean((estimate.ndvi - expected) ** 2)
    assert squares["fused"] < 1.1 * squares["interpolation"]


@pytest.mark.parametrize("name", ["interpolation", "fused"])
def test_few_dates_make_intervals_wider_and_not_wrong(series, name):
    days = (series.time - START).astype(int)
    clear = np.flatnonzero(np.isfinite(series.ndvi).any(axis=1))
    inside = []
    for first in range(5):
        few = series.without(~np.isin(np.arange(len(days)), clear[first::5]))
        estimate = ESTIMATORS[name].fit(few, sample=SAMPLE).fill(few, series.time)
        expected = truth(days, series.pixels)
        between = np.isnan(few.ndvi) & np.isfinite(series.ndvi)
        inside.append(((expected >= estimate.low) & (expected <= estimate.high))[between].mean())
    assert np.mean(inside) > 0.85 and min(inside) > 0.75


def test_the_formulas_say_how_many_left_the_range(series, fitted):
    assert fitted["seed_as_printed"].fill(series, series.time).outside > 0
    assert fitted["published_formula"].state["sign"] in (-1, 1)


@pytest.mark.parametrize("name", ON_NEIGHBOURS)
def test_a_year_without_radar_is_interpolated(series, name):
    blind = series.without_radar()
    estimate = ESTIMATORS[name].fit(blind, sample=SAMPLE).fill(blind, series.time)
    filled = np.isnan(series.ndvi)
    assert (estimate.source[filled] == INTERPOLATED).all() and np.isfinite(estimate.ndvi).all()
    true = truth((series.time - START).astype(int), series.pixels)
    assert np.sqrt(np.mean((estimate.ndvi - true)[filled] ** 2)) < 0.15


@pytest.mark.parametrize("name", ["linear", "random_forest", "published_formula"])
def test_without_radar_an_estimator_that_rests_on_it_says_so(series, name):
    with pytest.raises(FusionError, match="rests on radar alone"):
        ESTIMATORS[name].fit(series.without_radar(), sample=SAMPLE)


def test_radar_that_stops_in_summer_is_done_without_from_then_on(series, fitted):
    early = series.radar_time < START + 180
    short = replace(
        series, radar_time=series.radar_time[early], vv=series.vv[early], vh=series.vh[early], orbit=series.orbit[early]
    )
    estimate = fitted["fused"].fill(short, series.time)
    late = series.time > START + 200
    assert not (estimate.source[late] == RADAR).any() and np.isfinite(estimate.ndvi).all()
    assert (fitted["linear"].fill(short, series.time).source[late] != RADAR).all()


def test_one_orbit_missing_changes_little(series, fitted):
    one = series.orbit == 0
    half = replace(
        series, radar_time=series.radar_time[one], vv=series.vv[one], vh=series.vh[one], orbit=series.orbit[one]
    )
    true = truth((series.time - START).astype(int), series.pixels)
    filled = np.isnan(series.ndvi)
    for estimator in (fitted["fused"], ESTIMATORS["fused"].fit(half, sample=SAMPLE)):
        estimate = estimator.fill(half, series.time)
        assert np.sqrt(np.mean((estimate.ndvi - true)[filled] ** 2)) < 0.1


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("clear", [0, 1, 2])
def test_a_year_with_no_or_hardly_any_clear_scene_is_an_error(series, name, clear):
    overcast = np.ones(len(series.time), bool)
    overcast[np.flatnonzero(np.isfinite(series.ndvi).any(axis=1))[:clear]] = False
    with pytest.raises(FusionError, match=f"{clear} of 73 Sentinel-2 scenes have clear pixels"):
        ESTIMATORS[name].fit(series.without(overcast), sample=SAMPLE)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_pixel_that_is_never_clear_rests_on_radar_or_stays_empty(series, fitted, name):
    hidden = series.take(slice(0, 5)).without(np.ones(len(series.time), bool))
    estimate = fitted[name].fill(hidden, series.time)
    if name in ("interpolation", "whittaker"):
        assert np.isnan(estimate.ndvi).all() and np.isnan(estimate.low).all() and (estimate.source == NO_DATA).all()
    else:
        assert np.isfinite(estimate.ndvi).all() and (estimate.source == RADAR).all()
    nothing = fitted[name].fill(hidden.without_radar(), series.time)
    assert np.isnan(nothing.ndvi).all() and (nothing.source == NO_DATA).all()


@pytest.mark.parametrize("name", ON_NEIGHBOURS)
def test_scenes_all_cloud_change_nothing(series, fitted, name):
    clear = np.isfinite(series.ndvi).any(axis=1)
    assert not clear.all()
    without = replace(series, time=series.time[clear], ndvi=series.ndvi[clear])
    expected, found = (fitted[name].fill(s, START + np.arange(0, 365, 20)).ndvi for s in (without, series))
    assert np.allclose(expected, found, atol=2e-3 if name == "whittaker" else 0)


def test_few_clear_scenes_are_enough(series):
    clear = np.flatnonzero(np.isfinite(series.ndvi).any(axis=1))[::8]
    few = series.without(~np.isin(np.arange(len(series.time)), clear))
    assert 3 <= len(clear) < 7
    known = np.isfinite(few.ndvi).any(axis=0)
    for estimator in ESTIMATORS.values():
        assert np.isfinite(estimator.fit(few, sample=SAMPLE).fill(few, series.time).ndvi[:, known]).all()


def test_missing_radar_values_stay_out_of_it(series, fitted):
    vv = series.vv.copy()
    vv[:, :3] = np.nan
    holes = replace(series, vv=vv)
    assert (fitted["linear"].fill(holes, series.time).source[:, :3] != RADAR).all()
    assert np.isfinite(fitted["fused"].fill(holes, series.time).ndvi).all()
