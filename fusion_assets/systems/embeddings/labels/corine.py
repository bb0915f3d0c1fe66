"""CORINE land cover of patches: shares of its 44 classes, and which of them a patch has.

CORINE draws what is at least 25 hectares large and 100 m wide, and places it to 100 m (V2020): a patch of 10 m pixels
knows more than its label, and a patch smaller than such a unit mostly has one class. Use shares and sets of a patch;
nothing here says what a single pixel of 10 m is.

Sources: https://land.copernicus.eu/en/products/corine-land-cover,
https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_CORINE_V20_100m
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.systems.embeddings.labels.corine_classes import LEVEL_1, LEVEL_2, LEVEL_3
from fusion_assets.systems.embeddings.labels.shares import Codes, class_shares, refuse_others

SMALLEST_UNIT_HA = 25.0
"""Smaller ones are not in CORINE."""
CODES = tuple(LEVEL_3)
_TITLE = "CORINE land cover"
_OF_GRID = np.array((0, *CODES))
# Besides what a file declares: of the EEA's grid codes, and of the codes of three digits.
_NO_GRID_CODE = (0, 48, 49, 50, 255, -128)
_NO_CODE = (0, 990, 995, 999, -32768)


def decode(stored: Codes) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Codes of three digits, and where there are any, from the EEA's grid codes (1 to 44) or from such codes.

    Args:
        stored: integers of one window of one file, all of one kind: no number is of both.

    Raises:
        FusionError: numbers of neither kind, or of both.
    """
    by_grid, by_code = (stored >= 1) & (stored <= len(CODES)), np.isin(stored, CODES)
    if by_grid.any() and by_code.any():
        raise FusionError(
            f"a raster of {_TITLE} mixes grid codes and codes: {_some(stored[by_grid])} and {_some(stored[by_code])}",
            "grid codes 1 to 44, or codes 111 to 523",
            "use the raster as the EEA delivers it, not a mosaic of two kinds",
        )
    if by_code.any():
        refuse_others(stored[~by_code], _NO_CODE, _TITLE)
        return stored, by_code
    refuse_others(stored[~by_grid], _NO_GRID_CODE if by_grid.any() else (*_NO_GRID_CODE, *_NO_CODE), _TITLE)
    return _OF_GRID[np.where(by_grid, stored, 0)], by_grid


def corine_labels(plan: pd.DataFrame, size: int, files: Sequence[SceneFile], least: float = 0.05) -> pd.DataFrame:
    """CORINE's classes in every patch of a plan.

    Args:
        plan: `patch`, `epsg`, `x`, `y`; see the plan table.
        size: pixels of 10 m along the edge of a patch.
        files: rasters of CORINE, of either numbering.
        least: share from which a class belongs to the set of a patch; 0 takes every class that occurs, as the sets of
            BigEarthNet do.

    Returns:
        `patch`, `corine_valid`, `corine_111` to `corine_523`, `corine_set`; see `shares.class_shares`.

    Raises:
        FusionError: numbers that are not CORINE's, or `least` is no share.
    """
    return class_shares(plan, size, files, CODES, decode, least, "corine")


def at_level(labels: pd.DataFrame, level: int) -> pd.DataFrame:
    """The shares of a table of `corine_labels` summed to level 1 or 2, under `corine_1` or `corine_11` and so on.

    Raises:
        FusionError: another level.
    """
    if level not in (1, 2):
        raise FusionError(f"level {level} of {_TITLE}", "1 or 2; the table itself is of level 3", "choose one of these")
    groups = LEVEL_1 if level == 1 else LEVEL_2
    return pd.DataFrame(
        {
            f"corine_{group}": labels[[f"corine_{code}" for code in CODES if code // 10 ** (3 - level) == group]]
            .sum(axis=1, min_count=1)
            .astype(np.float32)
            for group in groups
        }
    )


def code_named(name: str) -> int:
    """Code of a class of level 3 by its name, however it is punctuated.

    Raises:
        FusionError: there is no such class.
    """
    code = _BY_NAME.get(_plain(name))
    if code is None:
        raise FusionError(f"{name!r} is no class of {_TITLE}", "one of the 44 of level 3", "correct the name")
    return code


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]+", " ", name.lower()).strip()


def _some(numbers: Codes) -> str:
    return ", ".join(map(str, np.unique(numbers)[:4]))


_BY_NAME = {_plain(about.title): code for code, about in LEVEL_3.items()}
