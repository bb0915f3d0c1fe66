"""How scenes become a composite, as data."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_assets.imagery.products import Mask

RECIPE_VERSION = "2"
"""Raise when the pixels that a recipe gives change, so that what was made before is known to be stale."""


@dataclass(frozen=True)
class CompositeRecipe:
    """How scenes become a composite.

    Attributes:
        bands: to composite, in order.
        mask: which pixels are clear.
        resampling: how scenes reach the working grid: `nearest` or `bilinear`.
        reducer: `median` over acquisitions, `latest` (newest valid value), or `none`: every pass by itself
            (`timeseries.py`).
        subdivision: k; the working grid has k x k pixels in each pixel of the grid.
        min_valid_share: share of a block's sub-pixels that must be valid, else the pixel is no data.
        requester_pays: whether object-store reads are charged to the reader.
    """

    bands: tuple[str, ...]
    mask: Mask
    resampling: str = "nearest"
    reducer: str = "median"
    subdivision: int = 1
    min_valid_share: float = 0.25
    requester_pays: bool = False
