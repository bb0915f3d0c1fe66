"""Maps of vectors that one system of a study makes and another may take as features; its section tells of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from fusion_assets.settings import Settings


@dataclass(frozen=True)
class VectorMap:
    """A yearly raster whose bands are the numbers of a vector of unit length, stored in equal steps.

    Attributes:
        asset: that holds it, region by year.
        bands: of the raster, in order.
        regions: that it is made of.
        years: likewise.
        resolution: edge of a cell, metres.
        steps: what a stored number is divided by.
        products: that it is made of.
        span: year to first and last day of their imagery.
        recipe: (settings, region, year) to a digest of all that shapes it.
    """

    asset: str
    bands: tuple[str, ...]
    regions: tuple[str, ...]
    years: tuple[int, ...]
    resolution: float
    steps: float
    products: tuple[str, ...]
    span: Callable[[int], tuple[dt.date, dt.date]]
    recipe: Callable[[Settings, str, int], str]
