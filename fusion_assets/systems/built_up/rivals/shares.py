"""From what a rival map holds to its share of built-up land in every pixel of the study's grid, and its class."""

from __future__ import annotations

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.imagery.compositing.label_cells import SLACK, impossible_surface

MOST_SPLIT = 10
"""Edge of a pixel in places at which a map of classes is looked at: 100 of them, evenly spaced."""
NO_DATA = 255


def split(resolution: float, native: float) -> int:
    """Places along a pixel's edge at which a map of classes is looked at, 1 where its own pixels are no finer.

    Args:
        resolution: edge of the grid's pixels, metres.
        native: of the map's.
    """
    return int(np.clip(round(resolution / native), 1, MOST_SPLIT))


def share_of_classes(
    codes: np.ndarray, built: tuple[int, ...], k: int, least: float, silent: bool = False
) -> np.ndarray:
    """Share of each pixel in classes of built-up, 0 to 1; NaN where too little of it is known.

    Args:
        codes: (k x height, k x width), NaN for no data.
        built: codes that mean built-up.
        k: edge of a pixel in places looked at.
        least: share of the places that must be known.
        silent: no data means not built-up.
    """
    blocks = codes.reshape(codes.shape[0] // k, k, codes.shape[1] // k, k)
    known = np.ones(blocks.shape, bool) if silent else np.isfinite(blocks)
    count = known.sum(axis=(1, 3))
    found = (np.isin(blocks, built) & known).sum(axis=(1, 3))
    enough = (count > 0) & (count >= least * k * k)
    return np.where(enough, found / np.maximum(count, 1), np.nan).astype(np.float32)


def share_of_surface(surface: np.ndarray, cell_m2: np.ndarray | float) -> np.ndarray:
    """Share of each pixel that is built-up surface, 0 to 1.

    Args:
        surface: square metres a source cell, NaN for no data.
        cell_m2: area of the source cell.

    Raises:
        FusionError: more surface than a cell has, or less than none: another unit, or no data that nothing declares.
    """
    share = surface / cell_m2
    wrong = np.isfinite(share) & ((share > SLACK) | (share < 0))
    if wrong.any():
        at = np.flatnonzero(wrong)[0]
        cell = float(np.broadcast_to(cell_m2, share.shape).flat[at])
        raise impossible_surface(float(surface.flat[at]), SLACK * cell)
    return np.clip(share, 0, 1).astype(np.float32)


def share_of_probability(probability: np.ndarray, title: str) -> np.ndarray:
    """Mean probability as it is, 0 to 1.

    Raises:
        FusionError: numbers beyond 0 to 1, such as percent.
    """
    known = probability[np.isfinite(probability)]
    if known.size and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise FusionError(
            f"{title} holds {known.min():g} to {known.max():g}",
            "probabilities from 0 to 1",
            "declare scale and offset in `raster:bands` of the items, or take the band that holds probabilities",
        )
    return np.clip(probability, 0, 1).astype(np.float32)


def classes_of(share: np.ndarray, class_from: float) -> np.ndarray:
    """1 built-up, 0 not, 255 no data.

    Args:
        share: 0 to 1, NaN for no data.
        class_from: share from which a pixel is built-up.
    """
    return np.where(np.isfinite(share), share >= class_from, NO_DATA).astype(np.uint8)
