"""What is withheld from whom, the table of errors, and the errors on a real place."""

import numpy as np
import pytest

from benchmarks import ndvi as benchmark
from fusion_assets.systems.ndvi.evaluation import (
    Gap,
    clear_scenes,
    edge,
    either_side,
    evaluate,
    runs,
    scores,
    withheld_estimates,
)
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS, Estimate
from fusion_assets_tests.systems.ndvi.fields import fields


class Spy:
    """Notes the scenes it is shown."""

    name = "spy"

    def __init__(self):
        self.fits, self.fills = [], []

    def fit(self, series, sample=0, seed=0):
        self.fits.append(np.isfinite(series.ndvi).any(axis=1))
        return self

    def fill(self, series, times):
        self.fills.append((np.isfinite(series.ndvi).any(axis=1), times, len(self.fits) - 1))
        values = np.zeros((len(times), series.pixels), np.float32)
        return Estimate(values, values - 1, values + 1, values.astype(np.uint8))

    def to_dict(self):
        return {}


@pytest.mark.parametrize("first", [True, False])
def test_a_gap_at_an_end_hides_all_that_lies_there(first):
    series = fields(pixels=40)
    scenes = clear_scenes(series, 0.4)
    (gap,) = edge(series, scenes, 60, first)
    days = series.time.astype(int)
    beyond = days <= days[scenes[0]] + 60 if first else days >= days[scenes[-1]] - 60
    assert (gap.withheld == beyond).all() and set(gap.targets) == set(scenes[beyond[scenes]])
    assert not edge(series, scenes, 400, first)


@pytest.mark.parametrize("length", [0, 15, 60, "either side"])
def test_nothing_of_a_gap_reaches_its_training_or_features(length):
    series, spy = fields(pixels=40), Spy()
    scenes = clear_scenes(series, 0.4)
    gaps = either_side(series, scenes, 30) if length == "either side" else runs(series, scenes, length)
    done = [scene for scene, _ in withheld_estimates(series, spy, gaps)]
    assert sorted(done) == scenes.tolist()
    days = series.time.astype(int)
    for shown, times, fit in spy.fills:
        day = times.astype(int)[0]
        if length == "either side":
            hidden = np.abs(days - day) <= 30
        elif length:
            hidden = (days - days[0]) // length == (day - days[0]) // length
        else:
            hidden = days == day
        assert not shown[hidden].any() and not spy.fits[fit][hidden].any()
        assert shown[~hidden].any()


def test_the_table_has_a_row_for_each_estimator_and_length():
    series = fields(pixels=60)
    chosen = {name: ESTIMATORS[name] for name in ("linear", "interpolation", "fused")}
    table = evaluate(series, chosen, (0, 60), (30,), sample=1500)
    cases = [("within", 0), ("within", 60), ("first", 30), ("last", 30)]
    keys = [(name, *case) for case in cases for name in chosen]
    assert list(table[["estimator", "position", "gap_days"]].itertuples(index=False, name=None)) == keys
    assert (table["note"] == "").all() and (table["rmse"] > 0).all()
    within = table[table["position"] == "within"]
    assert within["n"].nunique() == 1 and (table["n"][6:] < within["n"].iloc[0]).all()
    table = within
    for figure in ("rmse", "bias", "r2", "coverage", "width"):
        low, value, high = (table[name] for name in (f"{figure}_low", figure, f"{figure}_high"))
        assert ((low <= value) & (value <= high) & (low < high)).all()
    rmse = table.set_index(["estimator", "gap_days"])["rmse"]
    assert rmse["interpolation", 60] > rmse["interpolation", 0]


def test_what_cannot_be_estimated_is_said_and_left_without_figures():
    series = fields(pixels=30).without_radar()
    table = evaluate(
        series, {name: ESTIMATORS[name] for name in ("linear", "interpolation")}, (0,), edges=(), sample=500
    )
    assert "pass" in table["note"][0] and np.isnan(table["rmse"][0]) and table["n"][0] == 0
    assert table["note"][1] == "" and table["rmse"][1] > 0
    overcast = series.without(np.ones(len(series.time), bool))
    assert (
        evaluate(overcast, {"interpolation": ESTIMATORS["interpolation"]}, (0, 30), (30,))["note"] == "no clear scene"
    ).all()


def test_scores_by_hand():
    series = fields(pixels=4)
    ndvi = np.array([[0.2, 0.4, np.nan, 0.6]], np.float32)
    series = type(series)(series.time[:1], ndvi, series.radar_time, series.vv, series.vh, series.orbit)
    found = np.array([[0.3, 0.4, 0.5, np.nan]], np.float32)
    estimate = Estimate(found, found - 0.05, found + 0.05, np.ones((1, 4), np.uint8), outside=1)
    score = scores(series, [(0, estimate)])
    assert score["n"] == 2 and score["scenes"] == 1
    assert score["rmse"] == pytest.approx(np.sqrt(0.005), abs=1e-6) and score["bias"] == pytest.approx(0.05, abs=1e-6)
    assert score["r2"] == pytest.approx(0.5, abs=1e-5) and score["coverage"] == 0.5
    assert score["width"] == pytest.approx(0.1, abs=1e-6) and score["outside"] == 0.5


def test_intervals_come_from_whole_gaps():
    """Four scenes, each wrong by its own number throughout: pixels add nothing, gaps of two scenes leave two."""
    series, wrong = fields(pixels=50), (0.0, 0.1, 0.2, 0.3)
    scenes = clear_scenes(series, 0.4)[:4]
    values = [series.ndvi[[scene]] + np.float32(error) for scene, error in zip(scenes, wrong, strict=True)]
    estimates = [
        (s, Estimate(v, v - 1, v + 1, np.ones(v.shape, np.uint8))) for s, v in zip(scenes, values, strict=True)
    ]
    alone, hidden = scores(series, estimates), np.zeros(len(series.time), bool)
    assert alone["bias"] == pytest.approx(0.15, abs=0.02) and alone["bias_low"] < 0.05 and alone["bias_high"] > 0.25
    pairs = scores(series, estimates, [Gap(scenes[:2], hidden, 0), Gap(scenes[2:], hidden, 0)])
    assert pairs["bias"] == pytest.approx(alone["bias"])
    assert pairs["bias_low"] == pytest.approx(0.05, abs=0.02) and pairs["bias_high"] == pytest.approx(0.25, abs=0.02)
    one = scores(series, estimates, [Gap(scenes, hidden, 0)])
    assert one["bias"] == pytest.approx(alone["bias"]) and np.isnan([one["bias_low"], one["bias_high"]]).all()


def test_errors_on_the_real_place(real_archive):
    series, hours, judged = benchmark.leie(real_archive)
    assert len(judged) == 35
    gaps = {"single": runs(series, judged, 0), "30": benchmark.either_side_to_the_hour(hours, judged)}
    for case, most in (("single", 0.084), ("30", 0.15)):
        score = scores(series, withheld_estimates(series, ESTIMATORS["fused"], gaps[case], sample=10_000))
        assert score["scenes"] == 35 and score["rmse"] <= most
        assert 0.85 <= score["coverage"] <= 0.95
    lines = scores(series, withheld_estimates(series, ESTIMATORS["interpolation"], gaps["30"], sample=2000))
    assert lines["rmse"] == pytest.approx(0.199, abs=0.002)
