import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from fusion_assets.systems.built_up.accuracy import evaluation, nested
from fusion_assets.systems.built_up.model import boosted
from fusion_assets.systems.built_up.model import ensemble as network
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS
from fusion_assets_tests.systems.built_up.conftest import FEATURES

NEAR = LEVELS[1:2]


@pytest.fixture(scope="module", autouse=True)
def little_work():
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, nested):
            patch.setattr(module, "epoch_candidates", lambda count: (2, 4))
        for name, value in {"TREES": 20, "INNER_TREES": 10, "AROUND_TREES": 20, "AROUND_INNER_TREES": 10}.items():
            patch.setattr(nested, name, value)
        patch.setattr(nested, "SEEDS", (0,))
        patch.setattr(nested, "INNER_SEEDS", (0,))
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
    """Every figure again with scikit-learn, from what is stored."""
    from sklearn import metrics as known

    table, metrics = evaluated
    assert json.loads(json.dumps(metrics)) == metrics
    label = table["label"].to_numpy()
    answers = {
        "model": (table["predicted"], table["probability"]),
        "baseline": (table["baseline_predicted"], table["baseline_probability"]),
        "neighbourhood": (table["neighbourhood_predicted"], table["neighbourhood_probability"]),
        "baseline_at_half": ((table["baseline_probability"] >= 0.5).astype(int), table["baseline_probability"]),
    }
    for name, (predicted, probability) in answers.items():
        found = metrics[name]
        expected = {
            "accuracy": known.accuracy_score(label, predicted),
            "mcc": known.matthews_corrcoef(label, predicted),
            "precision": known.precision_score(label, predicted),
            "recall": known.recall_score(label, predicted),
            "f1": known.f1_score(label, predicted),
            "average_precision": known.average_precision_score(label, probability),
            "brier": known.brier_score_loss(label, probability),
        }
        assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-6)
        assert list(found["confusion"].values()) == known.confusion_matrix(label, predicted).ravel().tolist()
        assert found["not_built_up"]["f1"] == pytest.approx(known.f1_score(label, predicted, pos_label=0))
        for key, value in expected.items():
            interval = metrics["intervals"][name][key]
            assert interval["value"] == pytest.approx(value, abs=1e-6) and interval["low"] <= value <= interval["high"]
    assert metrics["prevalence"] == label.mean()
    assert metrics["majority"]["mcc"] == 0 and metrics["majority"]["accuracy"] == max(label.mean(), 1 - label.mean())
    assert metrics["model"]["mcc"] > 0.5
    assert 0 < metrics["threshold"] < 1
    for name in ("baseline", "neighbourhood", "baseline_at_half"):
        gain = metrics["intervals"][f"model_minus_{name}"]["mcc"]
        assert gain["value"] == pytest.approx(metrics["model"]["mcc"] - metrics[name]["mcc"])
    assert metrics["mcc_difference"]["difference"] == metrics["intervals"]["model_minus_baseline"]["mcc"]["value"]
    assert all(row["low"] <= row["observed"] <= row["high"] for row in metrics["calibration"]["bins"])


def test_errors_of_each_class_are_counted_and_shared(evaluated):
    table, metrics = evaluated
    rows = {(row["by"], row["labelled"]): row for row in evaluation.class_rows(metrics)}
    built = table[table["label"] == 1]
    missed = int((built["predicted"] == 0).sum())
    row = rows["model", "built-up"]
    assert row["wrongly"] == missed and row["omission_error"] == pytest.approx(missed / len(built), abs=1e-4)
    assert rows["majority answer", "built-up"]["omission_error"] == 1


def test_truth_takes_the_place_of_labels_where_it_is_known(evaluated):
    table, metrics = evaluated
    truth = table["label"].to_numpy("uint8").copy()
    truth[:50], truth[50:80] = 255, 1 - truth[50:80]
    found = evaluation.against_truth(table, truth)
    assert found["n"] == len(table) - 50
    assert found["labels"]["accuracy"] == pytest.approx(1 - 30 / (len(table) - 50))
    right = (table["predicted"].to_numpy() == truth)[50:].mean()
    assert found["model"]["accuracy"] == pytest.approx(right)
    assert evaluation.summary(metrics | {"truth": found})["truth_mcc"] == found["model"]["mcc"]


def test_labels_of_a_test_fold_change_neither_its_predictions_nor_its_threshold(town, evaluated):
    """Nothing chosen for a fold may have seen it: wrong labels there leave all that concerns it as it was."""
    stack, samples = town
    table, metrics = evaluated
    changed = samples.copy()
    hit = changed["fold"] == 2
    changed.loc[hit, "label"] = 1 - changed.loc[hit, "label"]
    other, found = evaluation.evaluate(changed, stack, FEATURES, levels=NEAR)
    for key in ("threshold", "baseline_threshold", "neighbourhood_threshold", "epochs", "level"):
        assert found["folds"][2][key] == metrics["folds"][2][key]
    answers = ("probability", "predicted")
    for column in (f"{by}{kind}" for by in ("", "baseline_", "neighbourhood_") for kind in answers):
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
    table = evaluation.Channels.of_region(samples, stack, FEATURES)
    nested.nested_model(table, NEAR)
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    for (a, b), mask in zip(pairs, seen[0], strict=True):
        assert not mask[(table.fold == a) | (table.fold == b)].any()


def test_a_forest_keeps_the_filters_of_warnings(monkeypatch):
    from sklearn.ensemble import RandomForestClassifier

    fit, before = RandomForestClassifier.fit, list(warnings.filters)
    # What its threads do to each other now and then.
    monkeypatch.setattr(RandomForestClassifier, "fit", lambda *given: (fit(*given), warnings.resetwarnings())[0])
    values, label = np.eye(20), np.arange(20) % 2
    table = SimpleNamespace(values=values, label=label, trains=np.logical_not)
    nested.forest_answers(table, [label == 0], 2)
    assert warnings.filters == before != []


def test_two_blocks_are_evaluated_without_choosing(town):
    stack, samples = town
    two = samples[samples["fold"] < 2].reset_index(drop=True)
    table, metrics = evaluation.evaluate(two, stack, FEATURES, levels=NEAR)
    assert not metrics["nested"]
    assert [fold["threshold"] for fold in metrics["folds"]] == [0.5, 0.5]
    assert table["probability"].notna().all()


def test_trees_learn_where_the_study_says_so(town, evaluated, monkeypatch):
    stack, samples = town
    monkeypatch.setattr(boosted, "ROUNDS", (5, 10))
    table, metrics = evaluation.evaluate(samples, stack, FEATURES, model="trees", levels=NEAR)
    assert {fold["trees"] for fold in metrics["folds"]} <= {5, 10} and metrics["model"]["mcc"] > 0.5
    for name in ("baseline_probability", "neighbourhood_probability"):
        assert np.array_equal(table[name], evaluated[0][name])


def test_the_summary_is_flat(evaluated):
    assert all(isinstance(value, int | float) for value in evaluation.summary(evaluated[1]).values())
