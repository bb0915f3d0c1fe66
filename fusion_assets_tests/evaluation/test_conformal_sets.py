import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.conformal_sets import (
    coverage_by_group,
    cut,
    cut_of_samples,
    held_out_sets,
    set_figures,
    sets,
)
from fusion_assets_tests.evaluation.cities import cities


def coverages(label, held, city):
    return np.array([row["coverage"] for row in coverage_by_group(label, held, city).values()])


def test_a_set_holds_what_reaches_the_cut_and_always_the_most_probable():
    held = sets(np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25]]), np.array([0.3, 0.9]))
    assert held.tolist() == [[True, True, False], [True, False, False]]
    found = set_figures(np.array([1, 1]), held, Resamples.of(np.arange(2), 0))
    assert found["coverage"][0] == 0.5 and found["set_size"][0] == 1.5


def test_the_cut_of_samples_is_that_of_split_conformal_prediction():
    """With 19 samples at 90 %, the second least of the labels' probabilities."""
    truth = np.linspace(0.05, 0.95, 19)
    probability = np.stack([truth, 1 - truth], axis=1)
    assert cut_of_samples(np.zeros(19, int), probability) == truth[1]
    assert cut_of_samples(np.zeros(5, int), probability[:5]) == 0  # five samples cannot promise 90 %


def test_a_citys_cut_does_not_see_the_city():
    label, probability, city = cities(count=5)
    other = label.copy()
    other[city == "city 2"] = (other[city == "city 2"] + 5) % 17  # nothing is right there
    before, after = held_out_sets(label, probability, city)[1], held_out_sets(other, probability, city)[1]
    assert before["city 2"] == after["city 2"] and before["city 1"] > after["city 1"]


def test_every_city_counts_the_same_however_large():
    label, probability, city = cities(count=6)
    row = np.flatnonzero(city == "city 0")
    again = np.concatenate([np.arange(len(label)), *[row] * 9])
    assert cut(label[again], probability[again], city[again]) == pytest.approx(cut(label, probability, city), rel=0.05)


def test_cities_too_different_get_sets_of_all_classes():
    label, probability, city = cities(count=4)
    label = np.where(city == "city 0", probability.argmin(axis=1), label)
    assert cut(label, probability, city) < 1e-3


def test_two_cities_are_too_few():
    with pytest.raises(FusionError, match="2 group"):
        cut(*cities(count=2))


@pytest.mark.slow
@pytest.mark.parametrize("look", [0.5, 1.0])
def test_the_promise_holds_on_cities_not_seen(look):
    """Ten-city studies: each city by the cut of the other nine, and an eleventh by the cut of all ten."""
    means, least, fresh = [], [], []
    for seed in range(20):
        label, probability, city = cities(seed, count=11, look=look)
        ten = city != "city 10"
        known = label[ten], probability[ten], city[ten]
        found = coverages(known[0], held_out_sets(*known)[0], known[2])
        means.append(found.mean())
        least.append(found.min())
        fresh.append(coverages(label[~ten], sets(probability[~ten], cut(*known)), city[~ten])[0])
    assert min(means) >= 0.86 and max(means) <= 0.95
    assert np.mean(fresh) > 0.88
    assert np.median(least) > 0.75


@pytest.mark.slow
def test_of_three_cities_the_cut_allows_for_what_a_fourth_may_be():
    """A cut that covers the three themselves as promised, less a standard error, keeps 0.915 here."""
    found = []
    for seed in range(60):
        label, probability, city = cities(seed, count=4, look=1.5)
        three = city != "city 3"
        least = cut(label[three], probability[three], city[three])
        found.append(coverages(label[~three], sets(probability[~three], least), city[~three])[0])
    assert np.mean(found) > 0.93
