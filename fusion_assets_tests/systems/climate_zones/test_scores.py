import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.systems.climate_zones.legend import SIGNS
from fusion_assets.systems.climate_zones.scores import figures_by_city, zone_figures, zone_intervals
from fusion_assets.systems.climate_zones.similarity import SIMILARITY

ONE, TWO, THREE, A, D, G = (SIGNS.index(sign) for sign in ("1", "2", "3", "A", "D", "G"))
COUNTS = {(ONE, ONE): 6, (ONE, TWO): 2, (ONE, G): 2, (TWO, TWO): 3, (TWO, A): 1, (A, A): 4, (A, D): 2}
LABEL, PREDICTED = np.repeat(np.array(list(COUNTS)), list(COUNTS.values()), axis=0).T


def alone(label):
    return Resamples.of(np.zeros(len(label), int), 0)


def value(label, predicted):
    return {name: values[0] for name, values in zone_figures(label, predicted, alone(label)).items()}


def test_figures_are_those_worked_out_by_hand():
    found = value(LABEL, PREDICTED)
    assert found["accuracy"] == pytest.approx(13 / 20)
    assert found["average_accuracy"] == pytest.approx((6 / 10 + 3 / 4 + 4 / 6) / 3)  # D and G are predicted alone
    assert found["oa_u"] == pytest.approx(9 / 14)
    assert found["oa_bu"] == pytest.approx((11 + 6) / 20)
    assert found["oa_w"] == pytest.approx((13 + 2 * 0.92 + 2 * 0 + 0.42 + 2 * 0.67) / 20)
    chance = (10 * 6 + 4 * 5 + 6 * 5) / 400
    assert found["kappa"] == pytest.approx((13 / 20 - chance) / (1 - chance))
    assert found["macro_f1"] == pytest.approx((12 / 16 + 6 / 9 + 8 / 11 + 0 + 0) / 5)


def test_heavy_industry_is_built_and_dense_trees_are_not():
    heavy = SIGNS.index("10")
    found = value(np.array([heavy, A, A]), np.array([heavy, heavy - 1, heavy]))
    assert found["oa_u"] == 1 and found["oa_bu"] == pytest.approx(1 / 3)


def test_a_resample_is_the_score_of_its_cities():
    city = np.arange(20) % 3
    resamples = Resamples.of(city, 4)
    found = zone_figures(LABEL, PREDICTED, resamples)
    for draw in range(1, 5):
        rows = np.repeat(np.arange(20), resamples.weights[draw].astype(int)[city])
        expected = value(LABEL[rows], PREDICTED[rows])
        assert {name: values[draw] for name, values in found.items()} == pytest.approx(expected)


def test_similarity_is_the_published_one():
    """Equal to itself, symmetric, and at places printed in the paper."""
    assert (np.diag(SIMILARITY) == 1).all() and (SIMILARITY == SIMILARITY.T).all()
    assert SIMILARITY[ONE, TWO] == 0.92 and SIMILARITY[ONE, G] == 0 and SIMILARITY[THREE, SIGNS.index("8")] == 0.92
    assert SIMILARITY[SIGNS.index("4"), SIGNS.index("E")] == 0.08 and SIMILARITY[D, SIGNS.index("F")] == 0.92
    assert (SIMILARITY[~np.eye(17, dtype=bool)] < 1).all()


@pytest.mark.parametrize("wrong", [17, -1, 0.5, np.nan])
def test_numbers_that_are_no_zone_are_refused(wrong):
    with pytest.raises(FusionError, match="1 of 2 predictions are no class"):
        zone_figures(np.array([0, 16]), np.array([0, wrong]), alone([0, 1]))


def test_codes_from_1_are_refused_where_they_betray_themselves():
    with pytest.raises(FusionError, match="no class: 17"):
        zone_figures(np.array([17, 3]), np.array([0, 3]), alone([0, 1]))


def test_intervals_are_of_cities_and_within_what_is_possible():
    rng = np.random.default_rng(0)
    label = np.where(np.arange(900) < 360, G, rng.integers(0, 9, 900))  # water lies in four cities
    city = np.arange(900) // 90
    right = rng.random((3, 900)) < 0.97
    found = zone_intervals(label, [np.where(each, label, TWO) for each in right], city)
    assert found["accuracy"]["low"] < found["accuracy"]["value"] - 0.002
    assert found["accuracy"]["value"] + 0.002 < found["accuracy"]["high"] <= 1
    assert found["recall_G"]["value"] > 0.9 and found["recall_G"]["low"] is None
    assert found["recall_9"]["low"] is not None
    assert found["recall_F"] == {"value": None, "low": None, "high": None}


def test_figures_by_city_are_those_of_its_samples():
    city = np.array(["b", "a"])[np.arange(20) % 2]
    found = figures_by_city(LABEL, PREDICTED, city)
    for number, name in enumerate("ab"):
        expected = value(LABEL[city == name], PREDICTED[city == name])
        for figure in ("accuracy", "average_accuracy", "oa_u", "oa_bu", "oa_w"):
            assert found[figure][number] == pytest.approx(expected[figure])
    assert np.isnan(found["recall_G"]).all() and np.isfinite(found["precision_G"]).any()
