"""Whether probabilities were calibrated is asked of the comparison and of the network of maps."""

import pytest

from fusion_assets.evaluation.calibration import MOST_DOUBT, STEEPEST
from fusion_assets.systems.climate_zones import judgement
from fusion_assets.systems.climate_zones.defs.checks import model_result, study_result
from fusion_assets_tests.systems.climate_zones.comparisons import CITIES, compared


def test_a_comparison_says_whose_calibration_was_not_found():
    document = compared()
    calibrations = {name: entry["points"]["sensors.0"]["calibration"] for name, entry in document["settings"].items()}
    for calibration in calibrations.values():
        calibration["unfound"] = {}
    assert study_result(document).passed
    calibrations["city"]["unfound"] = {"city b": ["temperature"], "city d": ["temperature"]}
    found = study_result(document)
    assert not found.passed and "temperature of city b, city d at an end" in found.description
    assert found.description in [each.sentence for each in judgement.of_document(document) if not each.passed]


def test_nothing_speaks_against_what_few_cities_cannot_calibrate():
    assert study_result(compared(cities=CITIES[:1], overlap=None)).passed


@pytest.mark.parametrize(
    ("temperature", "doubt", "passed"),
    [(1.5, 0.0, True), (STEEPEST / 1.001, 0.1, False), (1.001 / STEEPEST, 0.1, False), (1.5, MOST_DOUBT, False)],
)
def test_the_network_of_maps_says_whether_its_calibration_was_found(temperature, doubt, passed):
    found = model_result({"temperature": temperature, "doubt": doubt})
    assert found.passed == passed and ("cut off" in found.description) != passed
