"""Pairs of a corpus as something that can be learnt from: patches of all shards, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.embeddings.corpus.arrays import read_arrays
from fusion_assets.systems.embeddings.corpus.index import GOT

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 1 << 30
"""Of pairs that are kept in memory; larger corpora are read batch by batch."""


@dataclass(frozen=True)
class CorpusPairs:
    """Pairs of the patches that were got; see `encoder.pairs.Source`.

    Attributes:
        table: rows of the index whose patches were got, in the order of the pairs.
        folders: of the shards, by number.
        bands: names of the optical bands.
    """

    table: pd.DataFrame
    folders: Mapping[int, Path]
    bands: tuple[str, ...]
    _kept: dict[int, dict[str, np.ndarray]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, index: pd.DataFrame, folders: Mapping[int, Path], bands: tuple[str, ...]) -> CorpusPairs:
        """All patches of an index that were got and know something of every band of both sensors."""
        whole = (index["optics_missing"] < 1) & (index["radar_missing"] < 1)
        return cls(index[(index["state"] == GOT) & whole].reset_index(drop=True), folders, bands)

    @property
    def place(self) -> np.ndarray:
        """(n,) number of the place that each pair shows."""
        return self.table["patch"].to_numpy(np.int64)

    def batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Optics and radar of some rows; see `encoder.pairs.Source`."""
        shards, positions = (self.table[name].to_numpy(np.int64)[rows] for name in ("shard", "position"))
        out: list[np.ndarray] = []
        for shard in np.unique(shards):
            here = np.flatnonzero(shards == shard)
            read = self._read(int(shard), positions[here])
            for number, name in enumerate(("optics", "radar")):
                if len(out) <= number:
                    out.append(np.empty((len(rows), *read[name].shape[1:]), np.float32))
                out[number][here] = read[name]
        optics, radar = out
        return optics, radar

    def _read(self, shard: int, positions: np.ndarray) -> dict[str, np.ndarray]:
        if shard in self._kept:
            return {name: values[positions] for name, values in self._kept[shard].items()}
        folder = self.folders[shard]
        if not self._fits():
            return read_arrays(folder, positions.tolist(), self.bands)
        self._kept[shard] = read_arrays(folder, None, self.bands)
        return {name: values[positions] for name, values in self._kept[shard].items()}

    def _fits(self) -> bool:
        from fusion_assets.systems.embeddings.corpus.shards import layout_of, open_store

        size = layout_of(open_store(next(iter(self.folders.values())))).size
        return len(self.table) * size**2 * (len(self.bands) + 2) * 4 <= MOST_BYTES
