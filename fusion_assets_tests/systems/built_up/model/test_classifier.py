import pickle

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.learning import backend, blockwise, saved_model
from fusion_assets.learning.saved_model import TrainedModel
from fusion_assets.systems.built_up.model import boosted, classifier
from fusion_assets.systems.built_up.model import ensemble as network
from fusion_assets.systems.built_up.model.classifier import train
from fusion_assets.systems.built_up.model.ensemble import Setting, choose_setting
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS
from fusion_assets_tests.systems.built_up.conftest import FEATURES

NEAR = LEVELS[1:2]


def predict_dataset(model, stack):
    return blockwise.predict_dataset(model, stack, "train again")


@pytest.fixture(scope="module", autouse=True)
def few_epochs():
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, classifier):
            patch.setattr(module, "epoch_candidates", lambda count: (2, 4))
        yield


@pytest.fixture(scope="module")
def model(town):
    stack, samples = town
    return train(samples, stack, FEATURES, levels=NEAR)


def test_the_same_inputs_give_the_same_model_bit_for_bit(town, model):
    stack, samples = town
    again = train(samples, stack, FEATURES, levels=NEAR)
    assert again.digest == model.digest
    assert np.array_equal(predict_dataset(again, stack), predict_dataset(model, stack), equal_nan=True)


def test_the_card_says_what_the_model_is(town, model):
    card = model.card
    assert card["features"] == list(FEATURES) and card["context"] == 1 and card["level"] == "near"
    assert card["seeds"] == [0, 1, 2, 3, 4] and card["epochs"] in (2, 4)
    assert len(card["samples_digest"]) == len(card["grid_digest"]) == 12


def test_a_missing_feature_gives_no_probability_there_and_nowhere_else(town, model):
    stack, _ = town
    found = predict_dataset(model, stack).values
    assert np.argwhere(np.isnan(found)).tolist() == [[10, 11]]
    assert ((found >= 0) & (found <= 1))[np.isfinite(found)].all()


def test_the_graph_is_the_mean_of_its_members(town, model):
    """The saved graph and the batched members that were trained give the same answer."""
    stack, samples = town
    table = classifier.Channels.of_region(samples, stack, FEATURES)
    every = np.ones((5, len(samples)), bool)
    epochs = model.card["epochs"]
    members = network.fit_members(table.of(NEAR[0]), table.label, every, range(5), [epochs])[epochs]
    mean = network.member_probabilities(members, table.of(NEAR[0])).mean(axis=0)
    found = predict_dataset(model, stack).sel(x=samples.x.to_xarray(), y=samples.y.to_xarray()).values
    assert found == pytest.approx(mean, abs=1e-5)


def test_streaming_in_blocks_equals_the_whole_array(town, monkeypatch):
    stack, samples = town
    values = np.stack([stack[name].values for name in FEATURES], axis=-1)
    model = train(samples, stack, FEATURES, levels=LEVELS[2:])
    around = model.card["context"]
    values = np.pad(values, ((around, around), (around, around), (0, 0)), constant_values=np.nan)
    whole = model.probabilities(values)
    monkeypatch.setattr(saved_model, "BLOCK", 17)
    lazy = predict_dataset(model, stack.chunk({"y": 13, "x": 60}))
    assert lazy.chunks is not None and max(lazy.chunks[0]) < 35
    np.testing.assert_allclose(lazy.values, whole, atol=1e-6)


@pytest.mark.parametrize(
    "level", [pytest.param(LEVELS[0], marks=pytest.mark.slow), *NEAR, pytest.param(LEVELS[2], marks=pytest.mark.slow)]
)
def test_the_compiled_graph_of_large_rasters_predicts_the_same(town, tmp_path, monkeypatch, level):
    keras = backend.keras()

    stack, samples = town
    trained = train(samples, stack, FEATURES, levels=[level])
    plain = predict_dataset(trained, stack).values
    trained.keras_model.save(tmp_path / "m.keras")
    loaded = TrainedModel(keras.models.load_model(tmp_path / "m.keras", compile=False), trained.card)
    monkeypatch.setattr(saved_model, "BLOCK", 40)
    monkeypatch.setattr(saved_model, "COMPILED_FROM", 1)
    lazy = predict_dataset(loaded, stack)
    assert lazy.data.numblocks == (2, 2)
    np.testing.assert_allclose(lazy.values, plain, atol=1e-5)
    assert list(loaded._calls) == [True]
    assert np.array_equal(lazy.values, predict_dataset(trained, stack).values, equal_nan=True)


def test_a_saved_model_predicts_the_same(town, model, tmp_path):
    keras = backend.keras()

    stack, _ = town
    model.keras_model.save(tmp_path / "m.keras")
    loaded = TrainedModel(keras.models.load_model(tmp_path / "m.keras", compile=False), model.card)
    assert np.array_equal(predict_dataset(loaded, stack), predict_dataset(model, stack), equal_nan=True)
    assert loaded.digest == model.digest


def test_a_model_travels_to_another_process(model, town):
    stack, _ = town
    predict_dataset(model, stack).compute()
    sent = pickle.loads(pickle.dumps(model))
    assert np.array_equal(predict_dataset(sent, stack), predict_dataset(model, stack), equal_nan=True)


def test_other_features_are_refused_by_name(town, model):
    stack, _ = town
    with pytest.raises(FusionError, match="lacks avg_rad"):
        predict_dataset(model, stack.drop_vars("avg_rad"))
    with pytest.raises(FusionError, match="has B11 besides"):
        predict_dataset(model, stack.assign(B11=stack["B04"]))
    with pytest.raises(FusionError, match="in another order: avg_rad, B08, B04"):
        predict_dataset(model, stack[["avg_rad", "B08", "B04"]])


def test_samples_outside_the_mask_do_not_move_a_member():
    rng = np.random.default_rng(0)
    x, label, mask = rng.normal(size=(600, 3)).astype("float32"), rng.integers(0, 2, 600), np.arange(600) < 400
    other, wrong = x.copy(), label.copy()
    other[~mask] += 5
    wrong[~mask] = 1 - wrong[~mask]
    first, second = (network.fit_members(a, b, mask[None], [0], [2])[2] for a, b in ((x, label), (other, wrong)))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


def test_the_simpler_context_is_kept_unless_the_wider_is_clearly_better():
    rng = np.random.default_rng(0)
    label, block = rng.integers(0, 2, 1000), np.arange(1000) // 50
    noisy = np.clip(0.5 + 0.2 * (label * 2 - 1) + rng.normal(0, 0.1, 1000), 0.01, 0.99)
    pixel, wide = Setting(LEVELS[0], 3), Setting(LEVELS[2], 3)
    hardly = np.where(block == 0, np.clip(noisy + 0.02 * (label * 2 - 1), 0.01, 0.99), noisy)
    assert choose_setting(label, {pixel: noisy, wide: hardly}, block) == pixel
    clearly = np.clip(noisy + 0.2 * (label * 2 - 1), 0.01, 0.99)
    assert choose_setting(label, {pixel: noisy, wide: clearly}, block) == wide


@pytest.fixture(scope="module")
def grown(town):
    stack, samples = town
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosted, "ROUNDS", (5, 10))
        return train(samples, stack, FEATURES, model="trees", levels=NEAR)


def test_trees_are_saved_as_a_graph_that_maps_as_they_do(town, grown, tmp_path):
    """Whoever opens the file in Keras maps as we do: the graph holds the trees as weights of stock layers."""
    stack, _ = town
    values = np.stack([stack[name].values for name in FEATURES], axis=-1)
    found = predict_dataset(grown, stack).values
    np.testing.assert_allclose(np.asarray(grown.keras_model(values[None]))[0], found, atol=1e-6)
    assert np.argwhere(np.isnan(found)).tolist() == [[10, 11]]
    grown.keras_model.save(tmp_path / "m.keras")
    loaded = TrainedModel(backend.keras().models.load_model(tmp_path / "m.keras", compile=False), grown.card)
    assert np.array_equal(predict_dataset(loaded, stack).values, found, equal_nan=True)
    assert loaded.digest == grown.digest and grown.card["trees"] in (5, 10) and "seeds" not in grown.card


def test_trees_answer_in_blocks_as_in_the_whole(town, grown, monkeypatch):
    stack, _ = town
    whole = predict_dataset(grown, stack).values
    monkeypatch.setattr(saved_model, "BLOCK", 17)
    blocks = predict_dataset(grown, stack.chunk({"y": 13, "x": 60}))
    np.testing.assert_allclose(blocks.values, whole, atol=1e-6)
    monkeypatch.setattr(saved_model, "COMPILED_FROM", 1)
    compiled = predict_dataset(TrainedModel(grown.keras_model, grown.card), stack).values
    # The compiler sums in another order: a channel on a threshold may fall on its other side.
    assert np.isclose(compiled, whole, atol=1e-5, equal_nan=True).mean() > 0.99


def test_trees_are_the_same_bit_for_bit(town, grown):
    stack, samples = town
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosted, "ROUNDS", (5, 10))
        assert train(samples, stack, FEATURES, model="trees", levels=NEAR).digest == grown.digest
