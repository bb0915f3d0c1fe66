"""Random forests from day imagery to radiance (Breiman 2001): as published, and fitted one scale up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.systems.night_radiance.methods.features import LIGHTS, features
from fusion_assets.systems.night_radiance.task import FAINTEST

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.examples import Example
    from fusion_assets.systems.night_radiance.task import Task

_TREES, _LEAF = 100, 3
_SAMPLE = 10_000
"""Rows that a tree sees."""


def coarse_answer(task: Task, seed: int = 0) -> np.ndarray:
    """Radiance by a forest fitted on this place's own cells: day imagery, averaged, to what they measure.

    The published way (RF-ATPK, doi 10.1016/j.jag.2023.103395): it needs no other place, and sees no fine radiance.
    """
    columns = _everywhere(task)[:, LIGHTS:]
    shape = task.sensor.fine.shape
    averaged = [task.sensor.forward(column.reshape(shape)).ravel() for column in columns.T]
    known = (np.isfinite(task.measured) & (task.sensor.pixels > 0)).ravel()
    model = _forest(np.stack(averaged, axis=-1)[known], task.measured.ravel()[known], seed)
    return np.maximum(model.predict(columns).reshape(shape), FAINTEST / 10)


def fitted(examples: Sequence[Example], seed: int = 0) -> Callable[[Task], np.ndarray]:
    """A forest fitted on known pixels, from all that the boosted trees see to radiance."""
    known = np.concatenate([each.known.ravel() for each in examples])
    columns = np.concatenate([_everywhere(each.task) for each in examples])[known]
    model = _forest(columns, np.concatenate([each.truth.ravel() for each in examples])[known], seed)

    def radiance(task: Task) -> np.ndarray:
        return np.maximum(model.predict(_everywhere(task)).reshape(task.sensor.fine.shape), FAINTEST / 10)

    return radiance


def _everywhere(task: Task) -> np.ndarray:
    return features(task, slice(0, task.sensor.fine.height))


def _forest(columns: np.ndarray, answers: np.ndarray, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(
        _TREES,
        min_samples_leaf=_LEAF,
        max_features=0.5,
        max_samples=min(_SAMPLE, len(answers)),
        random_state=seed,
        n_jobs=-1,
    )
    return model.fit(columns, answers)
