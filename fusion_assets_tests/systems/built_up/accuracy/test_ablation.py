import json

import pytest

from fusion_assets.evaluation.bootstrap import Resamples, differences, intervals
from fusion_assets.systems.built_up.accuracy import ablation, evaluation, nested
from fusion_assets.systems.built_up.model import ensemble as network
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS
from fusion_assets_tests.systems.built_up.conftest import FEATURES

SETS = {"optics": FEATURES[:2], "lights": FEATURES[2:], "both": FEATURES}


@pytest.fixture(scope="module")
def ablated(town):
    stack, samples = town
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, nested):
            patch.setattr(module, "epoch_candidates", lambda count: (2, 4))
        for name, value in {
            "TREES": 10,
            "INNER_TREES": 5,
            "AROUND_TREES": 10,
            "AROUND_INNER_TREES": 5,
            "SEEDS": (0,),
            "INNER_SEEDS": (0,),
        }.items():
            patch.setattr(nested, name, value)
        table, metrics = evaluation.evaluate(samples, stack, FEATURES, levels=LEVELS[1:2])
        out_of_fold, found = ablation.ablate_features(samples, stack, "both", SETS, table, levels=LEVELS[1:2])
        return metrics, found, out_of_fold


def test_both_is_the_evaluation_itself(ablated):
    metrics, found, _ = ablated
    assert json.loads(json.dumps(found)) == found
    assert found["sets"]["both"]["mcc"] == metrics["model"]["mcc"]
    assert found["sets"]["both"]["intervals"] == metrics["intervals"]["model"]
    assert (found["n"], found["prevalence"]) == (metrics["n"], metrics["prevalence"])


def test_differences_are_paired_and_of_this_set_less_both(ablated):
    _, found, _ = ablated
    for name in ("optics", "lights"):
        entry = found["sets"][name]
        difference = entry["minus_whole"]["mcc"]
        assert entry["features"] == list(SETS[name])
        assert difference["value"] == pytest.approx(entry["mcc"] - found["sets"]["both"]["mcc"])
        assert difference["low"] <= difference["value"] <= difference["high"]


def test_in_a_town_bright_at_night_lights_are_missed_most(ablated):
    _, found, _ = ablated
    assert found["sets"]["optics"]["minus_whole"]["mcc"]["high"] < 0
    assert found["sets"]["optics"]["mcc"] < found["sets"]["lights"]["mcc"]


def test_rows_say_what_they_are_measured_against(ablated):
    rows = {row["features"]: row for row in ablation.ablation_rows(ablated[1])}
    assert rows["both"]["mcc_minus_whole"] == "reference" and "to" in rows["optics"]["mcc_minus_whole"]


def test_every_figure_can_be_recomputed_from_the_stored_predictions(ablated):
    _, found, table = ablated
    assert len(table) == found["n"] and {"x", "y", "block", "fold"} <= set(table)
    label, resamples = table["label"].to_numpy(), Resamples.of(table["block"].to_numpy())
    figures = {}
    for name, entry in found["sets"].items():
        answer = table[f"predicted_{name}"].to_numpy(bool), table[f"probability_{name}"].to_numpy()
        document, figures[name] = evaluation.scored(label, *answer, resamples)
        assert document == {key: entry[key] for key in document}
        assert intervals(figures[name], found["blocks"]) == entry["intervals"]
    for name in ("optics", "lights"):
        difference = intervals(differences(figures[name], figures["both"]), found["blocks"])
        assert difference == found["sets"][name]["minus_whole"]
