"""Converted patches: arrays in files, from which batches are drawn at random.

A part of the data set is a folder: `sen1.npy` (patch, 32, 32, 8) float32, linear, as published; `sen2.npy`
(patch, 32, 32, 10) uint16, reflectance times 10,000, or float32 where that is not whole; `label.npy` (patch,) uint8
indices of zones; `patches.parquet` with `row`, `label`, `city`, `x`, `y` (m, UTM, of the centre) and `epsg`; and
`card.json`, which says what it was made of. The folder gets its name when all of it is written.

Radar is kept linear and in 32 bits, as networks take it, so that nothing which may be learnt from is rounded: 16 bits
would hold decibels to 0.008 and signals to 0.05 %. Patches are read by their position: numpy can map the files, too,
but what has been touched of a mapped file counts as memory of the process, and training touches all of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.storage.json_objects import json_object
from fusion_assets.systems.climate_zones.so2sat.layout import INTENSITIES, PIXELS, SEN1, SEN2, WHOLE

if TYPE_CHECKING:
    import pandas as pd

CARD, TABLE = "card.json", "patches.parquet"
FORMAT = 1
"""Of the folder; another is converted anew."""
DARKEST_DB = -50.0
"""Decibels of intensities below 1e-5, which is less than any Sentinel-1 scene's noise."""
ALL_CHANNELS = (*SEN1, *SEN2)
_ANEW = "remove the folder, and convert again"


class Patches:
    """A converted part, from which batches are drawn.

    Args:
        folder: that `convert` made.

    Attributes:
        card: what it was made of: `part`, `version`, `patches`, `fingerprint`, `classes`, `ranges`, and
            `synthetic` where they are simulated.
        labels: (patch,) uint8, indices of zones.

    Raises:
        FusionError: the folder is missing, damaged, or of another format.
    """

    channels = ALL_CHANNELS

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.card = _card(self.folder)
        count = self.card["patches"]
        self._sen1 = _Rows(self.folder, "sen1", (count, PIXELS, PIXELS, len(SEN1)), ("float32",))
        self._sen2 = _Rows(self.folder, "sen2", (count, PIXELS, PIXELS, len(SEN2)), ("uint16", "float32"))
        self.labels = np.array(_mapped(self.folder, "label", (count,), ("uint8",)))

    def __len__(self) -> int:
        """Patches."""
        return len(self.labels)

    def table(self) -> pd.DataFrame:
        """A row a patch: `row`, `label`, `city` (empty where unknown), `x`, `y` (NaN), `epsg` (0)."""
        from fusion_assets.storage.documents import read_table

        path = self.folder / TABLE
        table, _ = read_table(path, str(path), _ANEW)
        if len(table) != len(self) or not (table["label"].to_numpy() == self.labels).all():
            raise FusionError(f"{path} has other labels than the arrays beside it", "the same", _ANEW)
        return table

    def batch(
        self, rows: Sequence[int] | np.ndarray, channels: Sequence[str] = ALL_CHANNELS, decibels: bool = True
    ) -> np.ndarray:
        """Patches by their rows, in this order.

        Args:
            rows: numbers of patches, 0 to `len(self) - 1`.
            channels: wanted, of `ALL_CHANNELS`, in this order.
            decibels: whether the two filtered intensities are given in decibels, at least -50; all else of sen1 stays
                linear.

        Returns:
            (patch, 32, 32, channel) float32; sen2 as reflectance.

        Raises:
            FusionError: a row or channel that there is not.
        """
        rows = np.asarray(rows, np.int64)
        if rows.size and not (rows.min() >= 0 and rows.max() < len(self)):
            raise FusionError(
                f"patches {rows.min():,} to {rows.max():,} of {self.folder}",
                f"0 to {len(self) - 1:,}",
                "take rows of this part",
            )
        if unknown := [name for name in channels if name not in ALL_CHANNELS]:
            raise FusionError(f"no channel {', '.join(unknown)}", ", ".join(ALL_CHANNELS), "name others")
        values = np.empty((len(rows), PIXELS, PIXELS, len(channels)), np.float32)
        for names, held in ((SEN1, self._sen1), (SEN2, self._sen2)):
            targets = [place for place, name in enumerate(channels) if name in names]
            if targets:
                wanted = [names.index(channels[target]) for target in targets]
                held.gather(rows, wanted, values, targets)
        if decibels:
            for channel in INTENSITIES:
                if SEN1[channel] in channels:
                    at = list(channels).index(SEN1[channel])
                    values[..., at] = to_decibels(values[..., at])
        return values


def to_decibels(intensity: np.ndarray) -> np.ndarray:
    """Linear intensities as decibels, at least -50."""
    return 10 * np.log10(np.maximum(intensity, np.float32(10 ** (DARKEST_DB / 10))))


class _Rows:
    """Patches of one array, read by their position in its file."""

    def __init__(self, folder: Path, name: str, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> None:
        mapped = _mapped(folder, name, shape, dtypes)
        self.path, self.shape, self.dtype, self.start = folder / f"{name}.npy", shape[1:], mapped.dtype, mapped.offset
        self.file = self.path.open("rb", buffering=0)

    def gather(self, rows: np.ndarray, wanted: list[int], values: np.ndarray, targets: list[int]) -> None:
        """Copy channels `wanted` of some patches into channels `targets` of a batch, in the order of the file."""
        of, into = _run(wanted), _run(targets)
        patch = np.empty(self.shape, self.dtype)
        for place in np.argsort(rows, kind="stable"):
            read = os.preadv(self.file.fileno(), [patch.data], self.start + int(rows[place]) * patch.nbytes)
            if read != patch.nbytes:
                raise FusionError(f"{self.path} ends before patch {rows[place]:,}", "a whole array", _ANEW)
            chosen = patch[..., of]
            if self.dtype == np.uint16:
                chosen = np.divide(chosen, np.float32(WHOLE), dtype=np.float32)
            values[place][..., into] = chosen


def _run(places: list[int]) -> slice | list[int]:
    """Places as a slice, which numpy copies faster, where they follow each other."""
    whole = slice(places[0], places[-1] + 1)
    return whole if places == list(range(whole.start, whole.stop)) else places


def _card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        raise FusionError(f"{folder} holds no {CARD}", "a folder of converted patches", "convert So2Sat's files first")
    card = json_object(path.read_bytes(), str(path), _ANEW)
    if card.get("format") != FORMAT or not isinstance(card.get("patches"), int):
        raise FusionError(f"{path} is of format {card.get('format')}", f"format {FORMAT}", _ANEW)
    return card


def _mapped(folder: Path, name: str, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> np.memmap:
    path = folder / f"{name}.npy"
    try:
        held = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FusionError(f"{path} cannot be read: {error}", "a whole array", _ANEW) from error
    if held.shape != shape or str(held.dtype) not in dtypes or not held.flags.c_contiguous:
        raise FusionError(f"{path} is {held.dtype} of {held.shape}", f"{' or '.join(dtypes)} of {shape}", _ANEW)
    return held
