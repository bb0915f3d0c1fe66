import json

import numpy as np
import pytest

from fusion_assets.evaluation.agreement import scored
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.evaluation.scores import (
    choose_threshold,
    equal_count_bins,
    many_classes,
    mcc,
    precision_recall,
    regression,
    two_classes,
)

RNG = np.random.default_rng(3)
LABEL = (RNG.random(4000) < 0.2).astype(int)
PROBABILITY = np.clip(0.2 + 0.25 * LABEL + RNG.normal(0, 0.12, 4000), 0, 1).round(2)
BLOCK = np.arange(4000) // 100


def alone(label):
    """The data as they are, without draws."""
    return Resamples.of(np.zeros(len(label), int), 0)


def test_scores_agree_with_scikit_learn():
    from sklearn import metrics

    predicted = PROBABILITY >= 0.4
    found, _ = scored(LABEL, predicted, PROBABILITY, alone(LABEL), "others")
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(LABEL, predicted))
    assert found["f1"] == pytest.approx(metrics.f1_score(LABEL, predicted))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(LABEL, predicted))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(LABEL, PROBABILITY))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(LABEL, PROBABILITY))
    assert list(found["confusion"].values()) == metrics.confusion_matrix(LABEL, predicted).ravel().tolist()
    share = metrics.confusion_matrix(LABEL, predicted, normalize="true")
    assert list(found["confusion_share"].values()) == pytest.approx(share.ravel())
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(LABEL, predicted)
    for number, of_class in enumerate((found["others"], found)):
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
    nothing = two_classes(np.zeros(5, int), np.zeros(5, bool), np.linspace(0, 1, 5), alone(range(5)))
    assert nothing["average_precision"][0] == 0


def test_the_threshold_moves_as_far_as_it_pays():
    threshold = choose_threshold(LABEL, PROBABILITY, BLOCK)

    def at(t):
        return two_classes(LABEL, t <= PROBABILITY, None, alone(LABEL))["mcc"][0]

    assert threshold < 0.45
    assert at(threshold) > max(at(t) for t in np.arange(0.02, 0.98, 0.01)) - 0.03


def test_the_threshold_stays_at_one_half_when_nothing_is_gained():
    clear = np.where(LABEL == 1, 0.9, 0.1)
    assert choose_threshold(LABEL, clear, BLOCK) == pytest.approx(0.5)


def test_calibrated_probabilities_have_a_small_error():
    share = RNG.random(20_000)
    label = (RNG.random(20_000) < share).astype(int)
    assert two_classes(label, share > 0.5, share, alone(label))["ece"][0] < 0.02
    assert two_classes(label, share > 0.5, share**3, alone(label))["ece"][0] > 0.1


def test_figures_of_many_classes_are_scikit_learns_on_the_data_and_on_every_resample():
    from sklearn import metrics

    names = ("water", "wood", "field", "town", "ice")  # of the last there is nothing
    label = RNG.choice(4, 900, p=[0.1, 0.5, 0.3, 0.1])
    predicted = np.where(RNG.random(900) < 0.3, RNG.choice(4, 900), label)
    resamples = Resamples.of(np.arange(900) // 90, 3)
    figures = many_classes(label, predicted, names, resamples)
    for draw in range(4):
        rows = np.repeat(np.arange(900), resamples.weights[draw].astype(int)[resamples.inverse])
        pair = label[rows], predicted[rows]
        expected = {
            "accuracy": metrics.accuracy_score(*pair),
            "average_accuracy": metrics.balanced_accuracy_score(*pair),
            "kappa": metrics.cohen_kappa_score(*pair),
            "macro_f1": metrics.f1_score(*pair, average="macro"),
        }
        parts = metrics.precision_recall_fscore_support(*pair, labels=range(5), zero_division=0)
        for figure, values in zip(("precision", "recall", "f1"), parts, strict=False):
            expected |= {f"{figure}_{name}": value for name, value in zip(names, values, strict=True)}
        assert {name: values[draw] for name, values in figures.items()} == pytest.approx(expected)


def test_figures_of_a_regression_are_scikit_learns_on_the_data_and_on_every_resample():
    from sklearn import metrics

    truth = (1000 + RNG.normal(0, 1, 600)).astype("float32")
    estimate = (truth + RNG.normal(0.2, 0.5, 600)).astype("float32")
    resamples = Resamples.of(np.arange(600) // 50, 3)
    figures = regression(truth, estimate, resamples)
    for draw in range(4):
        rows = np.repeat(np.arange(600), resamples.weights[draw].astype(int)[resamples.inverse])
        pair = truth[rows].astype(float), estimate[rows].astype(float)
        expected = {
            "bias": (pair[1] - pair[0]).mean(),
            "mae": metrics.mean_absolute_error(*pair),
            "rmse": metrics.root_mean_squared_error(*pair),
            "r2": metrics.r2_score(*pair),
            "correlation": np.corrcoef(*pair)[0, 1],
        }
        assert {name: values[draw] for name, values in figures.items()} == pytest.approx(expected, rel=1e-9)


def test_where_nothing_varies_there_is_neither_r2_nor_correlation():
    found = regression(np.full(5, 0.1), np.arange(5.0), alone(range(5)))
    assert np.isnan(found["r2"]).all() and np.isnan(found["correlation"]).all() and found["mae"][0] > 0
