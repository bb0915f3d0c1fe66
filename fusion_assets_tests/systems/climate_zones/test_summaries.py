"""A network of summaries: what it sees, and that few patches teach it."""

import numpy as np
import pytest

from fusion_assets.learning.backend import keras
from fusion_assets.systems.climate_zones import summaries, training
from fusion_assets.systems.climate_zones.networks import network_of
from fusion_assets.systems.climate_zones.training import PRESETS
from fusion_assets_tests.systems.climate_zones.test_training import STOPPING, Source

NETWORK = network_of("sensors", 0)


def test_few_patches_get_as_many_steps_as_many():
    few, many = (summaries.preset_of(PRESETS["published"], count) for count in (40, 20_000))
    assert few.batch == 40 and few.epochs == summaries.STEPS and few.falling
    assert many.batch == summaries.BATCH and many.epochs * (20_000 // many.batch) == pytest.approx(800, rel=0.1)


def test_it_sees_mean_and_scatter_and_learns_from_few_patches(monkeypatch, tmp_path):
    monkeypatch.setattr(summaries, "STEPS", 60)
    source, learnt = Source(), np.arange(48)
    preset = summaries.preset_of(PRESETS["quick"], len(learnt))
    model, history = training.train(NETWORK, source, learnt, learnt[:0], preset, 0, make=summaries.build)
    answer = training.predict(model, source, STOPPING, training.channels_of(NETWORK))
    assert (answer.argmax(axis=1) == source.labels[STOPPING]).mean() > 0.9 and len(history) == preset.epochs
    assert answer.sum(axis=1) == pytest.approx(1, abs=1e-6)
    # Pixels that change places change nothing.
    patches = source.values[:4]
    turned = np.ascontiguousarray(patches[:, ::-1, ::-1])
    assert np.allclose(model(patches), model(turned), atol=1e-5)
    model.save(tmp_path / "it.keras")
    again = keras().models.load_model(tmp_path / "it.keras", compile=False, safe_mode=True)
    assert np.allclose(model(patches), again(patches), atol=1e-6)
