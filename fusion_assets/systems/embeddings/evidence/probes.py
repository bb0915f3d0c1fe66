"""Probes: simple heads on frozen features, each tuned in the same way on folds of whole cells, without the test.

| probe | answers | tuned |
|---|---|---|
| `neighbours` | classes, sets of classes: vote of the five nearest by cosine | scaling of the features |
| `linear` | classes, sets of classes: logistic regression | its regularisation |
| `ridge` | shares, or other numbers: ridge regression | its regularisation |
| `forest` | shares, or other numbers: a random forest | features that a split may choose from |

A probe is fitted once and may answer for other features of the same places: a head that learnt from both sensors is
asked about radar alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, ratio

NEIGHBOURS = 5
FOLDS = 3
TREES = 100
_STRENGTHS = tuple(float(10.0**power) for power in range(-3, 3))
_PENALTIES = tuple(float(10.0**power) for power in range(-2, 6))
_HALF = 0.5
_AT_ONCE = 1024


@dataclass(frozen=True)
class Labels:
    """What is asked of places.

    Attributes:
        values: (n,) whole numbers from 0, a class each; (n, classes) bool, a set of classes each; or (n, classes)
            float, shares or other numbers.
        names: of the classes.
    """

    values: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what are no labels."""
        width = self.values.shape[1] if self.values.ndim == 2 else None
        known = bool(np.isfinite(self.values).all())
        if width is None:
            known &= bool(len(self.values)) and self.values.dtype.kind in "iu"
            known = known and self.values.min() >= 0 and self.values.max() < len(self.names)
        if not known or width not in (None, len(self.names)):
            raise FusionError(
                f"labels of type {self.values.dtype} and shape {self.values.shape} for {len(self.names)} classes",
                "class numbers from 0, or for each class yes or no, or a share",
                "leave out places without a label",
            )

    @property
    def are_shares(self) -> bool:
        """Whether they are shares."""
        return self.values.dtype.kind == "f"

    def take(self, rows: np.ndarray) -> Labels:
        """Those of some places."""
        return Labels(self.values[rows], self.names)

    def table(self) -> np.ndarray:
        """(n, classes) float: 1 where a class is named, or shares."""
        if self.values.ndim == 2:
            return self.values.astype(float)
        return np.eye(len(self.names))[self.values]

    def decided(self, table: np.ndarray) -> np.ndarray:
        """Labels of a table of likelihoods (n, classes): the likeliest class, or every class above a half."""
        if self.are_shares:
            return table
        return table > _HALF if self.values.ndim == 2 else table.argmax(axis=1)


def macro_f1(truth: Labels, predicted: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Mean F1 of the classes that the places are labelled with, (draws + 1,).

    Classes are those of all places here, so that every resample is a mean over the same: absent ones count 0 or, where
    a resample has nothing of them, labelled or predicted, not at all.

    Args:
        truth: classes or sets.
        predicted: like its values.
        resamples: of the same places.
    """
    labelled = truth.table() > _HALF
    said = Labels(predicted, truth.names).table() > _HALF
    out = []
    for one, other in zip(labelled.T, said.T, strict=True):
        if one.any():
            hit, sizes = resamples.sums((one & other).astype(float))[:, 0], one.astype(float) + other
            whole = resamples.sums(sizes)[:, 0]
            out.append(np.where(whole > 0, ratio(2 * hit, whole), np.nan))
    if not out:
        raise FusionError("no place has a label", "at least one class", "give labelled places")
    return np.nanmean(out, axis=0)


def mean_r2(truth: Labels, estimate: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Share of the variance of shares that is explained, a mean over classes that vary, (draws + 1,).

    Errors of every resample are laid beside the variance of all places: that of a few cells drawn again and again may
    be next to nothing, and an interval would then say more of it than of the errors.
    """
    out = []
    for one, other in zip(truth.values.T.astype(float), estimate.T.astype(float), strict=True):
        if one.std() > _VARIES:
            out.append(1 - resamples.mean((one - other) ** 2) / one.var())
    if not out:
        raise FusionError("shares are the same everywhere", "shares that vary", "give other places")
    return np.mean(out, axis=0)


_VARIES = 1e-4


def score(truth: Labels, predicted: np.ndarray, resamples: Resamples) -> np.ndarray:
    """What a probe is judged and tuned by: `mean_r2` of shares, `macro_f1` of classes and sets."""
    return (mean_r2 if truth.are_shares else macro_f1)(truth, predicted, resamples)


Answer = Callable[[np.ndarray], np.ndarray]
"""Features (m, d) to labels (m,) or (m, classes)."""


def neighbours(seen: np.ndarray, labels: Labels, setting: Any) -> Answer:
    """Vote of the nearest by cosine.

    Args:
        seen: (n, d) features of labelled places.
        labels: of them.
        setting: one of `SCALINGS`.
    """
    scaled = SCALINGS[setting](seen)
    known, table = _unit(scaled(seen)), labels.table()
    count = min(NEIGHBOURS, len(known))

    def answer(features: np.ndarray) -> np.ndarray:
        asked, out = _unit(scaled(features)), []
        for first in range(0, len(asked), _AT_ONCE):
            near = np.argsort(-(asked[first : first + _AT_ONCE] @ known.T), axis=1, kind="stable")[:, :count]
            # Of classes with as many votes the nearest one's wins, by a trifle.
            weight = 1 - 1e-3 * np.arange(count) / count
            out.append((table[near] * weight[None, :, None]).sum(axis=1) / weight.sum())
        return labels.decided(np.concatenate(out))

    return answer


def linear(seen: np.ndarray, labels: Labels, setting: Any) -> Answer:
    """Logistic regression on standardised features; of sets, one for each class.

    Args:
        seen: (n, d) features of labelled places.
        labels: of them.
        setting: inverse strength of the regularisation.
    """
    from sklearn.linear_model import LogisticRegression

    scaled = _standardised(seen)
    known = scaled(seen)

    def fitted(values: np.ndarray) -> Any:
        return LogisticRegression(C=setting, max_iter=300, tol=1e-3).fit(known, values)

    if labels.values.ndim == 1:
        if len(np.unique(labels.values)) == 1:
            return lambda features: np.full(len(features), labels.values[0])
        model = fitted(labels.values)
        return lambda features: model.predict(scaled(features))
    models = [fitted(column) if len(np.unique(column)) > 1 else None for column in labels.values.T]

    def answer(features: np.ndarray) -> np.ndarray:
        asked = scaled(features)
        columns = [
            model.predict(asked) if model else np.full(len(asked), column[0])
            for model, column in zip(models, labels.values.T, strict=True)
        ]
        return np.stack(columns, axis=1).astype(bool)

    return answer


def ridge(seen: np.ndarray, labels: Labels, setting: Any) -> Answer:
    """Ridge regression on standardised features.

    Args:
        seen: (n, d) features of labelled places.
        labels: of them, shares.
        setting: strength of the regularisation.
    """
    from sklearn.linear_model import Ridge

    scaled = _standardised(seen)
    # Features may say the same twice: this solver does not mind.
    model = Ridge(setting, solver="svd").fit(scaled(seen), labels.values)
    return lambda features: model.predict(scaled(features)).reshape(len(features), -1)


def forest(seen: np.ndarray, labels: Labels, setting: Any) -> Answer:
    """Random forest (Breiman 2001, doi:10.1023/A:1010933404324).

    Args:
        seen: (n, d) features of labelled places.
        labels: of them, shares or other numbers.
        setting: share of the features that a split may choose from.
    """
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(TREES, max_features=setting, random_state=0)
    model.fit(seen, labels.values if labels.values.shape[1] > 1 else labels.values[:, 0])
    return lambda features: model.predict(features).reshape(len(features), -1)


@dataclass(frozen=True)
class Probe:
    """One kind of head.

    Attributes:
        fit: (features, labels, setting) to what answers.
        settings: to choose from.
    """

    fit: Callable[[np.ndarray, Labels, Any], Answer]
    settings: Sequence[Any]


def tuned(probe: Probe, seen: np.ndarray, labels: Labels, cell: np.ndarray) -> tuple[Answer, Any]:
    """A probe in the setting that answers best for cells it was not fitted on, fitted on all.

    Args:
        probe: one of `PROBES`.
        seen: (n, d) features of labelled places.
        labels: of them.
        cell: (n,) cell of the split that each lies in.

    Returns:
        What answers, and the setting. With fewer than two cells the middle setting, for there is nothing to choose by.
    """
    from sklearn.model_selection import GroupKFold

    count = min(FOLDS, len(np.unique(cell)))
    if count < 2:
        setting = probe.settings[len(probe.settings) // 2]
        return probe.fit(seen, labels, setting), setting
    folds = list(GroupKFold(count).split(seen, groups=cell))
    alone = Resamples.of(np.arange(len(seen)), draws=0)
    found = []
    for setting in probe.settings:
        said = np.empty(labels.values.shape, float if labels.are_shares else labels.values.dtype)
        for learnt, asked in folds:
            said[asked] = probe.fit(seen[learnt], labels.take(learnt), setting)(seen[asked])
        found.append(float(score(labels, said, alone)[0]))
    best = probe.settings[int(np.argmax(found))]
    return probe.fit(seen, labels, best), best


def joined(*features: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    """Features of several kinds side by side, each kind as heavy as the others.

    Args:
        features: (n, d) each.
        learnt: rows whose numbers give the scales.
    """
    return np.concatenate(
        [_standardised(each[learnt])(each) / np.sqrt(each.shape[1]) for each in features], axis=1
    ).astype(np.float32)


def few_labels(labels: Labels, count: int, draws: int, seed: int = 0) -> list[np.ndarray]:
    """Rows of so many labelled places, drawn again and again; all methods are given the same."""
    return [
        np.sort(np.random.default_rng([seed, draw]).permutation(len(labels.values))[:count]) for draw in range(draws)
    ]


def _as_is(seen: np.ndarray) -> Answer:
    return lambda features: features


def _standardised(seen: np.ndarray) -> Answer:
    centre, spread = seen.mean(axis=0), seen.std(axis=0)
    spread = np.where(spread > 1e-8, spread, 1.0)
    return lambda features: (features - centre) / spread


def _whitened(seen: np.ndarray) -> Answer:
    """Principal components of standardised features, each of the same variance but for the faintest."""
    standardised = _standardised(seen)
    _, values, turn = np.linalg.svd(standardised(seen), full_matrices=False)
    spread = values / np.sqrt(len(seen))
    spread = np.sqrt(spread**2 + 0.01 * (spread**2).mean())
    return lambda features: standardised(features) @ turn.T / spread


SCALINGS: Mapping[str, Callable[[np.ndarray], Answer]] = {
    "as is": _as_is,
    "standardised": _standardised,
    "whitened": _whitened,
}
"""Ways to scale features before neighbours are looked for."""

PROBES = {
    "neighbours": Probe(neighbours, tuple(SCALINGS)),
    "linear": Probe(linear, _STRENGTHS),
    "ridge": Probe(ridge, _PENALTIES),
    "forest": Probe(forest, (1 / 3, 1.0)),
}
"""By name."""


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
