"""Patches as people are shown them: a few, taken evenly, whatever they look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.embeddings.corpus.arrays import read_arrays
from fusion_assets.systems.embeddings.corpus.index import GOT
from fusion_assets.systems.embeddings.corpus.shards import layout_of, open_store
from fusion_assets.systems.embeddings.pictures import RGB, Example

if TYPE_CHECKING:
    import pandas as pd

COUNT = 6


def shard_shown(index: pd.DataFrame) -> int | None:
    """Number of the first shard that has a patch; None where none has."""
    shards = index.loc[index["state"] == GOT, "shard"]
    return int(shards.min()) if len(shards) else None


def examples_of(index: pd.DataFrame, shard: int, folder: str | Path, count: int = COUNT) -> list[Example]:
    """Patches of a shard, evenly from its first to its last.

    Args:
        index: a row a place of the plan.
        shard: number.
        folder: of the shard, on this machine.
        count: of patches, at most.

    Returns:
        Each on its own pixels of 10 m; where a corpus lacks red, green or blue, its first band in grey.
    """
    rows = index[(index["shard"] == shard) & (index["state"] == GOT)].sort_values("position")
    rows = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]
    if not len(rows):
        return []
    shown = bands_shown(layout_of(open_store(folder)).bands)
    read = tuple(dict.fromkeys(shown))
    arrays = read_arrays(folder, rows["position"].tolist(), read)
    optics = arrays["optics"][..., [read.index(band) for band in shown]]
    about = rows.drop(columns="geometry", errors="ignore").to_dict("records")
    pairs = zip(optics, arrays["radar"], about, strict=True)
    return [Example(bands, radar, {str(key): value for key, value in row.items()}) for bands, radar, row in pairs]


def bands_shown(bands: tuple[str, ...]) -> tuple[str, str, str]:
    """Bands that stand for red, green and blue."""
    return RGB if set(RGB) <= set(bands) else (bands[0], bands[0], bands[0])
