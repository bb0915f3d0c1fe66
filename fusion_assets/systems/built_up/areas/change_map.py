"""Change of single pixels from the first to the last prediction year, where the probabilities suffice to tell.

Two probabilities do not say how likely both events are together, since errors of two years go hand in hand. Whatever
the dependence, though, P(not built-up, then built-up) is at least p(last) - p(first), and likewise for the other three
(Fréchet's inequality). A class is named only where this least value reaches the confidence, and where the probabilities
averaged over the earlier and over the later half of the years say so too: one odd year is no change. Everything else is
"cannot tell". The confidence is as good as the probabilities' calibration, which is relative to the labels of the label
year.
"""

from __future__ import annotations

from collections.abc import Mapping

import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_classes import named_classes
from fusion_assets.systems.built_up.model.prediction import PROBABILITY
from fusion_assets.systems.built_up.palettes import PALETTES
from fusion_assets.systems.built_up.versions import CHANGE_CONFIDENCE as CONFIDENCE

CHANGE, CERTAINTY = "change", "confidence"
CLASSES = {code: each.title for code, each in named_classes(CHANGE, PALETTES).items()}


def change_map(predictions: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """Lazy map of change between the first and the last year.

    Args:
        predictions: `probability` by year, lazy, on one grid; NaN outside the region.

    Returns:
        Dataset (y, x): `change` (code of `CLASSES`) and `confidence` (least probability of the likeliest class, also
        where it does not suffice), float32; NaN where any year has no value.
    """
    years = sorted(predictions)
    stack = da.stack([predictions[year][PROBABILITY].data for year in years])
    half = max(1, len(years) // 2)
    ends = _least(stack[0], stack[-1])
    halves = _least(stack[:half].mean(axis=0), stack[-half:].mean(axis=0))
    least = da.minimum(ends, halves)
    certainty = da.clip(least.max(axis=0), 0, 1)
    change = da.where(certainty >= CONFIDENCE, least.argmax(axis=0) + 1, 0)
    known = da.isfinite(stack).all(axis=0)
    bands = {CHANGE: change, CERTAINTY: certainty}
    return Grid.of(predictions[years[0]]).dataset(
        {name: da.where(known, band, np.nan).astype(np.float32) for name, band in bands.items()}
    )


def counts(changed: xr.Dataset) -> dict[str, int]:
    """Pixels of each class."""
    codes = changed[CHANGE].data
    found = da.stack([(codes == code).sum() for code in CLASSES]).compute()
    return {name: int(n) for name, n in zip(CLASSES.values(), found, strict=True)}


def statement(pixels: Mapping[str, int], first: int, last: int) -> str:
    """What the map tells, in words.

    Args:
        pixels: what `counts` returned.
        first: year.
        last: year.
    """
    total = max(sum(pixels.values()), 1)
    told = {name: n for name, n in pixels.items() if name != CLASSES[0]}
    named = ", ".join(f"{n} {name}" if n else f"none {name}" for name, n in told.items())
    return (
        f"From {first} to {last}, at a confidence of {CONFIDENCE:.0%} relative to the labels, {sum(told.values())} of "
        f"{total} pixels can be told: {named}. For {pixels[CLASSES[0]] / total:.0%} the data cannot tell."
    )


def _least(first: da.Array, last: da.Array) -> da.Array:
    """Least probability of classes 1 to 4, in this order."""
    return da.stack([1 - first - last, first + last - 1, last - first, first - last])
