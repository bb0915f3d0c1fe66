"""Nested block cross-validation: predictions of samples by models that saw neither them nor their surroundings.

The samples of fold k are predicted by models that saw neither fold k nor a buffer around it. Context level, epochs
and threshold for fold k come from models that saw neither k nor another fold j, judged on j. Such a pair model
serves both k and j, so five folds need ten inner fits. Inner fits average two seeds (five outside) or 100 trees (500
outside): enough to place a threshold, at a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.evaluation.scores import choose_threshold
from fusion_assets.systems.built_up.model.classifier import INNER_SEEDS, SEEDS
from fusion_assets.systems.built_up.model.ensemble import Setting, choose_setting, epoch_candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusion_assets.systems.built_up.model.classifier import Channels
    from fusion_assets.systems.built_up.model.neighbourhood import Level

TREES = 500
INNER_TREES = 100
BAG = 0.5


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of every sample.

    Attributes:
        probability: (n,) float32, by models that did not see the sample's fold.
        thresholds: (folds,) chosen without the fold; 0.5 where two folds leave nothing to choose with.
        settings: of each fold; empty for a forest.
        inner: for each fold, the held-out probabilities of all others that its choices were made with; NaN within it.
    """

    probability: np.ndarray
    thresholds: np.ndarray
    settings: tuple[Setting, ...] = ()
    inner: tuple[np.ndarray, ...] = ()

    def predicted(self, fold: np.ndarray) -> np.ndarray:
        """Class per sample at the threshold of its fold."""
        return (self.probability >= self.thresholds[fold]).astype("int8")


def nested_model(
    table: Channels,
    levels: Sequence[Level],
    *,
    seeds: Sequence[int] | None = None,
    inner_seeds: Sequence[int] | None = None,
) -> OutOfFold:
    """The networks, out of fold.

    Args:
        table: samples as channels.
        levels: context levels to choose among, simpler ones first.
        seeds: of the networks averaged outside; by default those of the stored model.
        inner_seeds: of those that choose.
    """
    seeds, inner_seeds = seeds or SEEDS, inner_seeds or INNER_SEEDS
    label, fold, candidates = table.label, table.fold, epoch_candidates(len(table.label))
    count = int(fold.max()) + 1
    pairs = list(combinations(range(count), 2)) if count > 2 else []
    thresholds, inner = np.full(count, 0.5), []
    settings = [Setting(levels[0], candidates[-2])] * count  # two folds leave nothing to choose with
    if pairs:
        masks = [table.trains((fold == a) | (fold == b)) for a, b in pairs]
        held_out = {
            Setting(level, epochs): dict(zip(pairs, probability, strict=True))
            for level in levels
            for epochs, probability in table.fit(level, masks, inner_seeds, candidates).items()
        }
        for k in range(count):
            rest = fold != k
            joined = {s: _joined(found, fold, k) for s, found in held_out.items()}
            settings[k] = choose_setting(label[rest], {s: p[rest] for s, p in joined.items()}, table.block[rest])
            inner.append(joined[settings[k]])
            thresholds[k] = choose_threshold(label[rest], inner[k][rest], table.block[rest])
    probability = np.full(len(label), np.nan, "float32")
    for level in {s.level for s in settings}:
        folds = [k for k in range(count) if settings[k].level == level]
        epochs = sorted({settings[k].epochs for k in folds})
        found = table.fit(level, [table.trains(fold == k) for k in folds], seeds, epochs)
        for i, k in enumerate(folds):
            probability[fold == k] = found[settings[k].epochs][i][fold == k]
    return OutOfFold(probability, thresholds, tuple(settings), tuple(inner))


def nested_forest(table: Channels) -> OutOfFold:
    """The tutorial's forest on the features of the pixel alone, out of fold."""
    label, fold = table.label, table.fold
    count = int(fold.max()) + 1
    probability, thresholds = np.full(len(label), np.nan, "float32"), np.full(count, 0.5)
    for k in range(count):
        test = fold == k
        probability[test] = fit_forest(table.values, label, table.trains(test), test, TREES)
    inner = []
    if count > 2:
        pairs = {}
        for a, b in combinations(range(count), 2):
            test = (fold == a) | (fold == b)
            pairs[a, b] = np.full(len(label), np.nan, "float32")
            pairs[a, b][test] = fit_forest(table.values, label, table.trains(test), test, INNER_TREES)
        for k in range(count):
            rest = fold != k
            inner.append(_joined(pairs, fold, k))
            thresholds[k] = choose_threshold(label[rest], inner[k][rest], table.block[rest])
    return OutOfFold(probability, thresholds, inner=tuple(inner))


def fit_forest(values: np.ndarray, label: np.ndarray, train: np.ndarray, test: np.ndarray, trees: int) -> np.ndarray:
    """Share of trees that say built-up for the samples of `test`, by a forest grown on those of `train`."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, max_samples=BAG, random_state=0, n_jobs=-1)
    forest.fit(values[train], label[train])
    share = forest.predict_proba(values[test])
    return share[:, list(forest.classes_).index(1)] if 1 in forest.classes_ else np.zeros(int(test.sum()))


def inner_parts(fold: np.ndarray, outer: int) -> list[tuple[tuple[int, int], np.ndarray]]:
    """For an outer fold: each pair (fold left out, outer), ordered, with the samples it is judged on."""
    others = [int(j) for j in np.unique(fold) if j != outer]
    return [((min(outer, j), max(outer, j)), fold == j) for j in others]


def _joined(found: dict[tuple[int, int], np.ndarray], fold: np.ndarray, outer: int) -> np.ndarray:
    """Probabilities of pair models outside `outer`, each fold from the pair that left it out; NaN within `outer`."""
    out = np.full(len(fold), np.nan, "float32")
    for pair, inside in inner_parts(fold, outer):
        out[inside] = found[pair][inside]
    return out
