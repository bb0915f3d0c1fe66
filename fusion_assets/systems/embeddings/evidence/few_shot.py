"""What a handful of labels is enough for: classes that the encoder has never been shown, in cells not learnt from."""

from __future__ import annotations

from collections import Counter

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, interval
from fusion_assets.systems.embeddings.evidence.probes import PROBES, Labels, macro_f1, tuned

SHOTS = (5, 20)
DRAWS = 10
RESAMPLES = 300


def unseen(shares: np.ndarray, classes: np.ndarray, least: float = 0.05) -> np.ndarray:
    """Places that hold too much of a class to be learnt from, if it is to be one never seen, (n,) bool.

    Args:
        shares: (n, all classes) from 0 to 1.
        classes: numbers of those that shall be unseen.
        least: share from which on a place holds a class.
    """
    return shares[:, classes].max(axis=1) >= least


def few_shot(
    features: np.ndarray,
    labels: Labels,
    cell: np.ndarray,
    learnt: np.ndarray,
    tested: np.ndarray,
    shots: int,
    probe: str = "linear",
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Macro F1 of a probe fitted on a few places of each class, drawn again and again.

    Shots of a class come from as many cells as there are. The interval is for other cells and other draws: both are
    resampled, cells whole.

    Args:
        features: (n, d) of all places.
        labels: classes of all places; those of the rows below are all that is told apart.
        cell: (n,) cell of the split.
        learnt: rows that shots are drawn from.
        tested: rows that are asked about, in other cells.
        shots: places of each class.
        probe: `linear` or `neighbours`.
        draws: of shots.
        seed: of the draws.

    Returns:
        `value`, `low`, `high` (95 %), and `classes`.

    Raises:
        FusionError: a cell is on both sides, fewer than two classes, or a class with too few places.
    """
    shared = np.intersect1d(cell[learnt], cell[tested])
    if len(shared):
        raise FusionError(
            f"{len(shared)} cells are learnt from and tested on, {shared[0]} among them",
            "cells of one side each",
            "split by cells",
        )
    classes, counts = np.unique(labels.values[learnt], return_counts=True)
    if len(classes) < 2 or counts.min() < shots:
        told = ", ".join(f"{labels.names[each]} {count}" for each, count in zip(classes, counts, strict=True))
        raise FusionError(
            f"{shots} shots from {told or 'no place'}",
            f"two classes or more, each with {shots} places or more",
            "name other unseen_classes, or plan more places",
        )
    asked = labels.take(tested)
    resamples = Resamples.of(cell[tested], RESAMPLES, seed)
    figures = []
    for draw in range(draws):
        random = np.random.default_rng([seed, shots, draw])
        chosen = np.concatenate(
            [_spread(learnt[labels.values[learnt] == each], cell, shots, random) for each in classes]
        )
        answer, _ = tuned(PROBES[probe], features[chosen], labels.take(chosen), cell[chosen])
        figures.append(macro_f1(asked, answer(features[tested]), resamples))
    drawn = np.random.default_rng([seed, 5]).integers(0, draws, (RESAMPLES + 1, draws))
    drawn[0] = np.arange(draws)
    means = np.stack(figures)[drawn, np.arange(RESAMPLES + 1)[:, None]].mean(axis=1)
    return interval(means, resamples.groups) | {"classes": float(len(classes))}


def _spread(rows: np.ndarray, cell: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """So many of the rows, by chance, from one cell after the other."""
    rows = random.permutation(rows)
    seen: Counter[object] = Counter()
    turn = []
    for each in cell[rows].tolist():
        turn.append(seen[each])
        seen[each] += 1
    return rows[np.argsort(turn, kind="stable")[:count]]
