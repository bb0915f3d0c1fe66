"""Methods: what each gives, and that trees answer as the library that grew them."""

import dataclasses
import json

import numpy as np
import pytest

from fusion_assets.storage.documents import packed, unpacked
from fusion_assets.systems.night_radiance.examples import examples_of
from fusion_assets.systems.night_radiance.methods import kriging, trees, unet
from fusion_assets.systems.night_radiance.methods.features import features, names, windows
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY, methods_for
from fusion_assets_tests.systems.night_radiance.towns import place


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unet, "STEPS", 60)
        yield


@pytest.fixture(scope="module")
def examples():
    return examples_of(place(), rounds=5, copies=1)


@pytest.fixture(scope="module")
def errors(examples):
    """RMSE of every method on another place than it has learnt from."""
    (other,) = examples_of(place(seed=5), rounds=5, copies=0)
    return {
        name: float(np.sqrt(np.mean((method.fit(examples, 0)(other.task) - other.truth) ** 2)))
        for name, method in METHODS.items()
    }


def test_methods_get_better_by_what_they_know(errors):
    assert errors["trees"] < errors[NO_IMAGERY] < errors["bicubic"] < errors["zero"]
    assert errors["unet"] < errors[NO_IMAGERY]
    assert errors["trees"] < 0.8 * errors["bicubic"] and errors["kriging"] < errors["bicubic"]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("zero", "nearest", "bicubic", "kriging")])
def test_what_is_conserved_makes_the_cells_again(name, examples):
    task = examples[0].task
    found = METHODS[name].fit(examples, 0)(task)
    if name == "forest_kriging":
        return  # as published: nothing is conserved exactly
    assert found.min() >= 0
    assert found.sum() == pytest.approx((np.maximum(task.measured, 0) * task.sensor.pixels).sum(), rel=1e-6)


def test_kriging_gives_cells_back(examples):
    task = examples[0].task
    found = kriging.kriged(task.filled, task)
    seen = task.sensor.forward(found)[2:-2, 2:-2]
    assert np.abs(seen - task.measured[2:-2, 2:-2]).mean() < 0.03 * task.measured.mean()


def test_trees_answer_as_the_library_and_after_a_journey_through_json(examples):
    from sklearn.ensemble import HistGradientBoostingRegressor

    grown = []

    class Kept(HistGradientBoostingRegressor):
        def fit(self, *data, **more):
            grown.append(self)
            return super().fit(*data, **more)

    import sklearn.ensemble

    original, sklearn.ensemble.HistGradientBoostingRegressor = sklearn.ensemble.HistGradientBoostingRegressor, Kept
    try:
        fitted = trees.fit(examples)
    finally:
        sklearn.ensemble.HistGradientBoostingRegressor = original
    task = examples[0].task
    values = features(task, slice(0, task.sensor.fine.height))
    nodes = fitted.feature, fitted.threshold, fitted.left, fitted.right, fitted.value, fitted.root
    np.testing.assert_allclose(fitted.base + trees.walked(values, *nodes), np.log(grown[0].predict(values)), atol=1e-4)
    again = trees.from_dict(unpacked(json.loads(json.dumps(packed(fitted.to_dict())))))
    np.testing.assert_array_equal(again.radiance(task), fitted.radiance(task))


def test_trees_find_the_mean_of_lamps_that_outshine_their_neighbours(monkeypatch):
    monkeypatch.setattr(trees, "TREES", 60)
    quiet = place()
    lottery = np.random.default_rng(1).lognormal(-0.5, 1.0, quiet.radiance.shape)
    examples = examples_of(dataclasses.replace(quiet, radiance=quiet.radiance * lottery), rounds=5, copies=0)
    (example,) = examples
    # The middle of such lamps is 0.6 of their mean.
    found = trees.fit(examples).radiance(example.task)
    assert found.sum() == pytest.approx(example.truth.sum(), rel=0.05)


def test_features_of_strips_are_those_of_the_whole(examples):
    task = examples[0].task
    whole = features(task, slice(0, 48)).reshape(48, 48, -1)
    assert whole.shape[-1] == len(names(list(task.guides)))
    np.testing.assert_array_equal(features(task, slice(17, 29)).reshape(12, 48, -1), whole[17:29])
    assert windows(4) == [3, 5, 9] and windows(15.5) == [11, 19, 35]


def test_light_is_shared_by_settlement_only_where_there_is_such_a_guide():
    assert "dasymetric" not in methods_for({"red": None}) and "dasymetric" in methods_for({"settlement": None})
