"""Simulated maps that others might have made of the same land, each with one fault that is known.

What belongs here: the faults alone, as functions of the truth; how maps are judged is no business of a demo.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

ROOFS = 0.45
"""Share of built-up land that is roofs; the rest is streets, yards and sealed ground."""


def roofs_only(built_share: np.ndarray, seed: int, roofs: float = ROOFS) -> np.ndarray:
    """What a map sees that knows buildings alone: shares of roofs, 0 to 1.

    Args:
        built_share: true share of built-up land in each pixel.
        seed: the same seed gives the same roofs.
        roofs: mean share of built-up land under them; where it is dense they are more.
    """
    rng = np.random.default_rng(seed)
    return np.clip(built_share * roofs * rng.uniform(0.6, 1.4, built_share.shape), 0, 1)


def a_year_late(by_year: Mapping[int, np.ndarray], year: int) -> np.ndarray:
    """What a map of a year shows that is made from the imagery of the year before; of the first year, that itself.

    Args:
        by_year: true shares.
        year: of the map.
    """
    return by_year[max(min(by_year), year - 1)].copy()


def blurred(built_share: np.ndarray, cells: int) -> np.ndarray:
    """What a map says that knows squares of pixels alone: their mean.

    Args:
        built_share: true share of built-up land in each pixel.
        cells: edge of a square in pixels; squares at the far edges are cut off.
    """
    height, width = built_share.shape
    rows, cols = (-(-size // cells) for size in (height, width))
    padded = np.pad(
        built_share.astype(float), ((0, rows * cells - height), (0, cols * cells - width)), constant_values=np.nan
    )
    means = np.nanmean(padded.reshape(rows, cells, cols, cells), axis=(1, 3))
    return means.repeat(cells, 0).repeat(cells, 1)[:height, :width]
