"""A map of built-up land as a guide: how likely every pixel is to be settled, beside what day imagery says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.guides import on_cells
from fusion_assets.systems.night_radiance.resampling import linear
from fusion_assets.systems.night_radiance.task import filled

if TYPE_CHECKING:
    import xarray as xr

BAND = "probability"
_LEAST_KNOWN = 0.5


def built_up_on(mapped: xr.Dataset, name: str, fine: Grid) -> np.ndarray:
    """Probability of built-up land on a map's pixels, (height, width) float32; NaN where it is unknown.

    Averaged by area where the map of built-up land is finer, else interpolated.

    Args:
        mapped: of the same region, with `probability`, 0 to 1.
        name: of its asset, for errors.
        fine: grid of the result.

    Raises:
        FusionError: no such band, or other numbers than probabilities.
    """
    remedy = f"name another asset in night_radiance.settlement than {name}, or write `settlement: index`"
    if BAND not in mapped:
        raise FusionError(f"{name} holds {', '.join(map(str, mapped.data_vars))}", f"a band {BAND}", remedy)
    values, grid = np.asarray(mapped[BAND].values, np.float64), Grid.of(mapped)
    known = np.isfinite(values)
    if not known.any() or values[known].min() < 0 or values[known].max() > 1:
        ends = f"{np.nanmin(values):g} to {np.nanmax(values):g}" if known.any() else "no data at all"
        raise FusionError(f"{BAND} of {name} is {ends}", "probabilities from 0 to 1", remedy)
    if grid.resolution < fine.resolution:
        return on_cells({BAND: values}, grid, fine)[BAND]
    share = linear(known.astype(float), grid, fine)
    return np.where(share >= _LEAST_KNOWN, linear(filled(values), grid, fine), np.nan).astype(np.float32)
