import json

import numpy as np
import pytest

from fusion_assets.built_up.scores import (
    average_precision,
    block_bootstrap,
    calibration,
    choose_threshold,
    mcc,
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
    assert list(found["confusion"].values()) == metrics.confusion_matrix(LABEL, predicted).ravel().tolist()
    json.dumps(found)


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


def test_bootstrap_interval_tells_a_better_prediction_from_an_equal_one():
    flip = RNG.random((2, 4000)) < 0.1
    good, equal, bad = LABEL ^ flip[0], LABEL ^ flip[1], LABEL ^ (RNG.random(4000) < 0.3)
    assert block_bootstrap(LABEL, good, bad, BLOCK)["low"] > 0
    found = block_bootstrap(LABEL, good, equal, BLOCK)
    assert found["low"] < 0 < found["high"]
    assert found["difference"] == pytest.approx(
        scores(LABEL, good.astype(bool))["mcc"] - scores(LABEL, equal.astype(bool))["mcc"]
    )
