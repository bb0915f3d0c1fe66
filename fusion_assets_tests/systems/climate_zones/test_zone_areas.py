import numpy as np
import pandas as pd
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import LEAST
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.climate_zones.legend import SIGNS
from fusion_assets.systems.climate_zones.zone_areas import (
    adjusted_areas,
    zone_areas,
    zone_areas_by_year,
    zone_sample,
)

GRID = Grid("EPSG:32630", Affine(100, 0, 660_000, 0, -100, 4_640_000), 90, 100)
INSIDE = np.ones(GRID.shape, bool)
INSIDE[:, :5] = False
RNG = np.random.default_rng(0)
TRUTH = np.array([1, 3, 6, 11, 17])[RNG.integers(0, 5, (9, 10))].repeat(10, axis=0).repeat(10, axis=1)
MAP = np.where(RNG.random(GRID.shape) < 0.15, 6, TRUTH).astype("uint8")
"""One pixel in seven is taken for open low-rise, which is mapped too large."""


def test_areas_are_geodesic_and_add_up_to_what_is_mapped():
    lcz = MAP.astype("float32")
    lcz[:7], lcz[7:9] = np.nan, 255
    table = zone_areas(lcz, GRID, INSIDE)
    km2, known = GRID.pixel_areas_km2(), INSIDE & (np.arange(90) >= 9)[:, None]
    assert list(table["sign"]) == list(SIGNS)
    assert table["km2"][5] == pytest.approx(km2[known & (MAP == 6)].sum(), rel=1e-12)
    assert table["km2"].sum() == pytest.approx(km2[known].sum()) and table["share"].sum() == pytest.approx(1)
    assert table["pixels"].sum() == known.sum() and table["pixels"][1] == 0


def test_years_are_compared_where_all_of_them_are_mapped():
    earlier, later = MAP.copy(), MAP.copy()
    earlier[20:40] = 0
    later[MAP == 11] = 3
    table = zone_areas_by_year({2020: later, 2018: earlier}, GRID, INSIDE)
    assert list(table["year"].unique()) == [2018, 2020]
    by = table.pivot(index="sign", columns="year", values="km2")
    assert by[2018].sum() == pytest.approx(by[2020].sum()) == table.attrs["compared_km2"]
    assert by[2020]["A"] == 0 and by[2020]["3"] == pytest.approx(by[2018]["3"] + by[2018]["A"])
    assert table.attrs["compared_km2"] / table.attrs["region_km2"] == pytest.approx(70 / 90, rel=1e-3)
    with pytest.raises(FusionError, match=r"no pixel .* 2018, 2020"):
        zone_areas_by_year({2018: np.where(MAP == 1, 1, 0), 2020: np.where(MAP == 1, 0, MAP)}, GRID, INSIDE)


@pytest.mark.parametrize("wrong", [np.full(GRID.shape, 101), MAP[1:], np.full(GRID.shape, 2.5)])
def test_what_is_no_map_is_refused(wrong):
    with pytest.raises(FusionError, match="a map of shape"):
        zone_areas(wrong, GRID, INSIDE)


def looked_at(seed=0, points=600, lcz=MAP):
    """A sample and what people say, who are always right."""
    sample = zone_sample(lcz, GRID, INSIDE, points, seed)
    col = ((sample["x"] - GRID.transform.c) // 100).astype(int)
    row = ((GRID.transform.f - sample["y"]) // 100).astype(int)
    return sample.assign(zone=[f"LCZ {SIGNS[code - 1]}" for code in TRUTH[row, col]])


def test_a_sample_has_strata_of_all_that_is_mapped_and_of_the_unmapped():
    lcz = MAP.copy()
    lcz[:10] = 0
    sample = zone_sample(lcz, GRID, INSIDE, 600, 3)
    counts = sample["stratum"].value_counts()
    assert set(counts.index) == {"1", "3", "6", "A", "G", "unmapped"}
    assert counts.min() >= LEAST and len(sample) == 600
    col = ((sample["x"] - GRID.transform.c) // 100).astype(int)
    assert (col >= 5).all()
    stands_for = (1 / sample["inclusion_probability"]).groupby(sample["stratum"]).sum()
    assert stands_for["6"] == pytest.approx(((lcz == 6) & INSIDE).sum())


def test_with_zones_as_strata_the_areas_are_those_of_olofsson_et_al():
    points = looked_at()
    table = adjusted_areas(points, MAP, GRID, INSIDE).set_index("sign")
    mapped = zone_areas(MAP, GRID, INSIDE).set_index("sign")["km2"]
    counts = pd.crosstab(points["stratum"], points["zone"].str.removeprefix("LCZ "))
    share = counts.div(counts.sum(axis=1), axis=0)
    for sign in counts.columns:
        expected = sum(mapped[stratum] * share.loc[stratum, sign] for stratum in counts.index)
        # The textbook counts pixels as if all were of one size; here they differ by 0.1 %.
        assert table.loc[sign, "km2"] == pytest.approx(expected, rel=2e-3)
    assert table["km2"].sum() == pytest.approx(mapped.sum(), rel=1e-9)
    assert table["mapped_km2"].to_numpy() == pytest.approx(mapped.to_numpy())
    assert table["reference_points"].sum() == len(points)


def test_adjusted_areas_find_the_truth_where_the_map_does_not():
    km2 = GRID.pixel_areas_km2()
    truth = np.bincount(TRUTH[INSIDE], km2[INSIDE], minlength=18)[1:]
    held = []
    for seed in range(12):
        table = adjusted_areas(looked_at(seed), MAP, GRID, INSIDE)
        held.append((table["low_km2"] <= truth) & (truth <= table["high_km2"]))
        assert table["km2"][5] < table["mapped_km2"][5] - 3 * table["standard_error_km2"][5]
    there = truth > 0
    assert np.mean(held, axis=0)[there].min() >= 0.75 and np.mean(held) > 0.9


def test_strata_of_an_older_map_serve_as_well():
    older = np.roll(MAP, 3, axis=1)
    table = adjusted_areas(looked_at(lcz=older), MAP, GRID, INSIDE)
    truth = np.bincount(TRUTH[INSIDE], GRID.pixel_areas_km2()[INSIDE], minlength=18)[1:]
    assert table["km2"].sum() == pytest.approx(table["mapped_km2"].sum(), rel=1e-6)
    assert (np.abs(table["km2"] - truth) < 4 * table["standard_error_km2"] + 1e-9)[truth > 0].all()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda table: table.drop(columns="zone"), "zone unknown"),
        (lambda table: table.assign(zone=None), "zone unknown"),
        (lambda table: table.assign(zone="forest"), "unknown zones: forest"),
        (lambda table: table.assign(zone=18), "unknown zones: 18"),
        (lambda table: table.assign(inclusion_probability=0.0), "beyond 0 to 1"),
        (lambda table: table.assign(x=table["x"] + 1e6), "outside the grid"),
        (lambda table: table.assign(stratum=range(len(table))), "single point"),
        (lambda table: table[:0], "0 points"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(change, found):
    with pytest.raises(FusionError, match=found):
        adjusted_areas(change(looked_at()), MAP, GRID, INSIDE)
