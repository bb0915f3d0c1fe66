"""Splits of a study's patches as one table: a column for every setting, and in `city` for every seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones import splits
from fusion_assets.systems.climate_zones.overlap import overlap
from fusion_assets.systems.climate_zones.splits import PARTS, TEST, TRAIN, VALIDATION

if TYPE_CHECKING:
    import pandas as pd


def column_of(setting: str, seed: int) -> str:
    """Column of a setting and seed: only in `city` do seeds test on different patches."""
    return f"{setting}.{seed}" if setting == "city" else setting


def split_table(patches: pd.DataFrame, settings: Sequence[str], seeds: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Every setting's split.

    Args:
        patches: of `sources.Joined.table`.
        settings: wanted.
        seeds: trainings of each network.

    Returns:
        A row a patch: `row`, and a column for each of `column_of`, holding the number of one of `splits.PARTS`; and by
        setting `counts` of the parts and the `overlap` of test with training (None where places are unknown), both of
        the first seed.

    Raises:
        FusionError: a setting that these patches do not allow.
    """
    table, document = patches[["row"]].copy(), {}
    for setting in settings:
        for seed in range(seeds):
            if column_of(setting, seed) not in table:
                found = _split(patches, setting, seed)
                table[column_of(setting, seed)] = np.select(
                    [found == name for name in PARTS], range(len(PARTS))
                ).astype("uint8")
        part = table[column_of(setting, 0)].to_numpy()
        counts = {name: int((part == number).sum()) for number, name in enumerate(PARTS)}
        tested, trained = (patches[part == PARTS.index(name)] for name in (TEST, TRAIN))
        placed = np.isfinite(patches[["x", "y"]].to_numpy(float)).all()
        document[setting] = {"counts": counts, "overlap": overlap(tested, trained) if placed else None}
    return table, document


def rows_of(table: pd.DataFrame, setting: str, seed: int, part: str) -> np.ndarray:
    """Numbers of the patches of a part (`train`, `validation`, `test`)."""
    return table["row"].to_numpy()[table[column_of(setting, seed)].to_numpy() == PARTS.index(part)]


def _split(patches: pd.DataFrame, setting: str, seed: int) -> np.ndarray:
    try:
        if setting == "city":
            return splits.city(patches, seed // splits.CITY_FOLDS, seed % splits.CITY_FOLDS)
        if setting == "published":
            placed = patches["city"].astype(str).str.len().gt(0).all()
            return splits.published(patches, stop="cities" if placed else "source")
        known = patches[patches["source"] == TRAIN] if setting == "random" else patches
        found = np.full(len(patches), splits.LEFT_OUT, dtype="<U10")
        found[known["row"].to_numpy()] = splits.SPLITS[setting](known)
        return found
    except FusionError as error:
        raise FusionError(f"climate_zones.settings: {setting}: {error.found}", error.expected, error.remedy) from error


__all__ = ["TEST", "TRAIN", "VALIDATION", "column_of", "rows_of", "split_table"]
