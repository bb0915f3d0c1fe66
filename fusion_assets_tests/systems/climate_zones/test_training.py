"""A training of a network: what it learns, which epoch it keeps, and that a killed one ends as one that was not."""

import numpy as np
import pytest

from fusion_assets.learning.backend import keras
from fusion_assets.learning.training import State
from fusion_assets.storage.root import Storage
from fusion_assets.systems.climate_zones import training
from fusion_assets.systems.climate_zones.channels import CHANNELS
from fusion_assets.systems.climate_zones.networks import network_of
from fusion_assets.systems.climate_zones.training import Preset, class_weights, predict, train

PRESET = Preset(width=0.25, epochs=5, patience=3, batch=8, rate=0.003, falling=True)
NETWORK = network_of("sensors", 3, width=0.25)
LEARNT, STOPPING = np.arange(0, 96), np.arange(96, 128)


class Killed(BaseException):
    """The process ends here."""


class Source:
    """Patches in memory whose brightness tells the zone, of three."""

    def __init__(self, killed_at=None, spike=0.0):
        random = np.random.default_rng(0)
        self.labels = (np.arange(128) % 3 * 5).astype(np.uint8)
        self.values = random.normal(0, 0.3, (128, 32, 32, 18)).astype(np.float32)
        self.values += (self.labels / 5)[:, None, None, None]
        self.values[:, 0, 0, 4] += spike
        self.asked, self.killed_at = 0, killed_at

    def batch(self, rows, channels, decibels=True):
        self.asked += 1
        if self.asked == self.killed_at:
            raise Killed
        return np.ascontiguousarray(self.values[rows][..., [CHANNELS.index(name) for name in channels]])


def trained(source, seed=0, state=None, preset=PRESET):
    return train(NETWORK, source, LEARNT, STOPPING, preset, seed, state)


def test_what_is_learnt_answers_for_patches_not_seen():
    source = Source()
    model, history = trained(source)
    answer = predict(model, source, STOPPING, training.channels_of(NETWORK))
    assert answer.shape == (32, 17) and answer.sum(axis=1) == pytest.approx(1, abs=1e-6)
    accuracy = (answer.argmax(axis=1) == source.labels[STOPPING]).mean()
    assert accuracy == max(epoch["accuracy"] for epoch in history) > 0.9


@pytest.mark.parametrize("killed_at", [4, 9, 21])
def test_a_killed_training_ends_bit_for_bit_as_one_that_was_not(tmp_path, killed_at):
    model, history = trained(Source())
    state = State(Storage(tmp_path), f"{tmp_path}/state.npz", "key")
    with pytest.raises(Killed):
        trained(Source(killed_at), state=state)
    again, told = trained(Source(), state=state)
    assert told == history
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


def test_training_ends_when_nothing_becomes_better(monkeypatch):
    answers = iter([0.5, 0.75, 0.25, 0.25, 1.0])
    right = np.eye(17, dtype=np.float32)

    def predicted(ask, source, rows, channels, decibels):
        label, share = source.labels[rows], next(answers)
        return right[np.where(np.arange(len(rows)) < share * len(rows), label, 16)]

    monkeypatch.setattr(training, "asked", predicted)
    _, history = trained(Source(), preset=Preset(width=0.1, epochs=5, patience=2, batch=16))
    assert [epoch["accuracy"] for epoch in history] == [0.5, 0.75, 0.25, 0.25]


def test_what_lies_far_out_does_not_blind_the_network(tmp_path):
    calm, spiky = Source(), Source(spike=1e6)
    model, _ = trained(spiky)
    answer = predict(model, spiky, STOPPING, training.channels_of(NETWORK))
    assert (answer.argmax(axis=1) == calm.labels[STOPPING]).mean() > 0.9
    path = tmp_path / "model.keras"
    model.save(path)
    read = keras().models.load_model(path, compile=False, safe_mode=True)
    assert np.array_equal(predict(read, spiky, STOPPING, training.channels_of(NETWORK)), answer)


def test_weights_of_classes_average_to_one():
    label = np.repeat(np.arange(17, dtype=np.uint8), np.arange(1, 18))
    assert class_weights(label)[label].mean() == pytest.approx(1)
    assert class_weights(np.zeros(4, np.uint8))[1] == 0


def test_without_patches_that_stop_all_epochs_are_trained_and_the_last_is_kept():
    model, history = train(NETWORK, Source(), LEARNT, STOPPING[:0], PRESET, 0)
    assert len(history) == PRESET.epochs and "accuracy" not in history[0]
    assert history[-1]["loss"] < history[0]["loss"]
    answer = predict(model, Source(), LEARNT, training.channels_of(NETWORK))
    assert (answer.argmax(axis=1) == Source().labels[LEARNT]).mean() > 0.9
