"""What networks have to beat: the commonest zone, and a forest that sees the mean and scatter of whole patches.

They learn from the patches that networks learn from, and answer for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.training import Source

TREES = 200
_BLOCK = 512


def features(source: Source, rows: np.ndarray, channels: Sequence[str]) -> np.ndarray:
    """Mean and standard deviation of every channel of every patch, (rows, 2 channels) float32; radar in decibels."""
    parts = []
    for first in range(0, len(rows), _BLOCK):
        values = source.batch(rows[first : first + _BLOCK], channels)
        parts.append(np.concatenate([values.mean(axis=(1, 2)), values.std(axis=(1, 2))], axis=1))
    return np.concatenate(parts)


def forest(source: Source, learnt: np.ndarray, asked: np.ndarray, channels: Sequence[str], seed: int = 0) -> np.ndarray:
    """Probabilities of a random forest (Breiman 2001), (asked, 17)."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(TREES, max_features="sqrt", min_samples_leaf=2, n_jobs=-1, random_state=seed)
    model.fit(features(source, learnt, channels), source.labels[learnt])
    probability = np.zeros((len(asked), len(ZONES)))
    probability[:, model.classes_] = model.predict_proba(features(source, asked, channels))
    return probability


def majority(
    source: Source, learnt: np.ndarray, asked: np.ndarray, channels: Sequence[str], seed: int = 0
) -> np.ndarray:
    """The share of every zone among the patches learnt from, (asked, 17): the commonest is the answer everywhere."""
    share = np.bincount(source.labels[learnt], minlength=len(ZONES)) / len(learnt)
    return np.tile(share, (len(asked), 1))


BASELINES: dict[str, Callable[..., np.ndarray]] = {"majority": majority, "forest": forest}
"""By name."""
