"""Finer sensors put in place and brought to radiance, and what errors against them come to."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from fusion_assets.errors import FusionError
from fusion_assets.systems.night_radiance import references
from fusion_assets.systems.night_radiance.evaluation import truth_table
from fusion_assets.systems.night_radiance.reference_files import Plane, Reference, plane_of
from fusion_assets.systems.night_radiance.scores import figures
from fusion_assets_tests.systems.night_radiance.finer_sensors import (
    EAST,
    FINE,
    GAIN,
    NORTH,
    OFFSET,
    STEP,
    lit,
    out_of_place,
    task,
)


def reference(path, **keys):
    return Reference(**{"path": str(path), "unit": "DN", "date": "2022-11-05", **keys})


def read(path, **keys):
    return plane_of(reference(path, **keys), FINE, references.AROUND)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A finer sensor's part of the square, and how it becomes radiance."""
    plane = read(out_of_place(tmp_path_factory.mktemp("finer") / "finer.tif"))
    return plane, references.registered(plane, task())


def test_place_and_unit_are_found(seen):
    _, fit = seen
    assert np.hypot(fit.east + EAST, fit.north + NORTH) < 0.3 * STEP
    assert fit.gain == pytest.approx(GAIN, rel=0.02) and fit.offset == pytest.approx(OFFSET, abs=0.2)
    assert fit.correlation > 0.99 and fit.cells > 1000


def test_lamps_that_came_between_two_dates_decide_little(seen):
    plane, before = seen
    values = plane.values.copy()
    chance = np.random.default_rng(5)
    for row, column in chance.integers(60, 300, (25, 2)):
        values[row : row + 4, column : column + 4] += 400
    fit = references.registered(Plane(values, plane.grid), task())
    assert np.hypot(fit.east - before.east, fit.north - before.north) < 0.3 * STEP
    assert fit.gain == pytest.approx(before.gain, rel=0.05)


def test_a_sensor_on_a_grid_of_degrees_in_a_unit_that_is_no_straight_line(tmp_path):
    path = out_of_place(
        tmp_path / "luojia.tif", 0, 0.0011, "EPSG:4326", lambda radiance: (radiance / (1e-5 * 0.52)) ** (2 / 3)
    )
    plane = read(path, unit="LuoJia_DN")
    fit = references.registered(plane, task())
    assert np.hypot(fit.east + EAST, fit.north + NORTH) < 0.3 * 110
    # A mean of digital numbers is a little less than the number of the mean.
    assert 1 <= fit.gain < 1.3
    put = references.moved(plane, fit, FINE)
    table, metres = references.compared(put, task(), {"bicubic": lit()[1], "bicubic_conserved": task().start}, "here")
    assert 105 < metres < 125
    errors = references.figures_of(table, 200)["methods"]
    assert errors["bicubic"]["rmse"]["value"] < 0.5 * errors["bicubic_conserved"]["rmse"]["value"]
    assert errors["bicubic"]["spearman"]["value"] > 0.97


def test_errors_are_those_against_the_truth_where_the_sensor_is_right(tmp_path):
    place, truth = task(), lit()[1]
    maps = {"bicubic": place.bicubic, "bicubic_conserved": place.start}
    plane = Plane(truth, FINE)
    table, metres = references.compared(plane, place, maps, "here")
    assert metres == STEP
    entry = references.entry_of(
        reference("a/b.tif", unit="nW/cm2/sr"), 2022, "here", references.registered(plane, place), table, metres
    )
    whole = truth_table(place, truth, maps, "here")
    expected = figures(whole[whole["sensor"] == "60 m"])
    for name, row in expected["methods"].items():
        for what in ("rmse", "mae", "r2", "to_bicubic"):
            assert entry["errors"]["methods"][name][what]["value"] == pytest.approx(row[what]["value"])
        rank = entry["errors"]["methods"][name]["spearman"]
        assert rank["value"] == pytest.approx(spearmanr(truth.ravel(), maps[name].ravel())[0])
        assert rank["low"] < rank["value"] < rank["high"]
    assert (entry["name"], entry["unit"], entry["date"]) == ("b.tif", "nW/cm2/sr", "2022-11-05")
    assert np.hypot(entry["shift"]["east"], entry["shift"]["north"]) < 0.3 * STEP


def test_maps_are_averaged_over_coarser_pixels_and_finer_ones_over_the_map_s():
    place, truth = task(), lit()[1]
    maps = {"bicubic": truth, "bicubic_conserved": truth}
    halves = truth.reshape(134, 2, 134, 2).mean(axis=(1, 3))
    coarse = type(FINE)(FINE.crs, FINE.transform @ FINE.transform.scale(2), 134, 134)
    table, metres = references.compared(
        Plane(halves, coarse), place, {"bicubic": truth, "bicubic_conserved": truth}, "h"
    )
    assert metres == 2 * STEP and table["squared_error"].max() < 1e-9 and table["cells"].sum() == 2 * 134 * 134
    finer = Plane(np.kron(truth, np.ones((3, 3))), FINE.refine(3))
    table, metres = references.compared(finer, place, maps, "h")
    assert metres == STEP and table["squared_error"].max() < 1e-9 and table["cells"].sum() == 2 * 268 * 268


def test_what_half_of_a_pixel_is_unknown_of_is_not_compared():
    truth = np.ones(FINE.refine(2).shape)
    truth[:43] = np.nan
    table, _ = references.compared(
        Plane(truth, FINE.refine(2)), task(), dict.fromkeys(("bicubic", "bicubic_conserved"), lit()[1]), "h"
    )
    assert table["cells"].sum() == 2 * (268 - 21) * 268


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda values: np.random.default_rng(0).random(values.shape), "shows other lights"),
        (lambda values: -values, "shows other lights"),
        (lambda values: np.where(np.indices(values.shape).min(axis=0) > 120, np.nan, values)[:60, :60], "cells of the"),
        (lambda values: np.roll(values, (0, 40), (0, 1)), "fits the product best where it is moved|other lights"),
    ],
    ids=["noise", "negative", "small", "far"],
)
def test_other_lights_than_the_product_s_are_refused(seen, change, found):
    plane, _ = seen
    values = change(plane.values)
    with pytest.raises(FusionError, match=found):
        references.registered(Plane(values, plane.grid.window(0, 0, *values.shape)), task())
