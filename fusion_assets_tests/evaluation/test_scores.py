import json

import numpy as np
import pytest

from fusion_assets.evaluation.scores import (
    average_precision,
    calibration,
    choose_threshold,
    equal_count_bins,
    mcc,
    precision_recall,
    scores,
)

RNG = np.random.default_rng(3)
LABEL = (RNG.random(4000) < 0.2).astype(int)
PROBABILITY = np.clip(0.2 + 0.25 * LABEL + RNG.normal(0, 0.12, 4000), 0, 1).round(2)
BLOCK = np.arange(4000) // 100


def test_scores_agree_with_scikit_learn():
    from sklearn import metrics

    predicted = PROBABILITY >= 0.4
    found = scores(LABEL, predicted, PROBABILITY)
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(LABEL, predicted))
    assert found["f1"] == pytest.approx(metrics.f1_score(LABEL, predicted))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(LABEL, predicted))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(LABEL, PROBABILITY))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(LABEL, PROBABILITY))
    assert list(found["confusion"].values()) == metrics.confusion_matrix(LABEL, predicted).ravel().tolist()
    share = metrics.confusion_matrix(LABEL, predicted, normalize="true")
    assert list(found["confusion_share"].values()) == pytest.approx(share.ravel())
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(LABEL, predicted)
    for number, of_class in enumerate((found["not_built_up"], found)):
        assert [of_class[name] for name in ("precision", "recall", "f1")] == pytest.approx(
            [precision[number], recall[number], f1[number]]
        )
    json.dumps(found)


def test_the_curve_of_precision_and_recall_is_scikit_learns():
    from sklearn import metrics

    precision, recall = precision_recall(LABEL, PROBABILITY)
    other, again, _ = metrics.precision_recall_curve(LABEL, PROBABILITY)
    assert precision[::-1] == pytest.approx(other[:-1]) and recall[::-1] == pytest.approx(again[:-1])


def test_bins_hold_equal_counts_even_where_probabilities_are_tied():
    assert np.bincount(equal_count_bins(np.full(1003, 0.5))).tolist() == [101] * 3 + [100] * 7


def test_empty_margins_score_zero():
    assert mcc(10, 0, 5, 0) == 0
    assert average_precision(np.zeros(5, int), np.linspace(0, 1, 5)) == 0


def test_the_threshold_moves_as_far_as_it_pays():
    threshold = choose_threshold(LABEL, PROBABILITY, BLOCK)
    values = [float(scores(LABEL, t <= PROBABILITY)["mcc"]) for t in np.arange(0.02, 0.98, 0.01)]
    assert threshold < 0.45
    assert scores(LABEL, threshold <= PROBABILITY)["mcc"] > max(values) - 0.03


def test_the_threshold_stays_at_one_half_when_nothing_is_gained():
    clear = np.where(LABEL == 1, 0.9, 0.1)
    assert choose_threshold(LABEL, clear, BLOCK) == pytest.approx(0.5)


def test_calibrated_probabilities_have_a_small_error():
    share = RNG.random(20_000)
    label = (RNG.random(20_000) < share).astype(int)
    assert calibration(label, share)["ece"] < 0.02
    assert calibration(label, share**3)["ece"] > 0.1
    assert [b["count"] for b in calibration(label, share)["bins"]] == [2000] * 10
