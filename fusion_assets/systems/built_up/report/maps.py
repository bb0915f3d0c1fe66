"""The maps of the report as pictures small enough to travel inside one file."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from fusion_assets.imagery.products import TRUE_COLOUR
from fusion_assets.reports.map_layers import (
    NO_DATA,
    Layer,
    classes,
    hexadecimal,
    layer_of,
    logarithmic,
    scaled,
    true_colours,
)
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.model.prediction import PROBABILITY

# Far apart in lightness, so that black and white print tells them apart.
_BUILT_UP = {1: ("built-up", (122, 12, 22)), 0: ("not built-up", (226, 222, 211))}


def layers(predictions: Mapping[int, xr.Dataset], stacks: Mapping[int, xr.Dataset], budget: int) -> list[Layer]:
    """All layers that the data allow: map, probability, true colour, lights.

    Args:
        predictions: maps by year, lazy.
        stacks: fused stacks by year, lazy.
        budget: bytes for all pictures together; they are made smaller until they fit.
    """
    first = next(iter(stacks.values()))
    optics, lights = set(TRUE_COLOUR) <= set(first.data_vars), "avg_rad" in first.data_vars
    share = budget // ((2 + optics + lights) * max(len(predictions), 1))
    built_up, legend = classes(_band(predictions, BUILT_UP), _BUILT_UP)
    probability = scaled(_band(predictions, PROBABILITY), "magma_r", 0.0, 1.0, "probability")
    made = [
        layer_of("Built-up land", (built_up, (*legend, (hexadecimal(NO_DATA), "no data"))), share),
        layer_of("Probability", probability, share),
    ]
    if optics:
        made.append(layer_of("True colour", true_colours(stacks, TRUE_COLOUR), share, "JPEG"))
    if lights:
        drawn = logarithmic(_band(stacks, "avg_rad"), "inferno", "nW/cm2/sr", 0.1, (1, 99.5))
        made.append(layer_of("Night lights", drawn, share))
    return made


def _band(rasters: Mapping[int, xr.Dataset], name: str) -> dict[int, xr.DataArray]:
    return {year: raster[name] for year, raster in rasters.items()}
