import numpy as np
import pytest

from fusion_assets.learning.backend import keras, tensorflow
from fusion_assets.learning.training import State, fit
from fusion_assets.storage.root import Storage

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 6)).astype("float32")
Y = (np.abs(X[:, :1]) > 0.7).astype("float32")


class Killed(BaseException):
    """The process ends here."""


def trained(seed=0, state=None, killed_at=None, epochs=5, batch=16, **more):
    """A small network with dropout, batch normalisation and a schedule; weights, history and what was drawn."""
    tensorflow()
    layers = keras().layers
    inputs = keras().Input((6,))
    hidden = layers.Dense(8, "relu", kernel_initializer=keras().initializers.HeNormal(seed=1))(inputs)
    hidden = layers.Dropout(0.3, seed=2)(layers.BatchNormalization()(hidden))
    model = keras().Model(inputs, layers.Dense(1, kernel_initializer=keras().initializers.HeNormal(seed=3))(hidden))
    rate = keras().optimizers.schedules.CosineDecay(0.01, 40)
    drawn = []

    def draw(chosen, random):
        if len(drawn) == killed_at:
            raise Killed
        drawn.append(chosen)
        return X[chosen] + random.normal(0, 0.01, (len(chosen), 6)).astype("float32"), Y[chosen]

    def loss(model, x, y):
        logits = model(x, training=True)
        return keras().ops.mean(keras().losses.binary_crossentropy(y, logits, from_logits=True))

    try:
        history = fit(
            model, keras().optimizers.AdamW(rate), loss, draw,
            samples=len(X), epochs=epochs, batch=batch, seed=seed, state=state, **more,
        )  # fmt: skip
    except Killed:
        history = None
    return [np.asarray(variable) for variable in model.variables], history, drawn


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first[0], second[0], strict=True)) and first[1] == second[1]


@pytest.mark.parametrize("killed_at", [3, 9, 18])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, killed_at):
    """Killed in its first, third and last epoch; the second process starts from a model of its own."""
    state = State(Storage(tmp_path), f"{tmp_path}/state.npz", "key")
    whole = trained()
    _, history, _ = trained(state=state, killed_at=killed_at)
    assert history is None
    again = trained(state=state)
    assert same(again, whole)
    assert len(again[2]) == 20 - killed_at // 4 * 4  # of four batches an epoch, whole epochs are not repeated


def test_the_same_seed_is_the_same_training_and_another_is_not():
    first, again, other = trained(), trained(), trained(seed=1)
    assert same(first, again) and not same(first, other)
    assert first[1][-1]["loss"] < first[1][0]["loss"]


def test_every_epoch_has_an_order_of_its_own_and_batches_of_one_size():
    drawn = trained()[2]
    assert [len(chosen) for chosen in drawn] == [16] * 20
    orders = [tuple(np.concatenate(drawn[first : first + 4])) for first in range(0, 20, 4)]
    assert len(set(orders)) == 5 and all(len(set(order)) == 64 for order in orders)
    assert [len(chosen) for chosen in trained(epochs=1, batch=1000)[2]] == [70]


def test_a_state_of_another_training_is_not_gone_on_from(tmp_path):
    place = Storage(tmp_path), f"{tmp_path}/state.npz"
    trained(seed=1, state=State(*place, "other"))
    assert same(trained(state=State(*place, "key")), trained())


def test_what_is_finished_is_not_trained_again(tmp_path):
    state = State(Storage(tmp_path), f"{tmp_path}/state.npz", "key")
    done = trained(state=state)
    again = trained(state=state)
    assert same(done, again) and not again[2]


def test_the_judge_stops_a_training_also_after_a_kill(tmp_path):
    def stop(history):
        return len(history) >= 3 and history[-1]["judged"] == history[-2]["judged"]

    more = {"judge": lambda model: {"judged": 1.0}, "stop": stop}
    state = State(Storage(tmp_path), f"{tmp_path}/state.npz", "key")
    trained(state=state, killed_at=9, **more)
    weights, history, drawn = trained(state=state, **more)
    assert len(history) == 3 and len(drawn) == 4 and history[0]["judged"] == 1
    assert same((weights, history), trained(**more)[:2])
