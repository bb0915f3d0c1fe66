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


def forest(seen: np.ndarray, labels: np.ndarray, learnt: np.ndarray, asked: np.ndarray, seed: int = 0) -> np.ndarray:
    """Probabilities of a random forest (Breiman 2001), (asked, 17).

    Args:
        seen: `features` of all patches.
        labels: (n,) of all patches.
        learnt: rows that are learnt from.
        asked: rows that are answered for.
        seed: of the forest.
    """
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(TREES, max_features="sqrt", min_samples_leaf=2, n_jobs=-1, random_state=seed)
    model.fit(seen[learnt], labels[learnt])
    probability = np.zeros((len(asked), len(ZONES)))
    probability[:, model.classes_] = model.predict_proba(seen[asked])
    return probability


def majority(seen: np.ndarray, labels: np.ndarray, learnt: np.ndarray, asked: np.ndarray, seed: int = 0) -> np.ndarray:
    """The share of every zone among the patches learnt from, (asked, 17): the commonest is the answer everywhere."""
    share = np.bincount(labels[learnt], minlength=len(ZONES)) / len(learnt)
    return np.tile(share, (len(asked), 1))


BASELINES: dict[str, Callable[..., np.ndarray]] = {"majority": majority, "forest": forest}
"""By name."""
