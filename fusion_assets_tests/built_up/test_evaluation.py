import json

import numpy as np
import pytest

from fusion_assets.built_up import evaluation, network
from fusion_assets.built_up.context import LEVELS
from fusion_assets.built_up.scores import scores
from fusion_assets_tests.built_up.conftest import FEATURES

NEAR = LEVELS[1:2]


@pytest.fixture(scope="module", autouse=True)
def little_work():
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, evaluation):
            patch.setattr(module, "epoch_candidates", lambda count: (2, 4))
        patch.setattr(evaluation, "TREES", 20)
        patch.setattr(evaluation, "INNER_TREES", 10)
        patch.setattr(evaluation, "SEEDS", (0,))
        patch.setattr(evaluation, "INNER_SEEDS", (0,))
        yield


@pytest.fixture(scope="module")
def evaluated(town):
    stack, samples = town
    return evaluation.evaluate(samples, stack, FEATURES, levels=NEAR)


def test_every_sample_is_predicted_once_out_of_fold(town, evaluated):
    table, metrics = evaluated
    assert len(table) == len(town[1]) == metrics["n"]
    assert table[["probability", "baseline_probability"]].notna().all().all()
    for fold in metrics["folds"]:
        rows = table[table["fold"] == fold["fold"]]
        assert ((rows["probability"] >= fold["threshold"]) == (rows["predicted"] == 1)).all()
        same = (rows["baseline_probability"] >= fold["baseline_threshold"]) == (rows["baseline_predicted"] == 1)
        assert same.all()


def test_metrics_follow_from_the_table_and_are_json(evaluated):
    table, metrics = evaluated
    assert json.loads(json.dumps(metrics)) == metrics
    for name, column in (("model", "predicted"), ("baseline", "baseline_predicted")):
        again = scores(table["label"].to_numpy(), table[column].to_numpy(bool))
        assert metrics[name]["mcc"] == again["mcc"] and metrics[name]["confusion"] == again["confusion"]
    assert metrics["majority"]["mcc"] == 0 and metrics["majority"]["accuracy"] >= 0.5
    assert metrics["model"]["mcc"] > 0.5
    assert 0 < metrics["threshold"] < 1
    assert metrics["mcc_difference"]["difference"] == pytest.approx(
        metrics["model"]["mcc"] - metrics["baseline"]["mcc"]
    )


def test_labels_of_a_test_fold_change_neither_its_predictions_nor_its_threshold(town, evaluated):
    """Nothing chosen for a fold may have seen it: wrong labels there leave all that concerns it as it was."""
    stack, samples = town
    table, metrics = evaluated
    changed = samples.copy()
    hit = changed["fold"] == 2
    changed.loc[hit, "label"] = 1 - changed.loc[hit, "label"]
    other, found = evaluation.evaluate(changed, stack, FEATURES, levels=NEAR)
    for key in ("threshold", "baseline_threshold", "epochs", "level"):
        assert found["folds"][2][key] == metrics["folds"][2][key]
    for column in ("probability", "baseline_probability", "predicted", "baseline_predicted"):
        assert np.array_equal(other.loc[hit, column], table.loc[hit, column])
    assert not np.array_equal(other.loc[~hit, "probability"], table.loc[~hit, "probability"])


def test_inner_models_have_seen_neither_fold(town, monkeypatch):
    stack, samples = town
    seen = []
    fit = evaluation.Channels.fit

    def spy(self, level, masks, seeds, keep):
        seen.append(masks)
        return fit(self, level, masks, seeds, keep)

    monkeypatch.setattr(evaluation.Channels, "fit", spy)
    table = evaluation.Channels(samples, stack, FEATURES)
    evaluation._model(table, NEAR)
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    for (a, b), mask in zip(pairs, seen[0], strict=True):
        assert not mask[(table.fold == a) | (table.fold == b)].any()


def test_two_blocks_are_evaluated_without_choosing(town):
    stack, samples = town
    two = samples[samples["fold"] < 2].reset_index(drop=True)
    table, metrics = evaluation.evaluate(two, stack, FEATURES, levels=NEAR)
    assert not metrics["nested"]
    assert [fold["threshold"] for fold in metrics["folds"]] == [0.5, 0.5]
    assert table["probability"].notna().all()


def test_the_summary_is_flat(evaluated):
    assert all(isinstance(value, int | float) for value in evaluation.summary(evaluated[1]).values())
