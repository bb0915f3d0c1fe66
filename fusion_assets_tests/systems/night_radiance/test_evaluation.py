"""The comparison of methods: on places not learnt from, by blocks, and the choice among them."""

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.night_radiance import evaluation, intervals, scores
from fusion_assets.systems.night_radiance.methods import trees
from fusion_assets.systems.night_radiance.methods.table import NO_IMAGERY
from fusion_assets_tests.systems.night_radiance.towns import place

METHODS = ["bicubic", NO_IMAGERY, "dasymetric", "trees"]


@pytest.fixture(scope="module")
def places():
    return [place(seed, f"place_{seed}") for seed in range(3)]


@pytest.fixture(scope="module", autouse=True)
def _few_trees():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "TREES", 50)
        yield


@pytest.fixture(scope="module")
def found(places):
    folds = {each.name: np.full(each.radiance.shape, index) for index, each in enumerate(places)}
    return evaluation.out_of_fold(places, folds, 5, METHODS, stress=True)


def test_every_cell_is_answered_once_by_who_has_not_seen_it(found, places):
    assert set(found) == {"wald", *evaluation.STRESS}
    for predictions, each in zip(found["wald"], places, strict=True):
        assert predictions.place == each.name
        assert all(np.isfinite(answer).all() for answer in predictions.answers.values())
    first = found["wald"][0]
    again = evaluation.out_of_fold(places, {p.name: np.zeros(p.radiance.shape) if p is places[0] else
                                            np.ones(p.radiance.shape) for p in places}, 5, ["trees"])  # fmt: skip
    np.testing.assert_array_equal(again["wald"][0].answers["trees"], first.answers["trees"])


def test_figures_are_those_of_the_errors_and_the_choice_is_the_simplest_that_is_as_good(found):
    table = scores.table_of({"wald": found["wald"]})
    figures = scores.figures(table, draws=200)
    errors = np.concatenate([(each.answers["trees"] - each.truth).ravel() for each in found["wald"]])
    rmse = figures["methods"]["trees"]["rmse"]
    assert rmse["value"] == pytest.approx(np.sqrt(np.mean(errors**2))) and rmse["low"] < rmse["value"] < rmse["high"]
    assert figures["methods"]["bicubic"]["to_bicubic"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert scores.choice(table)[0] == "trees"


def test_where_imagery_tells_nothing_none_is_used():
    chance = np.random.default_rng(0)
    rows = []
    for block in range(20):
        common = 5 + 10 * chance.random()
        for method, better in ((NO_IMAGERY, 0.0), ("dasymetric", 1.0), ("trees", -0.05)):
            squared = common + better + 0.2 * chance.standard_normal()
            rows.append({"place": "a", "block": block, "method": method, "cells": 10, "squared_error": squared})
    method, why = scores.choice(pd.DataFrame(rows))
    assert method == NO_IMAGERY and "within one standard error" in why


def test_intervals_hold_nine_of_ten_cells(found):
    spread = intervals.spread_of(found["wald"], "trees")
    held = []
    for each in found["wald"]:
        low, high = intervals.bounds(each.answers["trees"], spread)
        assert (low <= each.answers["trees"]).all() and (each.answers["trees"] <= high).all()
        held.append(((low <= each.truth) & (each.truth <= high)).mean())
    assert 0.85 <= np.mean(held) <= 0.95
    wider = intervals.bounds(found["wald"][-1].answers["trees"], spread, 1.5)
    assert (wider[1] - wider[0]).mean() > 1.2 * (high - low).mean()


def test_too_little_to_learn_from_is_refused():
    import dataclasses

    small = dataclasses.replace(place(), block=np.full((48, 48), -1))
    with pytest.raises(FusionError, match="0 cells with lights and day imagery"):
        evaluation.out_of_fold([small], {"here": np.zeros((48, 48))}, 5, ["bicubic"])


def test_rounds_are_few_where_more_would_make_things_up(monkeypatch, places):
    assert evaluation.chosen_rounds(places) in evaluation.ROUNDS_TRIED
    # A sensor far sharper than the one assumed: deblurring only harms.
    monkeypatch.setattr(evaluation, "STRESS", {"sharp": (0.05, 0.3, 2.0)})
    assert evaluation.chosen_rounds(places) == evaluation.ROUNDS_TRIED[0]


def test_a_method_that_another_sensor_would_break_is_made_with_fewer_rounds(monkeypatch, places):
    tried = []

    def answers(places, fold_of, rounds, **more):
        tried.append(rounds)
        return out_of_fold(places, fold_of, rounds, METHODS, stress=True)

    out_of_fold = evaluation.out_of_fold
    monkeypatch.setattr(evaluation, "out_of_fold", answers)
    monkeypatch.setattr(evaluation, "chosen_rounds", lambda places: 20)
    monkeypatch.setattr(evaluation, "_loses", lambda table, method: len(tried) < 2)
    document, _ = evaluation.compared(places, "auto", None)
    assert tried == [20, 10] and document["rounds"] == 10 and document["method"] == "trees"
