"""Trainings as runs: which of them together answer for every city."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.comparison import runs_of
from fusion_assets_tests.systems.climate_zones.comparisons import answers

TABLES = {seed: answers(0.5, seed, cities=(f"city {seed % 5}",)) for seed in range(10)}


def some(count):
    return {seed: TABLES[seed] for seed in range(count)}


def test_five_trainings_that_each_test_other_cities_are_one_run():
    assert len(runs_of("city", some(5))) == 1 and len(runs_of("city", some(10))) == 2
    (part,) = runs_of("city", some(2))
    assert len(set(part.city)) == 2
    assert len(runs_of("random", some(7))) == 7


def test_trainings_that_no_figure_would_use_are_refused():
    with pytest.raises(FusionError, match="seeds 5, 6 do not test every city"):
        runs_of("city", some(7))
