"""Cities as people label them: the same from the same seed, alike without shift, wrong as often as promised."""

import numpy as np
import pytest

from fusion_assets.demo.cities.look import look_of
from fusion_assets.demo.cities.patches import cut, patches_of
from fusion_assets.demo.cities.plan import cities_of, plan_of
from fusion_assets.demo.cities.recipes import BUILT, RECIPES

CITY, OTHER = cities_of(12)[:2]


@pytest.fixture(scope="module")
def labelled():
    return patches_of(5, CITY, 0.8, noise=True)


def test_the_same_seed_gives_the_same_city_and_another_seed_another(labelled):
    again, other = patches_of(5, CITY, 0.8, noise=True), patches_of(6, CITY, 0.8, noise=True)
    for name in ("rows", "cols", "labels", "true", "radar", "optics"):
        assert np.array_equal(getattr(again, name), getattr(labelled, name))
    assert not np.array_equal(other.optics, labelled.optics) and not np.array_equal(other.radar, labelled.radar)


def test_some_labels_are_wrong_but_of_the_same_kind(labelled):
    wrong = labelled.labels != labelled.true
    assert 0.08 < wrong.mean() < 0.19
    assert ((labelled.labels < BUILT) == (labelled.true < BUILT)).all()
    quiet = patches_of(5, CITY, 0.8, noise=False)
    assert np.array_equal(quiet.labels, labelled.true) and np.array_equal(quiet.radar, labelled.radar)


def test_patches_lie_mostly_in_their_zone_and_whole_in_the_city(labelled):
    zone = plan_of(5, CITY, look_of(5, CITY.name, 0.8)).zone
    for row, col, true in zip(labelled.rows, labelled.cols, labelled.true, strict=True):
        patch = cut(zone, row, col)
        assert patch.shape == (32, 32) and (patch == true).mean() >= 0.9
    assert not (labelled.rows % 10).any() and not (labelled.cols % 10).any()


def test_without_shift_cities_look_alike_and_with_it_they_do_not():
    alike, unlike = ([look_of(0, city.name, shift) for city in (CITY, OTHER)] for shift in (0.0, 0.8))
    for name in ("bright", "covers", "echo", "priors", "haze", "withered", "sun"):
        assert np.array_equal(*(getattr(look, name) for look in alike))
        assert not np.array_equal(*(getattr(look, name) for look in unlike))
    half = look_of(0, CITY.name, 0.4)
    assert np.allclose(2 * np.log(half.bright), np.log(unlike[0].bright), atol=1e-5)


def test_zones_are_as_frequent_in_a_plain_city_as_chance_has_it():
    look = look_of(0, CITY.name, 0.0)
    count = np.bincount(plan_of(0, CITY, look).zones, minlength=17)
    assert set(count) == {0, 1}


def test_recipes_account_for_all_of_the_ground():
    for recipe in RECIPES:
        assert sum(recipe[:8]) == pytest.approx(1, abs=0.011) and sum(recipe.roofs) == pytest.approx(1)
