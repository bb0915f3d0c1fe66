"""Trees as rectangles of numbers: what scikit-learn's own answer, in any number of rounds, on thresholds, too."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from fusion_assets.learning import trees


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1500, 6)).astype("float32")
    values[:, 5] = np.round(values[:, 5])  # ties, which thresholds lie between
    label = (values[:, 0] + values[:, 1] * values[:, 2] + rng.normal(size=1500) > 0.5).astype("int8")
    return values, label


def known(values, label, rounds):
    model = HistGradientBoostingClassifier(
        learning_rate=trees.RATE, max_iter=rounds, max_depth=trees.DEPTH, max_leaf_nodes=trees.LEAVES,
        min_samples_leaf=trees.SMALLEST_LEAF, l2_regularization=trees.PULL, max_features=trees.COLUMNS,
        early_stopping=False, random_state=0,
    )  # fmt: skip
    return model.fit(values, label).predict_proba(values)[:, 1]


def test_they_answer_as_those_they_were_made_from(world):
    values, label = world
    fitted = trees.fit(values, label, 40)
    assert fitted.leaf.shape == (40, 16)
    np.testing.assert_allclose(fitted.probability(values.T), known(values, label, 40), atol=1e-6)


def test_the_first_of_them_are_a_shorter_fit(world):
    values, label = world
    first = trees.fit(values, label, 40).first(7)
    np.testing.assert_allclose(first.probability(values.T), known(values, label, 7), atol=1e-6)


def test_the_same_samples_give_the_same_trees(world):
    values, label = world
    one, two = trees.fit(values, label, 10), trees.fit(values, label, 10)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("feature", "threshold", "leaf"))


@pytest.mark.parametrize("value", [0, 1])
def test_samples_of_one_class_are_taken_at_their_word(world, value):
    fitted = trees.fit(world[0], np.full(1500, value), 5)
    assert np.allclose(fitted.probability(world[0].T), value, atol=1e-4)


def test_a_threshold_is_never_rounded_up():
    near = trees.rounded_down(np.array([0.1, 1 / 3, -1 / 3, 2.5]))
    assert (near.astype("float64") <= [0.1, 1 / 3, -1 / 3, 2.5]).all() and near.dtype == np.float32


@pytest.mark.parametrize("count", [1, 511, 512, 1025])
def test_any_number_of_samples_is_answered(world, count):
    values, label = world
    fitted = trees.fit(values, label, 5)
    assert np.array_equal(fitted.probability(values[:count].T), fitted.probability(values.T)[:count])
