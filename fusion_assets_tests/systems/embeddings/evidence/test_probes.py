"""Probes: what they answer, that they are tuned without what they are asked, and how they are scored."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples
from fusion_assets.systems.embeddings.evidence.probes import (
    PROBES,
    SCALINGS,
    Labels,
    Probe,
    few_labels,
    joined,
    macro_f1,
    mean_r2,
    neighbours,
    tuned,
)

NAMES = ("forest", "crop", "water")
CELL = np.repeat(np.arange(12), 10)
RANDOM = np.random.default_rng(0)
KIND = RANDOM.integers(0, 3, 120)
SEEN = np.eye(3)[KIND] + RANDOM.normal(0, 0.15, (120, 3))
SETS = np.stack([KIND == 0, KIND != 1, np.zeros(120, bool)], axis=1)
SHARES = np.stack([0.5 * SEEN[:, 0], 0.2 + 0.3 * SEEN[:, 2], np.zeros(120)], axis=1)
LEARNT, ASKED = np.arange(80), np.arange(80, 120)


def alone(count):
    return Resamples.of(np.arange(count), draws=0)


@pytest.mark.parametrize("probe", ["neighbours", "linear"])
@pytest.mark.parametrize("values", [KIND, SETS], ids=["classes", "sets"])
def test_what_is_plain_is_found(probe, values):
    labels = Labels(values, NAMES)
    answer, _ = tuned(PROBES[probe], SEEN[LEARNT], labels.take(LEARNT), CELL[LEARNT])
    said = answer(SEEN[ASKED])
    assert said.shape == values[ASKED].shape and said.dtype.kind == values.dtype.kind
    assert macro_f1(labels.take(ASKED), said, alone(40))[0] > 0.95


def test_shares_are_found():
    labels = Labels(SHARES, NAMES)
    answer, penalty = tuned(PROBES["ridge"], SEEN[LEARNT], labels.take(LEARNT), CELL[LEARNT])
    assert penalty == min(PROBES["ridge"].settings), "there is no noise to be careful of"
    assert mean_r2(labels.take(ASKED), answer(SEEN[ASKED]), alone(40))[0] > 0.999


def test_a_forest_finds_what_is_no_line():
    bent = Labels(np.abs(SEEN[:, :1] - 0.5), NAMES[:1])
    scores = {}
    for probe in ("ridge", "forest"):
        answer, _ = tuned(PROBES[probe], SEEN[LEARNT], bent.take(LEARNT), CELL[LEARNT])
        scores[probe] = mean_r2(bent.take(ASKED), answer(SEEN[ASKED]), alone(40))[0]
    assert scores["forest"] > 0.8 > scores["ridge"] + 0.3


def test_neighbours_are_those_by_angle_and_a_tie_is_the_nearest_ones():
    known = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
    answer = neighbours(known, Labels(np.array([0, 0, 1, 1]), ("east", "north")), "as is")
    assert answer(np.array([[50.0, 40.0], [0.001, 0.002]])).tolist() == [0, 1]


def test_settings_are_chosen_by_cells_that_a_probe_was_not_fitted_on():
    """A setting that knows only places it was fitted on, and one that is right now and then: the second is chosen."""

    def fit(seen, labels, setting):
        known = dict(zip(seen[:, 0].tolist(), labels.values.tolist(), strict=True))
        return lambda asked: np.array([known.get(each, 2) if setting == "by heart" else 1 for each in asked[:, 0]])

    number = np.arange(120.0)[:, None]
    kind = np.where(KIND == 2, 1, KIND)
    answer, setting = tuned(Probe(fit, ("by heart", "one for all")), number, Labels(kind, NAMES), CELL)
    assert setting == "one for all" and (answer(number) == 1).all()


def test_labels_of_one_cell_leave_nothing_to_choose_by():
    few = Labels(KIND[:10], NAMES)
    _, setting = tuned(PROBES["neighbours"], SEEN[:10], few, CELL[:10])
    assert setting == list(SCALINGS)[1]


@pytest.mark.parametrize("values", [KIND * 0 + 1, SETS & False], ids=["classes", "sets"])
def test_a_single_class_is_answered_everywhere(values):
    answer = PROBES["linear"].fit(SEEN, Labels(values, NAMES), 1.0)
    assert np.array_equal(answer(SEEN), values)


def test_f1_is_a_mean_over_the_classes_labelled():
    truth = Labels(np.array([0, 0, 0, 1]), NAMES)
    said = np.array([0, 0, 1, 2])
    assert macro_f1(truth, said, alone(4))[0] == pytest.approx((0.8 + 0.0) / 2)
    sets = Labels(truth.table() > 0, NAMES)
    assert macro_f1(sets, np.eye(3)[said] > 0, alone(4))[0] == pytest.approx(0.4)


def test_r2_is_that_of_whole_classes_that_vary():
    truth = Labels(np.array([[0, 0.3], [1, 0.3], [0, 0.3], [1, 0.3]]), NAMES[:2])
    assert mean_r2(truth, truth.values, alone(4))[0] == 1
    assert mean_r2(truth, np.full((4, 2), 0.5), alone(4))[0] == pytest.approx(0)


def test_r2_of_cells_that_are_alike_is_no_larger_an_error():
    truth = Labels(np.repeat([0.0, 0.001, 1.0, 0.999], 2).reshape(-1, 1), ("one",))
    found = mean_r2(truth, truth.values + 0.1, Resamples.each_alone(np.repeat([0, 1], 4)))
    # In either cell alone all places are alike, and the error is that of both.
    assert found == pytest.approx(np.full(3, found[0])) and found[0] == pytest.approx(0.96, abs=0.001)


def test_kinds_of_features_weigh_the_same():
    one, other = RANDOM.normal(5, 100, (50, 40)), RANDOM.normal(0, 0.01, (50, 2))
    found = joined(one, other, learnt=np.arange(50))
    assert (found[:, :40] ** 2).sum() == pytest.approx((found[:, 40:] ** 2).sum(), rel=1e-3)


def test_few_labels_are_the_same_for_everyone():
    labels = Labels(KIND, NAMES)
    first, again = few_labels(labels, 20, 3), few_labels(labels, 20, 3)
    assert all(np.array_equal(a, b) and len(np.unique(a)) == 20 for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    "values", [np.array([0, 3]), np.array([-1, 0]), np.array([0.5, np.nan]), np.full((2, 2), 0.5), np.zeros(0, int)]
)
def test_what_are_no_labels_is_refused(values):
    with pytest.raises(FusionError, match="labels of type"):
        Labels(values, NAMES)
