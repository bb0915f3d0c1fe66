"""How much of the tested patches the training has seen: patches are 320 m wide, and their centres lie 100 m apart.

A random split of such patches tests what was learnt by heart. The overlap is printed beside every score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    import pandas as pd

EDGE = 320.0
"""Of a patch, in metres: 32 pixels of 10 m."""
TOUCH = 0.01
"""Patches that share less than this many metres touch each other: positions are rounded."""
_PAIRS = 4_000_000


def overlap(tested: pd.DataFrame, training: pd.DataFrame) -> dict[str, float | int]:
    """What a report says of a split.

    Args:
        tested: patches with `x`, `y` (centre, in metres) and `epsg`.
        training: likewise.

    Returns:
        `tested` and `overlapping` patches, `share` of them, and the median over tested patches of the largest area
        that one training patch has in common with it: `median_area` as a share of the patch, `median_union` as a share
        of the union of both.
    """
    area = largest_shares(tested, training)
    median = float(np.median(area)) if len(area) else 0.0
    return {
        "tested": len(area),
        "overlapping": int((area > 0).sum()),
        "share": float((area > 0).mean()) if len(area) else 0.0,
        "median_area": median,
        "median_union": median / (2 - median),
    }


def largest_shares(patches: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """The largest share of each patch's area that a single one of the others covers, (n,) from 0 to 1.

    Patches of different EPSG codes are never compared: where zones meet, a pair across them is not seen.

    Args:
        patches: with `x`, `y` (centre, in metres) and `epsg`.
        others: likewise.

    Raises:
        FusionError: a position is not finite.
    """
    for table in (patches, others):
        unknown = int((~np.isfinite(table[["x", "y"]].to_numpy("float64"))).any(axis=1).sum())
        if unknown:
            raise FusionError(
                f"{unknown} of {len(table)} patches have no position",
                "centres in metres, by which overlapping patches are found",
                "use a version of the data that says where patches lie (v4, with its *_geo.h5 files)",
            )
    out = np.zeros(len(patches))
    zone, other_zone = patches["epsg"].to_numpy(), others["epsg"].to_numpy()
    places, other_places = (table[["x", "y"]].to_numpy("float64") for table in (patches, others))
    for code in np.intersect1d(zone, other_zone):
        here = zone == code
        out[here] = _largest(places[here], other_places[other_zone == code])
    return out


def _largest(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`largest_shares` in one CRS: whatever overlaps lies in the same square of a patch's size or in one beside it.

    Sorted by square, row by row, the others of three squares in a row lie next to each other.
    """
    origin = np.minimum(places.min(axis=0), others.min(axis=0)) - EDGE
    square, other_square = (np.floor((each - origin) / EDGE).astype("int64") for each in (places, others))
    width = max(int(square[:, 0].max()), int(other_square[:, 0].max())) + 2
    number, other_number = (each[:, 1] * width + each[:, 0] for each in (square, other_square))
    order = np.argsort(other_number, kind="stable")
    others, other_number = others[order], other_number[order]
    out = np.zeros(len(places))
    for row in (-1, 0, 1):
        start = np.searchsorted(other_number, number + row * width - 1, side="left")
        count = np.searchsorted(other_number, number + row * width + 1, side="right") - start
        ends = np.cumsum(count)
        for first, last in _parts(ends):
            many = count[first:last]
            one = np.repeat(np.arange(first, last), many)
            within = np.arange(many.sum()) - np.repeat(ends[first:last] - many - (ends[first] - count[first]), many)
            apart = np.abs(places[one] - others[start[one] + within])
            sides = EDGE - apart
            area = np.where((sides > TOUCH).all(axis=1), sides[:, 0] * sides[:, 1] / EDGE**2, 0.0)
            np.maximum.at(out, one, area)
    return out


def _parts(ends: np.ndarray) -> list[tuple[int, int]]:
    """Ranges of patches with about as many pairs as fit into memory."""
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(_PAIRS, total, _PAIRS))
    bounds = np.unique([0, *cuts, len(ends)])
    return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
