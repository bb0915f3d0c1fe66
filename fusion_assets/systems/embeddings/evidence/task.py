"""What methods are judged on, from the index of a corpus and its labels: the split was fixed in the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.evidence.evaluation import Task
from fusion_assets.systems.embeddings.evidence.few_shot import unseen
from fusion_assets.systems.embeddings.evidence.probes import Labels

if TYPE_CHECKING:
    import pandas as pd

HELD = 0.05
"""Share of a patch from which on it has a class."""
FEWEST = 10
"""Patches with a class, learnt from and tested each, below which it is not asked about."""


def task_of(table: pd.DataFrame, labels: pd.DataFrame, kind: str, titles: Mapping[str, str]) -> Task:
    """The task of a corpus.

    Args:
        table: rows of the pairs, with `patch`, `cell`, `split`.
        labels: see `labels.table.labels_of`; of the same patches, in any order.
        kind: of the labels, which their columns begin with.
        titles: of the classes, by code.

    Returns:
        The task over the pairs that have labels; rows are those of `table`.

    Raises:
        FusionError: nothing to learn from or to test on, or no class on both sides.
    """
    every = [code for code in titles if f"{kind}_{code}" in labels]
    shares = _shares(table, labels, kind, every)
    known = np.isfinite(shares).all(axis=1)
    split = table["split"].to_numpy()
    learnt, tested = (np.flatnonzero(known & (split == name)) for name in ("train", "test"))
    held = np.where(known[:, None], shares, 0) >= HELD
    both = np.flatnonzero((held[learnt].sum(axis=0) >= FEWEST) & (held[tested].sum(axis=0) >= FEWEST))
    if not len(both):
        raise FusionError(
            f"{len(learnt)} labelled patches are learnt from and {len(tested)} are tested, and no class is in "
            f"{FEWEST} of each",
            "some class on both sides",
            "plan more places (embeddings.count), or split otherwise (embeddings.split)",
        )
    names = tuple(titles[every[number]] for number in both)
    cells = np.unique(table["cell"].to_numpy(), return_inverse=True)[1]
    return Task(
        Labels(held[:, both], names),
        Labels(np.where(known[:, None], shares, 0)[:, both], names),
        table["patch"].to_numpy(np.int64),
        cells,
        learnt,
        tested,
    )


def codes_of(unseen: Sequence[int], titles: Mapping[str, str], kind: str) -> list[str]:
    """Codes of the classes that the encoder must never see, as the labels spell them.

    Raises:
        FusionError: the labels have no such class.
    """
    unknown = [code for code in unseen if str(code) not in titles]
    if unknown:
        raise FusionError(
            f"unseen_classes names {', '.join(map(str, unknown))}, which {kind} does not have",
            f"codes of {kind}: {', '.join(titles)}",
            "correct `unseen_classes` in the section `embeddings`",
        )
    return [str(code) for code in unseen]


def with_unseen(table: pd.DataFrame, labels: pd.DataFrame, kind: str, codes: Sequence[str]) -> np.ndarray:
    """Pairs that hold too much of a class which is to stay unseen, or of which that is not known, (n,) bool.

    Args:
        table: rows of the pairs, with `patch`.
        labels: of the same patches, in any order.
        kind: of the labels.
        codes: see `codes_of`.
    """
    shares = _shares(table, labels, kind, codes)
    return ~np.isfinite(shares).all(axis=1) | unseen(np.nan_to_num(shares), np.arange(len(codes)), HELD)


def unseen_task(
    table: pd.DataFrame, labels: pd.DataFrame, kind: str, codes: Sequence[str], titles: Mapping[str, str]
) -> tuple[Labels, np.ndarray, np.ndarray]:
    """What a handful of labels is asked for: which of the unseen classes a patch has most of.

    Returns:
        Labels of all pairs (those of none of the classes mean nothing), rows to draw shots from, and rows to ask about.
    """
    shares = np.nan_to_num(_shares(table, labels, kind, codes))
    most, has = shares.argmax(axis=1), shares.max(axis=1) >= HELD
    split = table["split"].to_numpy()
    learnt, tested = (np.flatnonzero(has & (split == name)) for name in ("train", "test"))
    return Labels(most, tuple(titles[code] for code in codes)), learnt, tested


def _shares(table: pd.DataFrame, labels: pd.DataFrame, kind: str, codes: Sequence[str]) -> np.ndarray:
    found = table[["patch"]].merge(labels, on="patch", how="left")
    return found[[f"{kind}_{code}" for code in codes]].to_numpy(np.float32)
