"""Rasters between grids of any two CRSs, by plain interpolation."""

from __future__ import annotations

import numpy as np

from fusion_assets.grids.crs import from_lonlat, to_lonlat
from fusion_assets.grids.grid import Grid

_ROWS = 512


def cubic(values: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """A raster by cubic splines through the centres of its pixels, (height, width) of the target, float64.

    Args:
        values: (height, width) of the source, finite.
        source: its grid.
        target: the result's; beyond the source's outer centres the nearest values go on.
    """
    return _sampled(values, source, target, 3)


def nearest(values: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """A raster's pixel that each centre of the target lies in; beyond the source's edges, the nearest."""
    return _sampled(values, source, target, 0)


def linear(values: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """A raster by linear interpolation between the centres of its pixels; see `cubic`."""
    return _sampled(values, source, target, 1)


def _sampled(values: np.ndarray, source: Grid, target: Grid, order: int) -> np.ndarray:
    from scipy.ndimage import map_coordinates, spline_filter

    values = np.asarray(values, np.float64)
    coefficients = spline_filter(values, order, mode="nearest") if order > 1 else values
    result = np.empty(target.shape)
    x, y = target.centres()
    for first in range(0, target.height, _ROWS):
        rows = slice(first, first + _ROWS)
        east, north = np.meshgrid(x, y[rows])
        if target.crs != source.crs:
            east, north = from_lonlat(source.crs).transform(*to_lonlat(target.crs).transform(east, north))
        row = (source.transform.f - np.asarray(north)) / source.resolution - 0.5
        column = (np.asarray(east) - source.transform.c) / source.resolution - 0.5
        row, column = np.clip(row, 0, source.height - 1), np.clip(column, 0, source.width - 1)
        result[rows] = map_coordinates(coefficients, [row, column], order=order, mode="nearest", prefilter=False)
    return result
