"""The networks and the forests beside them in nested block cross-validation.

Inner fits average two seeds (five outside) or 100 trees (500 outside): enough to place a threshold, at a fraction of
the time.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.cross_validation import OutOfFold, nested, simplest
from fusion_assets.systems.built_up.model import boosted
from fusion_assets.systems.built_up.model.classifier import INNER_SEEDS, NETWORK, SEEDS
from fusion_assets.systems.built_up.model.classifier import TREES as BOOSTED
from fusion_assets.systems.built_up.model.ensemble import Setting, choose_setting, epoch_candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fusion_assets.systems.built_up.model.channels import Channels
    from fusion_assets.systems.built_up.model.neighbourhood import Level

TREES = 500
INNER_TREES = 100
AROUND_TREES, AROUND_INNER_TREES = 150, 30
"""Of the forest that sees the neighbourhood: up to seven times as many channels, fitted at every level."""
BAG = 0.5
AROUND_BAG = 10_000
"""Samples that a tree of that forest sees at most: with more of them trees cost more and tell hardly more."""


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
    epochs = epoch_candidates(len(table.label))

    def fit(settings: list[Setting]) -> list[np.ndarray]:
        answers: dict[int, np.ndarray] = {}
        for level in {s.level for s in settings}:  # folds of one level are fitted together
            folds = [k for k, setting in enumerate(settings) if setting.level == level]
            masks, keep = [table.trains(table.fold == k) for k in folds], sorted({settings[k].epochs for k in folds})
            fitted = table.fit(level, masks, seeds, keep)
            answers |= {k: fitted[settings[k].epochs][i] for i, k in enumerate(folds)}
        return [answers[k] for k in range(len(settings))]

    return nested(
        table.label,
        table.fold,
        table.block,
        candidates=lambda tests: table.candidates(levels, tests, inner_seeds, epochs),
        fit=fit,
        choose=choose_setting,
        default=Setting(levels[0], epochs[-2]),
    )


def nested_trees(table: Channels, levels: Sequence[Level]) -> OutOfFold:
    """Boosted trees, out of fold; see `nested_model`."""

    def fit(settings: list[boosted.TreeSetting]) -> list[np.ndarray]:
        masks = [table.trains(table.fold == k) for k in range(len(settings))]
        grown = [boosted.fitted(table, s.level, mask, s.rounds) for s, mask in zip(settings, masks, strict=True)]
        return [boosted.answers(table, s.level, trees) for s, trees in zip(settings, grown, strict=True)]

    return nested(
        table.label,
        table.fold,
        table.block,
        candidates=lambda tests: boosted.candidates(table, levels, tests),
        fit=fit,
        choose=choose_setting,
        default=boosted.TreeSetting(levels[0], boosted.ROUNDS[0]),
    )


NESTED: dict[str, Callable[..., OutOfFold]] = {NETWORK: nested_model, BOOSTED: nested_trees}
"""What may learn, out of fold, by the name that a study gives."""


def nested_forest(table: Channels, levels: Sequence[Level | None] = (None,)) -> OutOfFold:
    """A forest, out of fold: the tutorial's, or one that sees what the networks see.

    Args:
        table: samples as channels.
        levels: context levels to choose among, simpler ones first; None: the features of the pixel as they are.
    """
    folds = [table.fold == k for k in range(int(table.fold.max()) + 1)]
    most, few = trees_of(levels)

    def fit(chosen: list[Level | None]) -> list[np.ndarray]:
        return [forest_answers(table, [test], most, level)[0] for test, level in zip(folds, chosen, strict=True)]

    return nested(
        table.label,
        table.fold,
        table.block,
        candidates=lambda tests: {level: forest_answers(table, tests, few, level) for level in levels},
        fit=fit,
        choose=choose_level,
        default=levels[0],
    )


def trees_of(levels: Sequence[Level | None]) -> tuple[int, int]:
    """Trees of a forest that sees these levels, and of those that choose."""
    return (TREES, INNER_TREES) if tuple(levels) == (None,) else (AROUND_TREES, AROUND_INNER_TREES)


def choose_level(label: np.ndarray, candidates: Mapping[Any, np.ndarray], block: np.ndarray) -> Any:
    """The simplest level within a standard error of the best; see `cross_validation.simplest`."""
    return simplest(label, candidates, block, family=lambda level: level)


def forest_answers(
    table: Channels, tests: Sequence[np.ndarray], trees: int, level: Level | None = None
) -> list[np.ndarray]:
    """For each test, the share of trees that say built-up, (n,), grown on what may train for it; NaN outside.

    Args:
        table: samples as channels.
        tests: (n,) bool each.
        trees: how many.
        level: channels of this context level are seen; None: the features of the pixel as they are.
    """
    from sklearn.ensemble import RandomForestClassifier

    values = table.values if level is None else table.of(level)
    answers = []
    for test in tests:
        train, answer = table.trains(test), np.full(len(test), np.nan)
        bag = BAG if level is None else min(BAG, AROUND_BAG / max(train.sum(), 1))
        forest = RandomForestClassifier(trees, max_samples=bag, random_state=0, n_jobs=-1)
        with warnings.catch_warnings(record=True):  # its threads empty the filters that they find, and warn of it
            forest.fit(values[train], table.label[train])
            share = forest.predict_proba(values[test])
        answer[test] = share[:, list(forest.classes_).index(1)] if 1 in forest.classes_ else 0
        answers.append(answer)
    return answers
