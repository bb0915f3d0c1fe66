"""What methods are judged on, from the index of a corpus and its labels: the split was fixed in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.evidence.evaluation import Task
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
    found = table[["patch"]].merge(labels, on="patch", how="left")
    every = [code for code in titles if f"{kind}_{code}" in found]
    shares = found[[f"{kind}_{code}" for code in every]].to_numpy(np.float32)
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
