"""Maps beside each other: agreement, what a sample says of each, which it prefers, and areas that they help."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

from fusion_assets.systems.built_up.rivals import comparison
from fusion_assets.systems.built_up.rivals.shares import classes_of
from fusion_assets_tests.systems.built_up.rivals.simulated import KM2, YEARS, sample, world

CLASS_FROM = {"ours": 0.5, "roofs": 0.5, "late": 0.5, "blurred": 0.5}


def of_year(points, year):
    return points[points["year"] == year].reset_index(drop=True)


def at(points, shares):
    return {name: share.ravel()[points["place"].to_numpy()] for name, share in shares.items()}


def classes(shares):
    return {name: classes_of(share, CLASS_FROM[name]) for name, share in shares.items()}


def areas_of(points, shares):
    totals = {name: float(share.sum() * KM2) for name, share in shares.items()}
    km2 = next(iter(shares.values())).size * KM2
    return comparison.areas(points, at(points, shares), totals, km2)


def test_agreement_is_that_of_everyone_else():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 2, 500), rng.integers(0, 2, 500)
    other[:300] = one[:300]
    one[490:] = 255
    found = comparison.agreement(one, other, np.ones(500))
    known = one != 255
    assert found["mcc"] == pytest.approx(matthews_corrcoef(one[known], other[known]))
    assert found["kappa"] == pytest.approx(cohen_kappa_score(one[known], other[known]))
    assert found["compared_km2"] == 490
    assert found["differs_km2"] == (one[known] != other[known]).sum()


def test_a_map_of_one_class_has_no_mcc():
    found = comparison.agreement(np.ones(9), np.ones(9), np.ones(9))
    assert np.isnan(found["mcc"]) and found["differs_km2"] == 0


def test_disagreement_is_the_minority():
    maps = {"a": np.array([[1, 1, 255]]), "b": np.array([[1, 0, 1]]), "c": np.array([[1, 0, 255]])}
    np.testing.assert_allclose(comparison.disagreement(maps), [[0, 1 / 3, np.nan]], rtol=1e-6)


def test_the_sample_ranks_as_the_truth_does():
    wrong, told = 0, 0
    for seed in range(20):
        truth, share = world(seed)
        year = YEARS[-1]
        points = of_year(sample(truth, share[YEARS[0]]["ours"] >= 0.5, seed), year)
        maps = classes(share[year])
        accuracy = {name: ((values == 1) == (truth[year] == 1)).mean() for name, values in maps.items()}
        _, pairs = comparison.preferred(points, at(points, maps))
        errs = 0
        for pair, found in pairs.items():
            one, other = pair.split("/")
            clear = found["low"] > 0 or found["high"] < 0
            told += clear
            errs += clear and np.sign(found["value"]) != np.sign(accuracy[one] - accuracy[other])
        wrong += errs > 0
    assert wrong <= 1
    assert told > 20  # of 120: the sample does tell something


def test_a_rival_that_is_better_is_named_as_not_ours():
    truth, share = world(3)
    year = YEARS[-1]
    points = of_year(sample(truth, share[2016]["ours"] >= 0.5, 3, n=900), year)
    maps = at(points, {"ours": classes(share[year])["ours"], "good": truth[year].astype(np.uint8)})
    winner, pairs = comparison.preferred(points, maps)
    assert winner == "good"
    text = comparison.sentence(winner, pairs, {"ours": "our map", "good": "the good one"})
    assert text.startswith("The sample prefers the good one, which is not ours")
    alike = {"ours": maps["ours"], "twin": maps["ours"].copy()}
    winner, pairs = comparison.preferred(points, alike)
    assert winner is None
    assert "cannot tell" in comparison.sentence(winner, pairs, {"ours": "our map", "twin": "its twin"})


def test_places_seen_in_every_year_count_once():
    truth, share = world(0)
    points = sample(truth, share[2016]["ours"] >= 0.5, 0)
    maps = {
        name: np.concatenate([at(of_year(points, y), classes(share[y]))[name] for y in YEARS]) for name in share[2016]
    }
    order = points.assign(k=np.arange(len(points))).sort_values("year", kind="stable")
    values = {name: np.empty(len(points), np.uint8) for name in maps}
    for name, column in maps.items():
        values[name][order["k"].to_numpy()] = column
    _, pooled = comparison.preferred(points, values)
    _, single = comparison.preferred(of_year(points, 2019), {n: v[points["year"] == 2019] for n, v in values.items()})
    width = {key: found["high"] - found["low"] for key, found in pooled.items()}
    # Four years of one place tell a little more than one, never twice as much.
    ratio = np.mean([width[key] / (single[key]["high"] - single[key]["low"]) for key in width])
    assert 0.6 < ratio < 1.1


def test_figures_of_a_map_are_those_of_its_points():
    truth, share = world(1)
    year = 2018
    points = of_year(sample(truth, share[2016]["ours"] >= 0.5, 1), year)
    maps = at(points, classes(share[year]))
    found = comparison.judged(points, maps)
    right = (maps["late"] == 1) == (points["label"] == 1)
    expected = np.average(right, weights=points["weight"])
    assert found["late"]["overall_accuracy"]["value"] == pytest.approx(expected)
    assert found["late"]["minus_ours"]["value"] == pytest.approx(expected - found["ours"]["overall_accuracy"]["value"])
    assert "minus_ours" not in found["ours"]


@pytest.mark.slow
def test_areas_helped_by_rivals_are_covered_and_narrower():
    covered, narrower, changes = [], [], []
    for seed in range(40):
        truth, share = world(seed, 100)
        points = sample(truth, share[2016]["ours"] >= 0.5, seed)
        by_year = {}
        for year in (2016, 2019):
            found = areas_of(of_year(points, year), share[year])
            by_year[year] = found
            best, ours = found.best.estimate, found.helped["ours"].estimate
            covered.append(best.low <= truth[year].sum() * KM2 <= best.high)
            narrower.append((best.high - best.low) / (ours.high - ours.low))
        moved = comparison.change(by_year[2016], by_year[2019])["cross-fitted"]
        changes.append(moved["low"] <= (truth[2019] - truth[2016]).sum() * KM2 <= moved["high"])
    assert 0.90 <= np.mean(covered) <= 0.98
    assert np.mean(changes) >= 0.90
    assert np.mean(narrower) <= 0.85
