import dagster as dg
import numpy as np
import pandas as pd
import pytest

from fusion_assets.orchestration.partitions import partitions_for
from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.systems.built_up.defs.checks import built_up_checks, prediction_check_results, prediction_check_specs
from fusion_assets_tests.orchestration.test_definitions import study

AGREES = {"disagree": 0.05, "gained": 0.03, "lost": 0.02, "labelled": 0.2}


def results(moved, differs):
    return {found.check_name: found for found in prediction_check_results(moved, differs)}


def test_the_prediction_answers_every_check_it_announces():
    specs = prediction_check_specs(partitions_for(study()))
    assert {spec.name for spec in specs} == set(results({"B04": {"psi": 0.0}}, AGREES))
    assert not any(spec.blocking for spec in specs)


def test_features_that_moved_are_named_the_worst_first():
    moved = {"B04": {"psi": 0.3}, "B08": {"psi": 0.01}, "avg_rad": {"psi": 1.2}}
    found = results(moved, AGREES)["feature_drift"]
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["changed"].value == "avg_rad (1.20), B04 (0.30)"
    assert results({"B08": {"psi": 0.01}}, AGREES)["feature_drift"].passed


@pytest.mark.parametrize(("disagree", "labelled", "passed"), [(0.1, 0.2, True), (0.2, 0.2, False), (0.15, 0.9, False)])
def test_a_map_further_from_the_labels_than_a_blank_one_is_worth_a_look(disagree, labelled, passed):
    differs = {"disagree": disagree, "gained": 0.0, "lost": disagree, "labelled": labelled}
    assert results({"B04": {"psi": 0.0}}, differs)["near_labels"].passed is passed


def test_nothing_to_compare_does_not_pass():
    assert not any(found.passed for found in results({}, {}).values())


@pytest.mark.parametrize(("error", "passed"), [(0.029, True), (0.03, False), (float("nan"), False)])
def test_probabilities_are_calibrated_to_three_hundredths(error, passed):
    checks = built_up_checks(Site(study(), Settings(), lambda asset, region, year: {}))
    (check,) = [c for c in checks if [s.name for s in c.check_specs] == ["calibrated"]]
    found = check.node_def.compute_fn.decorated_fn((pd.DataFrame(), {"calibration": {"ece": np.float64(error)}}))
    assert found.passed is passed
