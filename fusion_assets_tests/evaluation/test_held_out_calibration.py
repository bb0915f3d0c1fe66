import dataclasses
import json

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.calibration import probability_figures, tempered
from fusion_assets.evaluation.conformal_sets import coverage_by_group
from fusion_assets.evaluation.held_out_calibration import Calibration, held_out, random_promise
from fusion_assets_tests.evaluation.cities import cities


def test_a_group_is_calibrated_by_the_others_and_by_nothing_of_itself():
    label, probability, city = cities(count=6)
    here = city == "city 4"
    other, strange = label.copy(), probability.copy()
    other[here], strange[here] = (label[here] + 5) % 17, tempered(probability[here], 0.2)
    before, after = held_out(label, probability, city)[2], held_out(other, strange, city)[2]
    assert before["city 4"] == after["city 4"] == Calibration.of(label[~here], probability[~here], city[~here])
    assert before["city 4"].groups == 5 and before["city 0"] != after["city 0"]


def test_a_stored_calibration_does_the_same_to_a_map():
    label, probability, city = cities(count=6)
    found, held, of_city = held_out(label, probability, city)
    here = city == "city 1"
    read = Calibration(**json.loads(json.dumps(dataclasses.asdict(of_city["city 1"]))))
    assert (read.sets(probability[here]) == held[here]).all()
    assert (read.probability(probability[here]) == found[here]).all()


def test_numbers_of_32_bits_and_of_64_are_calibrated_alike():
    label, probability, city = cities(count=5)
    narrow = Calibration.of(label, probability.astype("float32"), city)
    wide = Calibration.of(label, probability, city)
    assert narrow.temperature == pytest.approx(wide.temperature, rel=1e-3)
    assert narrow.cut == pytest.approx(wide.cut, rel=0.02)


def test_a_calibration_cannot_be_judged_on_three_cities():
    with pytest.raises(FusionError, match="3 group"):
        held_out(*cities(count=3))


@pytest.mark.slow
@pytest.mark.parametrize("look", [0.5, 1.0])
def test_ten_city_studies_keep_what_is_promised_in_cities_not_seen(look):
    """Probabilities and sets of each city by the nine others."""
    means, least, errors = [], [], []
    for seed in range(20):
        label, probability, city = cities(seed, look=look, sure=3.0)
        found, held, _ = held_out(label, probability, city)
        by_city = [row["coverage"] for row in coverage_by_group(label, held, city).values()]
        means.append(np.mean(by_city))
        least.append(min(by_city))
        errors.append(probability_figures(label, found, Resamples.of(city, 0))["ece"][0])
    assert min(means) >= 0.86 and max(means) <= 0.95
    assert np.median(least) > 0.75
    assert max(errors) <= 0.08


def test_what_random_calibration_promises_is_not_kept_elsewhere():
    """Calibrated on cities that the classifier knows, sets are too small for those that it does not know."""
    known, unseen = cities(3, look=0.0, sure=1.0), cities(4, look=1.5, sure=3.0)
    found = random_promise(known[:2], unseen[:2])
    held = held_out(*unseen)[1]
    kept = np.mean([row["coverage"] for row in coverage_by_group(unseen[0], held, unseen[2]).values()])
    assert found["promised"] == pytest.approx(0.9, abs=0.03) and found["kept"] < 0.75 and kept > 0.86
