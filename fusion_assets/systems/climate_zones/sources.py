"""Where labelled patches come from, and the arrays that networks read them through.

Arrays are made once on every machine, below the storage root or, where that is no folder, in the user's cache. The
asset that stands for them holds what they were made of, so that another machine's arrays are the same or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.storage.root import Storage

if TYPE_CHECKING:
    import pandas as pd

    from fusion_assets.settings import Settings
    from fusion_assets.systems.climate_zones.section import ClimateZonesUse
    from fusion_assets.systems.climate_zones.so2sat.cache import Patches

ARRAYS = "zone_arrays"
"""Folder of the arrays below the storage root."""
STATES = "zone_states"
"""Folder of the states of trainings under way."""
PARTS = {"training": "train", "validation": "validation", "testing": "test"}
"""What a split calls the parts of the data set."""


class Joined:
    """Patches of several parts under one numbering.

    Args:
        parts: by name, in the order of the numbers.
    """

    def __init__(self, parts: Mapping[str, Patches]) -> None:
        self.parts = dict(parts)
        self._first = np.cumsum([0, *(len(part) for part in self.parts.values())])
        self.labels = np.concatenate([part.labels for part in self.parts.values()])

    def __len__(self) -> int:
        """Patches."""
        return len(self.labels)

    def batch(self, rows: np.ndarray, channels: Sequence[str], decibels: bool = True) -> np.ndarray:
        """Patches of these rows, (patch, 32, 32, channel) float32; see `so2sat.cache.Patches.batch`."""
        rows = np.asarray(rows)
        of = np.searchsorted(self._first, rows, "right") - 1
        values: np.ndarray | None = None
        for number, part in enumerate(self.parts.values()):
            here = of == number
            if here.all():
                return part.batch(rows - self._first[number], channels, decibels)
            if here.any():
                read = part.batch(rows[here] - self._first[number], channels, decibels)
                values = np.empty((len(rows), *read.shape[1:]), np.float32) if values is None else values
                values[here] = read
        assert values is not None, "rows of no part"
        return values

    def table(self) -> pd.DataFrame:
        """A row a patch: `row` in this numbering, `label`, `city`, `x`, `y`, `epsg`, and `source`: its part."""
        import pandas as pd

        tables = [part.table().assign(source=PARTS.get(name, name)) for name, part in self.parts.items()]
        whole = pd.concat(tables, ignore_index=True)
        return whole.assign(row=np.arange(len(whole)))


def arrays_folder(settings: Settings) -> Path:
    """Where arrays lie on this machine."""
    storage = Storage(settings.storage)
    return Path(storage.root) / ARRAYS if storage.is_local else Path.home() / ".cache" / "fusion_assets" / ARRAYS


def files_of(use: ClimateZonesUse, settings: Settings) -> Path:
    """Folder of the `.h5` files; the synthetic ones lie beside the archive's catalog, or are made."""
    if use.files is not None:
        return use.files
    beside = Path(settings.archive).parent
    if (beside / "training.h5").is_file():
        return beside
    from fusion_assets.demo.cities import build

    return build(arrays_folder(settings) / "demo")


def patches_of(
    use: ClimateZonesUse,
    settings: Settings,
    known: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Joined:
    """Patches of a study, converted where they are not yet.

    Args:
        use: says where the files are.
        settings: say where arrays lie.
        known: the document that stands for them; what this machine has must be the same.
        progress: patches done, and all.

    Raises:
        FusionError: files that cannot be learnt from; or others than those that the document tells of.
    """
    from fusion_assets.systems.climate_zones.so2sat.cache import Patches
    from fusion_assets.systems.climate_zones.so2sat.conversion import convert

    arrays = arrays_folder(settings)
    folders = convert(files_of(use, settings), arrays, progress)
    if several := sorted({name.partition("/")[0] for name in folders if "/" in name}):
        raise FusionError(
            f"{use.source} holds the same patches in {len(several)} splits: {', '.join(several)}",
            "one of them",
            f"write for example source: {use.source}/{several[0]}",
        )
    parts = {name: Patches(folder) for name, folder in folders.items()}
    parts = {name: parts[name] for name in sorted(parts, key=lambda name: [*PARTS, name].index(name))}
    if known is not None:
        found = {name: part.card["fingerprint"] for name, part in parts.items()}
        wanted = {name: entry["fingerprint"] for name, entry in known["parts"].items()}
        if found != wanted:
            wrong = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
            raise FusionError(
                f"{use.source} on this machine has other patches of {', '.join(wrong)} than lcz_patches tells of",
                "the same files on every machine",
                "copy them again, or make it anew: fusion run --select lcz_patches",
            )
    return Joined(parts)
