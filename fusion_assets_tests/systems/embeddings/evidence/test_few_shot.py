"""Few shots: from how many places and cells, judged where nothing was learnt, with an interval."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.evidence import few_shot as module
from fusion_assets.systems.embeddings.evidence.few_shot import few_shot, unseen
from fusion_assets.systems.embeddings.evidence.probes import Labels

RANDOM = np.random.default_rng(0)
KIND = RANDOM.integers(0, 2, 200)
CELL = np.repeat(np.arange(20), 10)
LABELS = Labels(KIND, ("vineyard", "mangrove"))
LEARNT, TESTED = np.arange(140), np.arange(140, 200)


def told(noise, shots=5, **more):
    features = np.eye(2)[KIND] + np.random.default_rng(1).normal(0, noise, (200, 2))
    return few_shot(features, LABELS, CELL, LEARNT, TESTED, shots, draws=4, **more)


@pytest.mark.parametrize("probe", ["linear", "neighbours"])
def test_what_features_tell_is_told_with_its_interval(probe):
    plain, noisy = told(0.1, probe=probe), told(2.0, probe=probe)
    assert plain["value"] > 0.95 and 0.3 < noisy["value"] < 0.75
    assert noisy["low"] < noisy["value"] < noisy["high"] and noisy["high"] - noisy["low"] > 0.05
    assert told(2.0, probe=probe) == noisy


def test_shots_of_a_class_come_from_as_many_cells_as_there_are(monkeypatch):
    drawn = []

    def watched(probe, seen, labels, cell):
        drawn.append((labels.values, cell))
        return lambda asked: np.zeros(len(asked), int), None

    monkeypatch.setattr(module, "tuned", watched)
    told(0.1, shots=20)
    for values, cell in drawn:
        assert np.bincount(values).tolist() == [20, 20]
        for kind in (0, 1):
            counts = np.bincount(cell[values == kind], minlength=14)
            assert counts.sum() == 20 and counts.max() <= 3 and (counts > 0).sum() >= 12


def test_what_would_flatter_is_refused():
    features = np.eye(2)[KIND]
    with pytest.raises(FusionError, match="1 cells are learnt from and tested on"):
        few_shot(features, LABELS, CELL, LEARNT, np.arange(135, 200), 5)
    with pytest.raises(FusionError, match="100 shots from vineyard"):
        few_shot(features, LABELS, CELL, LEARNT, TESTED, 100)


def test_places_with_some_of_an_unseen_class_are_not_learnt_from():
    shares = np.array([[0.9, 0.1, 0.0], [0.5, 0.45, 0.05], [0.98, 0.0, 0.02], [0.2, 0.2, 0.6]])
    assert unseen(shares, np.array([2])).tolist() == [False, True, False, True]
