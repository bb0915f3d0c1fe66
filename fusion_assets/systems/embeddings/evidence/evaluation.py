"""The table of an encoder beside what it has to beat: every method, what it looks at, every probe, all places tested.

Methods are tuned alike and judged on the same places, labels and resamples of whole cells. Whatever the floors reach
stands in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, interval, ratio
from fusion_assets.systems.embeddings.encoder.pairs import USES
from fusion_assets.systems.embeddings.encoder.trained import untrained
from fusion_assets.systems.embeddings.evidence.floors import FLOORS
from fusion_assets.systems.embeddings.evidence.probes import PROBES, Labels, few_labels, joined, score, tuned
from fusion_assets.systems.embeddings.evidence.retrieval import correlated, retrieval

if TYPE_CHECKING:
    from fusion_assets.systems.embeddings.encoder.pairs import Source
    from fusion_assets.systems.embeddings.encoder.trained import Encoder

FEW = 100
"""Labels of the probe that has few."""
FEW_DRAWS = 5
RESAMPLES = 300
FLOOR = "statistics"
"""What every method is compared with."""
LEARNT = "encoder"
UNTRAINED = "untrained"
WITH_STATISTICS = "statistics and encoder"
ONE_SPACE = (LEARNT, UNTRAINED)
"""Methods whose numbers mean the same whatever is looked at."""
TRANSFER = "both, then radar"
"""What is looked at where a head is fitted on both sensors and asked about radar alone."""
FIGURES = {"sets": "macro_f1", "shares": "r2"}

Features = Mapping[str, Mapping[str, np.ndarray]]
"""Features (n, d) by method and by what is looked at."""


@dataclass(frozen=True)
class Task:
    """What methods are judged on.

    Attributes:
        sets: classes, or sets of classes, of all places.
        shares: of classes, of all places.
        place: (n,) number of the place of each pair.
        cell: (n,) cell of the split.
        learnt: rows that probes are fitted on.
        tested: rows that they are asked about, of other cells.

    Raises:
        FusionError: a cell is on both sides.
    """

    sets: Labels
    shares: Labels
    place: np.ndarray
    cell: np.ndarray
    learnt: np.ndarray
    tested: np.ndarray

    def __post_init__(self) -> None:
        """Refuse a split that leaks."""
        shared = np.intersect1d(self.cell[self.learnt], self.cell[self.tested])
        if len(shared):
            raise FusionError(
                f"{len(shared)} cells are learnt from and tested on, {shared[0]} among them",
                "cells of one side each",
                "split by cells, and leave out what lies between",
            )


def features_of(encoder: Encoder, source: Source, learnt: np.ndarray, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Features of all methods: the floors, the encoder untrained and trained, and statistics with the encoder.

    Args:
        encoder: trained.
        source: of all pairs.
        learnt: rows that floors may learn from.
        seed: of floors that draw by chance.
    """
    rows = np.arange(len(source.place))
    found = {name: {use: floor(source, learnt, use, seed) for use in USES} for name, floor in FLOORS.items()}
    # One network of each, whatever it looks at: to build and trace it takes longer than most answers.
    encoders = {UNTRAINED: untrained(encoder.design, source, learnt, seed), LEARNT: encoder}
    found |= {name: {use: each.embedded(source, rows, use) for use in USES} for name, each in encoders.items()}
    found[WITH_STATISTICS] = {use: joined(found["statistics"][use], found[LEARNT][use], learnt=learnt) for use in USES}
    return found


def evaluated(features: Features, task: Task, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the table of probes.

    Args:
        features: by method; see `features_of`.
        task: what is asked.
        seed: of resamples, and of the labels drawn where they are few.

    Returns:
        One row a method, use, probe and number of labels: `method`, `use`, `probe`, `labels`, `figure`, `value`,
        `low`, `high` (95 %, for other cells), `setting`. Beside statistics they have `difference` to them by the same
        probe, paired: every method is asked about the same places on the same resamples. Heads that are asked about
        radar alone have `kept`: their figure by that of the same head asked about both.
    """
    rows: list[_Row] = []
    resamples = Resamples.of(task.cell[task.tested], RESAMPLES, seed)
    for method, by_use in features.items():
        for use, values in by_use.items():
            for probe in ("neighbours", "linear"):
                rows.append(_row(method, use, probe, "sets", values, values, task, resamples))
                rows.append(_few(method, use, probe, values, task, resamples, seed))
            rows.append(_row(method, use, "ridge", "shares", values, values, task, resamples))
        if method in ONE_SPACE:
            pair = by_use["both"], by_use["radar"]
            rows += [
                _row(method, TRANSFER, probe, "sets", *pair, task, resamples) for probe in ("neighbours", "linear")
            ]
    by_key = {(row.method, row.use, row.probe, row.few): row for row in rows}
    return [_told(row, by_key, resamples.groups) for row in rows]


def partners(features: Features, task: Task, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the table of retrieval: from radar to optics, on the places tested.

    Features of both sensors in the same numbers are compared as they are; of others, and as a floor of statistics, in
    the directions of canonical correlation.

    Returns:
        One row a method: `method` and the figures of `retrieval`.
    """
    rows = []
    for method, by_use in features.items():
        if "radar" not in by_use:  # it cannot be asked about one sensor
            continue
        pairs = {f"{method}, canonical": correlated(by_use["radar"], by_use["optics"], task.learnt)}
        if method in ONE_SPACE:
            pairs[method] = by_use["radar"], by_use["optics"]
        for name, (asked, found) in pairs.items():
            figures = retrieval(asked[task.tested], found[task.tested], task.place[task.tested], seed=seed)
            rows.append({"method": name} | figures)
    return rows


@dataclass(frozen=True)
class _Row:
    """A row, with its figure on the data and on every resample."""

    method: str
    use: str
    probe: str
    few: bool
    labels: int
    figure: str
    values: np.ndarray
    setting: Any


def _told(row: _Row, rows: Mapping[tuple[str, str, str, bool], _Row], groups: int) -> dict[str, Any]:
    """A row as it stands in the table."""
    about = {name: getattr(row, name) for name in ("method", "use", "probe", "labels", "figure")}
    told = about | interval(row.values, groups) | {"setting": row.setting}
    if row.use == TRANSFER:
        whole = rows[row.method, "both", row.probe, row.few]
        return told | {"kept": interval(ratio(row.values, whole.values), groups)}
    floor = rows.get((FLOOR, row.use, row.probe, row.few))
    if floor is None or row.method == FLOOR:
        return told
    return told | {"difference": interval(row.values - floor.values, groups)}


def _row(
    method: str,
    use: str,
    probe: str,
    kind: str,
    seen: np.ndarray,
    asked: np.ndarray,
    task: Task,
    resamples: Resamples,
) -> _Row:
    labels: Labels = getattr(task, kind)
    answer, setting = tuned(PROBES[probe], seen[task.learnt], labels.take(task.learnt), task.cell[task.learnt])
    figures = score(labels.take(task.tested), answer(asked[task.tested]), resamples)
    return _Row(method, use, probe, False, len(task.learnt), FIGURES[kind], figures, setting)


def _few(method: str, use: str, probe: str, values: np.ndarray, task: Task, resamples: Resamples, seed: int) -> _Row:
    """Mean over draws of few labels, the same draws for every method."""
    figures = []
    for drawn in few_labels(task.sets.take(task.learnt), FEW, FEW_DRAWS, seed):
        rows = task.learnt[drawn]
        answer, _ = tuned(PROBES[probe], values[rows], task.sets.take(rows), task.cell[rows])
        figures.append(score(task.sets.take(task.tested), answer(values[task.tested]), resamples))
    count = min(FEW, len(task.learnt))
    return _Row(method, use, probe, True, count, FIGURES["sets"], np.mean(figures, axis=0), "")
