"""What day imagery says of where lamps may be: bands, indices, and a share of settled land made of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.night_radiance.methods.table import SHARE
from fusion_assets.systems.night_radiance.sensor import PointSpread, Sensor
from fusion_assets.systems.night_radiance.task import filled

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.grids.grid import Grid

_COLOURS = {
    "landsat_c2_l2": {"green": "SR_B3", "red": "SR_B4", "nir": "SR_B5", "swir": "SR_B6"},
    "sentinel2": {"green": "B03", "red": "B04", "nir": "B08", "swir": "B11"},
}
_LEAST_KNOWN = 0.5
_FEW_PIXELS = 6


def guides_of(optics: xr.Dataset, bands: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Day imagery by name, (height, width) float32; NaN where nothing was clear.

    Args:
        optics: a composite.
        bands: of it.
    """
    planes = {band: np.asarray(optics[band], np.float32) for band in bands}
    colours = next((each for each in _COLOURS.values() if set(each.values()) <= set(planes)), None)
    if colours is None:
        return planes
    green, red, near, short = (planes[colours[name]] for name in ("green", "red", "nir", "swir"))
    vegetation, built, water = _index(near, red), _index(short, near), _index(green, short)
    # Built-up land reflects more in the short-wave infrared than plants, and is not water.
    share = np.clip((built - vegetation + 1.0) / 2.0, 0, 1) * np.where(water > 0, 0.0, 1.0)
    share = np.where(np.isfinite(water), share, np.nan).astype(np.float32)
    return planes | {"ndvi": vegetation, "ndbi": built, "mndwi": water, SHARE: share}


def on_cells(guides: Mapping[str, np.ndarray], fine: Grid, cells: Grid) -> dict[str, np.ndarray]:
    """Guides averaged over the product's cells; NaN where less than half of a cell is known.

    Args:
        guides: by name, on the fine grid.
        fine: their grid.
        cells: the product's.
    """
    sensor = Sensor(fine, cells, PointSpread((0.0,)))
    if sensor.ratio < _FEW_PIXELS:  # a cell would have one more pixel or one fewer by chance
        sensor = Sensor(fine, cells, PointSpread((0.0,)), split=4)
    whole = sensor.pixels.max()
    averaged = {}
    for name, guide in guides.items():
        known = np.isfinite(guide)
        share = sensor.block_mean(known) * sensor.pixels / whole
        mean = sensor.block_mean(np.where(known, guide, 0.0)) / np.maximum(sensor.block_mean(known), 1e-9)
        averaged[name] = np.where(share >= _LEAST_KNOWN, mean, np.nan).astype(np.float32)
    return averaged


def complete(guides: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Guides without gaps: unknown pixels as the nearest known ones."""
    return {name: filled(guide) for name, guide in guides.items()}


def _index(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (first - second) / (first + second)
    return np.clip(np.where(np.isfinite(index), index, np.nan), -1, 1).astype(np.float32)
