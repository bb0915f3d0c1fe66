"""Bands that are together one vector of unit length in every pixel: means of such vectors are shorter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SHORTEST = 1e-6
"""Length below which a mean has no direction any more: vectors that point everywhere cancel out."""


def unit_vectors(raster: Any, names: Sequence[str]) -> dict[str, Any]:
    """Bands as a vector of unit length again, lazily.

    Args:
        raster: (y, x) arrays by name: a Dataset; NaN for no data.
        names: of the bands, all numbers of the vector.

    Returns:
        By band (y, x) dask float32; NaN where any number is NaN or the vector is shorter than `SHORTEST`.
    """
    import dask.array as da

    bands = da.stack([da.asarray(raster[name].data) for name in names]).astype(np.float32)
    length = da.sqrt((bands * bands).sum(axis=0))
    # A NaN among the numbers makes the length NaN, and the comparison with it is false.
    unit = da.where(length >= SHORTEST, bands / da.maximum(length, SHORTEST), np.float32(np.nan))
    return {name: unit[number] for number, name in enumerate(names)}
