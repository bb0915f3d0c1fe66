import numpy as np
import pytest
from scipy import stats

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, differences
from fusion_assets.evaluation.few_groups import difference, interval, intervals
from fusion_assets.evaluation.scores import many_classes

CLASSES = 6
NAMES = tuple("abcdef")
FIGURES = ("accuracy", "average_accuracy", "kappa", "macro_f1")


def study(rng, count=10, seeds=3, shift=0.0):
    """Labels, predictions by seed and cities: cities differ in size, classes and difficulty, and so do trainings.

    Args:
        rng: of everything.
        count: cities.
        seeds: trainings; 0 gives each city a training of its own.
        shift: added to the logits of being right.
    """
    common = np.random.default_rng(7)
    ease, prior = common.normal(0.6, 0.8, CLASSES), common.dirichlet(np.full(CLASSES, 2.0))
    trained = rng.normal(0, 0.15, (max(seeds, 1), CLASSES))
    labels, answers, names = [], [], []
    for name in range(count):
        if not seeds:
            trained = rng.normal(0, 0.15, (1, CLASSES))
        size = int(120 * np.exp(rng.normal(0, 0.6)))
        label = rng.choice(CLASSES, size, p=rng.dirichlet(4 * prior))
        logit = shift + ease + rng.normal(0, 0.5) + rng.normal(0, 0.5, CLASSES) + trained
        right = rng.random(size) < 1 / (1 + np.exp(-logit[:, label]))
        answers.append(np.where(right, label, (label + rng.choice([1, 1, 2], size)) % CLASSES))
        labels.append(label)
        names.append(np.full(size, name))
    return np.concatenate(labels), np.concatenate(answers, axis=1), np.concatenate(names)


def figures(label, answers, resamples):
    return [{n: many_classes(label, each, NAMES, resamples)[n] for n in FIGURES} for each in answers]


def test_without_seeds_the_interval_of_a_mean_is_students():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, 10)
    found = interval(Resamples.without_each(np.arange(10)).mean(values))
    low, high = stats.t.interval(0.95, 9, values.mean(), stats.sem(values))
    assert found == pytest.approx({"value": values.mean(), "low": low, "high": high})


def test_an_interval_reaches_further_to_where_the_figure_would_be_without_its_bias():
    """The square of a mean is too large, by the variance of the mean."""
    values = np.random.default_rng(0).normal(1, 2, 10)
    found = interval(Resamples.without_each(np.arange(10)).mean(values) ** 2)
    less = (found["value"] - found["low"]) - (found["high"] - found["value"])
    assert less == pytest.approx(values.var(ddof=1) / 10)


def test_figures_of_each_group_and_without_it_are_those_of_its_samples():
    label, answers, city = study(np.random.default_rng(1), count=4, seeds=1)
    alone = figures(label, answers, Resamples.each_alone(city))[0]
    without = figures(label, answers, Resamples.without_each(city))[0]
    for number in range(4):
        for part, found in ((city == number, alone), (city != number, without)):
            expected = many_classes(label[part], answers[0][part], NAMES, Resamples.of(np.zeros(part.sum()), 0))
            assert {n: found[n][number + 1] for n in FIGURES} == pytest.approx({n: expected[n][0] for n in FIGURES})


def test_trainings_that_differ_widen_the_interval():
    label, answers, city = study(np.random.default_rng(2))
    once = figures(label, answers, Resamples.without_each(city))
    spread = [{n: v + step for n, v in each.items()} for each, step in zip(once, (-0.05, 0, 0.05), strict=True)]
    narrow, wide = intervals(once)["accuracy"], intervals(spread)["accuracy"]
    assert wide["value"] == pytest.approx(narrow["value"])
    assert wide["high"] - wide["low"] > 1.1 * (narrow["high"] - narrow["low"])


def test_ends_stay_within_limits_and_one_city_has_none():
    resamples = Resamples.without_each(np.repeat(np.arange(3), 4))
    right = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    found = intervals([{"accuracy": resamples.mean(right)}], {"accuracy": (0.0, 1.0), "other": (0.0, 1.0)})
    assert found["accuracy"]["high"] == 1.0 > found["accuracy"]["value"]
    alone = Resamples.without_each(np.zeros(12))
    with np.errstate(invalid="ignore"):
        assert intervals([{"accuracy": alone.mean(right)}], {"accuracy": (0, 1)})["accuracy"]["low"] is None


@pytest.mark.slow
def test_intervals_hold_the_true_value_of_ten_city_studies():
    label, answers, city = study(np.random.default_rng(3), 4000, 0)
    truth = {name: values[0] for name, values in figures(label, answers, Resamples.of(city, 0))[0].items()}
    trials, hits = 80, dict.fromkeys(FIGURES, 0)
    for seed in range(trials):
        label, answers, city = study(np.random.default_rng(100 + seed))
        for name, found in intervals(figures(label, answers, Resamples.without_each(city))).items():
            hits[name] += found["low"] <= truth[name] <= found["high"]
    assert min(hits.values()) >= 0.85 * trials, hits


def claims(rng, mean, deviation=0.015, trials=300):
    """Verdicts on two methods whose figures differ by a mean, with an own difference in each city and training."""
    out = []
    for _ in range(trials):
        city = rng.normal(0.6, 0.1, 10)
        first = city + mean + rng.normal(0, deviation, 10) + rng.normal(0, 0.005, (3, 1)) + rng.normal(0, 0.01, (3, 10))
        second = city + rng.normal(0, 0.005, (3, 1)) + rng.normal(0, 0.01, (3, 10))
        out.append(difference(first, second)["verdict"])
    return {name: out.count(name) / trials for name in ("equivalent", "better", "worse", "cannot tell")}


def test_equivalence_is_claimed_where_it_is_true_and_not_at_the_margin():
    rng = np.random.default_rng(4)
    assert claims(rng, 0.02)["equivalent"] <= 0.07 and claims(rng, -0.02)["equivalent"] <= 0.07
    same = claims(rng, 0.0, deviation=0.005)
    assert same["equivalent"] > 0.75 and same["better"] + same["worse"] <= 0.05
    assert claims(rng, 0.08)["better"] > 0.95 and claims(rng, -0.08)["worse"] > 0.95
    assert claims(rng, 0.0, deviation=0.08)["cannot tell"] > 0.9  # nothing found is not equivalence


def test_pairing_by_city_tells_apart_what_cities_hide():
    """Both methods share what makes a city hard: the interval of their difference is far narrower than of either."""
    label, answers, city = study(np.random.default_rng(5), seeds=1)
    better = np.where(np.arange(len(label)) % 8 == 0, label, answers[0])
    resamples = Resamples.without_each(city)
    first, second = (many_classes(label, each, NAMES, resamples) for each in (better, answers[0]))
    pooled = intervals([differences(first, second)])["accuracy"]
    alone = intervals([second])["accuracy"]
    assert pooled["low"] > 0 and pooled["high"] - pooled["low"] < 0.3 * (alone["high"] - alone["low"])


def test_a_comparison_is_students_paired_test_and_leaves_out_cities_without_a_figure():
    rng = np.random.default_rng(6)
    first, second = rng.random((1, 9)), rng.random((1, 9))
    found = difference(np.append(first, [[np.nan]], axis=1), np.append(second, [[0.5]], axis=1))
    test = stats.ttest_rel(first[0], second[0]).confidence_interval(0.95)
    assert (found["groups"], found["low"], found["high"]) == (9, pytest.approx(test.low), pytest.approx(test.high))


def test_one_city_compares_nothing():
    with pytest.raises(FusionError, match="1 group"):
        difference(np.array([[0.5, np.nan]]), np.array([[0.4, 0.3]]))
