"""Effective resolution: of maps that share what is known with their truth, from all of it to nothing."""

import numpy as np
import pytest

from fusion_assets.systems.night_radiance.effective_resolution import effective_resolutions, text_of
from fusion_assets.systems.night_radiance.scores import Predictions

SIDE, PIXEL, RATIO = 96, 50.0, 8.0
SHARED = 400.0
"""Metres: the shortest period that map and truth of `grains` have in common."""


def grains(seed):
    """(coarser, finer) parts of noise, by periods of more and less than `SHARED`."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal((SIDE, SIDE)))
    frequency = np.fft.fftfreq(SIDE, PIXEL)
    coarse = np.hypot(frequency[:, None], frequency[None, :]) < 1 / SHARED
    return tuple(np.fft.ifft2(np.where(part, spectrum, 0)).real for part in (coarse, ~coarse))


COARSE, FINER = grains(0)
TRUTH = 20 * np.exp(COARSE + FINER)
MAPS = {
    "same": TRUTH,
    "darker": TRUTH / 3,
    "coarse": 20 * np.exp(COARSE + grains(1)[1]),
    "other": 20 * np.exp(sum(grains(2))),
}


def found(truth=TRUTH, methods=tuple(MAPS), pixel=(PIXEL, PIXEL), ratio=RATIO):
    place = Predictions("here", truth, np.zeros(truth.shape, int), MAPS)
    return effective_resolutions([place], methods, pixel, ratio, draws=200)


def test_a_perfect_map_has_the_size_of_its_pixels_and_one_of_another_place_none():
    entries = found()
    assert entries["same"]["value"] == entries["same"]["low"] == entries["same"]["finest"] == PIXEL
    assert text_of(entries["same"]).startswith("50 m or less")
    assert entries["other"]["value"] == entries["other"]["coarsest"] == PIXEL * 48 / 2
    assert text_of(entries["other"]).startswith("1200 m or more")


def test_a_map_is_as_fine_as_what_it_shares_with_the_truth():
    entry = found()["coarse"]
    assert entry["value"] == pytest.approx(SHARED / 2, rel=0.15)
    assert entry["low"] <= entry["value"] <= entry["high"]


def test_contrast_is_no_resolution():
    assert found()["darker"]["value"] == PIXEL


def test_pixels_that_are_no_squares_count_by_their_area():
    entry = found(methods=("same",), pixel=(PIXEL, PIXEL / 2))["same"]
    assert entry["finest"] == pytest.approx(PIXEL / 2**0.5)


def test_windows_with_unknown_pixels_are_left_out():
    truth = TRUTH.copy()
    truth[:, 80:] = np.nan
    assert found(truth)["coarse"]["value"] == pytest.approx(SHARED / 2, rel=0.2)
    truth[::20] = np.nan
    assert found(truth) == {}


def test_places_of_few_pixels_tell_nothing():
    assert found(ratio=1.0) == {}
