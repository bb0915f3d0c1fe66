"""The sensor's footprint: known widths found again, and no answer where cells and imagery give none."""

import functools

import numpy as np
import pytest
from affine import Affine
from scipy.ndimage import gaussian_filter

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.footprint import Estimate, estimated, footprint_of
from fusion_assets.systems.night_radiance.mapping import psf_of
from fusion_assets.systems.night_radiance.section import ESTIMATE, FOOTPRINT
from fusion_assets.systems.night_radiance.sensor import Sensor
from fusion_assets.systems.night_radiance.task import Task, coarser, with_noise
from fusion_assets_tests.systems.night_radiance.towns import lamps

FINE = Grid("EPSG:32645", Affine(116, 0, 500_000, 0, -116, 3_000_000), 152, 152)
CELLS = coarser(FINE, 4)
SHARE = lamps(5, FINE.shape)[1]
GOOD = Estimate(900.0, 800.0, 1000.0, 0.9, 12, "")


@functools.cache
def seen(width):
    """Noisy cells of a place by a footprint of this width; lamps scatter about what imagery tells, and beyond it."""
    lit = gaussian_filter(SHARE.astype(float), 1.0)
    radiance = 0.2 + 60 * lit * np.exp(0.5 * np.random.default_rng(1).standard_normal(FINE.shape))
    sensor = Sensor(FINE, CELLS, psf_of(width))
    return with_noise(Task(sensor, sensor.forward(radiance), {}), 0.02, 0.08, seed=2).measured


@pytest.mark.parametrize("width", [700.0, 850.0, 1000.0])
def test_a_known_width_is_found_again(width):
    found = estimated(FINE, CELLS, seen(width), {"settlement": SHARE})
    assert not found.refusal and found.low <= width <= found.high
    assert found.value == pytest.approx(width, rel=0.15)
    used = footprint_of(ESTIMATE, found)
    assert (used.metres, used.source) == (found.value, "estimated") and not used.contradicted


def test_a_width_that_cells_are_too_coarse_for_is_not_taken():
    found = estimated(FINE, CELLS, seen(450.0), {"settlement": SHARE})
    assert "is not within 300 to 1500 m" in found.refusal and footprint_of(ESTIMATE, found).metres == FOOTPRINT


def test_finer_imagery_tells_the_same():
    fine = FINE.refine(4)
    whole = estimated(FINE, CELLS, seen(742.0), {"settlement": SHARE})
    found = estimated(fine, CELLS, seen(742.0), {"settlement": SHARE.repeat(4, 0).repeat(4, 1)})
    assert found.value == pytest.approx(whole.value, rel=0.03)


def test_imagery_that_knows_nothing_of_lamps_tells_no_width():
    chance = np.random.default_rng(3).random(FINE.shape).astype("float32")
    found = estimated(FINE, CELLS, seen(742.0), {"settlement": chance})
    used = footprint_of(ESTIMATE, found)
    assert "day imagery that tells" in found.refusal
    assert (used.metres, used.source, used.why) == (FOOTPRINT, "default", found.refusal) and not used.contradicted


@pytest.mark.parametrize("cells", [np.zeros(CELLS.shape), np.full(CELLS.shape, np.nan)], ids=["dark", "unknown"])
def test_where_nothing_shines_the_default_is_used_and_says_why(cells):
    found = estimated(FINE, CELLS, cells, {"settlement": SHARE})
    used = footprint_of(ESTIMATE, found)
    assert found is None and (used.metres, used.source) == (FOOTPRINT, "default") and "lights enough" in used.why


def test_even_imagery_is_no_imagery():
    assert estimated(FINE, CELLS, seen(742.0), {"settlement": np.ones(FINE.shape)}) is None


def test_what_a_study_states_is_used_and_compared_with_the_cells():
    assert footprint_of(FOOTPRINT, None).source == "default"
    stated = footprint_of(850.0, GOOD)
    assert (stated.metres, stated.source, stated.contradicted) == (850.0, "study", False)
    assert footprint_of(FOOTPRINT, GOOD).contradicted
    assert stated.to_dict()["estimate"]["value"] == 900.0 and stated.to_dict()["unit"] == "m"
