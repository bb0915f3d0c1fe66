import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.calibration import (
    held_out_tempered,
    probability_figures,
    reliability,
    sampling_floor,
    temperature,
    temperature_and_doubt,
    tempered,
    unfound,
)
from fusion_assets_tests.evaluation.cities import cities


def drawn(seed=0, count=20_000, classes=5):
    """Labels drawn from their probabilities."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.full(classes, 0.5), count)
    label = (rng.random((count, 1)) > probability.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return label, probability


def value(label, probability):
    resamples = Resamples.of(np.zeros(max(len(label), 1)), 0)
    return {name: values[0] for name, values in probability_figures(label, probability, resamples).items()}


def test_figures_are_scikit_learns():
    from sklearn import metrics

    label, probability = drawn(count=500)
    probability = 0.99 * probability + 0.002  # none so small that it would be floored
    found = value(label, probability)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(label, probability, labels=range(5)))
    assert found["brier"] == pytest.approx(np.mean(np.sum((probability - np.eye(5)[label]) ** 2, axis=1)))


def test_the_calibration_error_is_the_mean_gap_of_its_bins():
    label, probability = drawn(count=1000)
    bins = reliability(label, tempered(probability, 0.5))
    gaps = [row["count"] * abs(row["probability"] - row["observed"]) for row in bins]
    assert len(bins) == 10 and sum(gaps) / 1000 == pytest.approx(value(label, tempered(probability, 0.5))["ece"])


def test_the_error_of_right_probabilities_is_what_chance_shows():
    found = []
    for seed in range(20):
        label, probability = drawn(seed, count=600)
        found.append(value(label, probability)["ece"])
    assert sampling_floor(probability) == pytest.approx(np.mean(found), rel=0.15)


def test_the_temperature_is_found_that_was_put_on():
    label, probability = drawn()
    group = np.arange(len(label)) % 4
    assert value(label, probability)["ece"] < 0.02 < 0.1 < value(label, tempered(probability, 0.4))["ece"]
    assert temperature(label, tempered(probability, 0.4), group) == pytest.approx(2.5, rel=0.05)
    assert temperature(label, probability, group) == pytest.approx(1, abs=0.05)


def test_where_labels_are_wrong_a_doubt_is_found_and_no_temperature_is_right():
    label, probability = drawn()
    group, chance = np.arange(len(label)) % 4, np.random.default_rng(1)
    wrong = np.where(chance.random(len(label)) < 0.15, chance.integers(0, 5, len(label)), label)
    degree, doubt = temperature_and_doubt(wrong, tempered(probability, 0.5), group)
    assert degree == pytest.approx(2, rel=0.1) and doubt == pytest.approx(0.15, abs=0.03)
    mended = tempered(probability, 0.5 * degree, doubt)
    alone = tempered(probability, 0.5 * temperature(wrong, tempered(probability, 0.5), group))
    assert value(wrong, mended)["ece"] < 0.02 < 0.03 < value(wrong, alone)["ece"]
    assert (mended.argmax(axis=1) == probability.argmax(axis=1)).all()
    assert temperature_and_doubt(label, probability, group)[1] < 0.01  # where nothing speaks for it


def test_a_small_city_counts_as_much_as_a_large_one():
    label, probability = drawn()
    group = np.where(np.arange(len(label)) < 2000, "small", "large")
    mixed = np.where((group == "small")[:, None], tempered(probability, 0.5), probability)
    pooled = temperature(label, mixed, np.zeros(len(label)))
    assert temperature(label, mixed, group) > pooled + 0.1


def test_a_citys_temperature_does_not_see_the_city():
    label, probability, city = cities()
    strange = probability.copy()
    strange[city == "city 3"] = tempered(probability[city == "city 3"], 0.1)
    before, after = held_out_tempered(label, probability, city)[1], held_out_tempered(label, strange, city)[1]
    assert before["city 3"] == after["city 3"]
    assert all(after[name] > before[name] for name in before if name != "city 3")


def test_held_out_temperatures_mend_what_unseen_cities_show():
    label, probability, city = cities(look=1.0, sure=3.0)
    mended, _ = held_out_tempered(label, probability, city)
    assert value(label, probability)["ece"] > 0.15 and value(label, mended)["ece"] < 0.08
    assert (mended.argmax(axis=1) == probability.argmax(axis=1)).all()


@pytest.mark.parametrize(
    ("label", "probability", "said"),
    [
        ([0, 1], [[0.9, 0.1], [np.nan, 1]], "row 1"),
        ([0, 1], [[0.9, 0.1], [-0.1, 1.1]], "row 1"),
        ([0, 1], [[1.8, 0.2], [0.4, 1.6]], "2 of 2 rows"),  # a sum of two
        ([0, 2], [[0.9, 0.1], [0.1, 0.9]], "label 2"),
        ([0], [[0.9, 0.1], [0.1, 0.9]], "1 labels"),
        ([], np.empty((0, 2)), "0 labels"),
    ],
)
def test_what_are_no_probabilities_is_refused(label, probability, said):
    with pytest.raises(FusionError, match=said):
        value(np.array(label), np.array(probability))


def test_one_city_cannot_calibrate_itself():
    label, probability, city = cities(count=1)
    with pytest.raises(FusionError, match="1 group"):
        held_out_tempered(label, probability, city)


def test_a_search_that_ends_at_its_end_has_found_nothing():
    label, probability = drawn(count=2000)
    group = np.arange(len(label)) % 4
    assert unfound(*temperature_and_doubt(label, probability, group)) == ()
    # Probabilities that say nothing right are best forgotten.
    worthless = np.roll(tempered(probability, 0.1), 1, axis=0)
    assert unfound(temperature(label, worthless, group)) == ("temperature",)
    assert unfound(*temperature_and_doubt(label, worthless, group))
