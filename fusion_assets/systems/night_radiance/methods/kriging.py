"""Area-to-point kriging (Kyriakidis 2004): interpolation that knows cells as means of areas, and gives them back.

Covariance is exponential, and the same everywhere, so that the weights of the cells around are the same for every cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.night_radiance.resampling import nearest
from fusion_assets.systems.night_radiance.sensor import pixel_metres

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.sensor import Sensor
    from fusion_assets.systems.night_radiance.task import Task

_REACH = 3
"""Cells on each side that take part: 7 x 7."""
_MOST_PARTS = 16
_RANGES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0)
"""Ranges of the covariance that are tried, in cells."""
_NUGGET = 1e-6


def kriged(cells: np.ndarray, task: Task) -> np.ndarray:
    """Radiance of the pixels, (height, width), nW/cm2/sr; may be negative.

    Args:
        cells: (rows, columns) without gaps, those measured or what a model leaves of them.
        task: the pixels, the cells and the sensor between them.
    """
    from scipy.ndimage import correlate

    parts = int(np.clip(round(task.ratio), 2, _MOST_PARTS))
    weights = _weights(parts, _range_of(cells), _footprint(parts, task.sensor))
    fine = np.empty((cells.shape[0] * parts, cells.shape[1] * parts))
    for down, right in np.ndindex(parts, parts):
        fine[down::parts, right::parts] = correlate(cells, weights[down, right], mode="nearest")
    return nearest(fine, task.sensor.cells.refine(parts), task.sensor.fine)


def _footprint(parts: int, sensor: Sensor) -> np.ndarray:
    """What a cell sees around its middle, (n, n) in steps of half a part, n odd, summing to 1."""
    from scipy.ndimage import gaussian_filter

    steps = [metres / (2 * parts) for metres in pixel_metres(sensor.cells)]
    reach = 4 * parts
    edge = np.zeros(2 * (parts + reach) + 1)
    edge[reach : reach + 2 * parts + 1] = 1.0
    edge[[reach, reach + 2 * parts]] = 0.5
    box = np.outer(edge, edge) / edge.sum() ** 2
    mixture = zip(sensor.psf.sigmas, sensor.psf.weights, strict=True)
    total = sum(weight * gaussian_filter(box, [sigma / step for step in steps]) for sigma, weight in mixture)
    return np.asarray(total) / np.sum(total)


def _range_of(cells: np.ndarray) -> float:
    """Range of the covariance, in cells: the one whose variogram is most like that of the cells."""
    lags = np.arange(1, 7)
    found = []
    for lag in lags:
        across = (cells[:, lag:] - cells[:, :-lag]) ** 2 if cells.shape[1] > lag else np.zeros(1)
        down = (cells[lag:] - cells[:-lag]) ** 2 if cells.shape[0] > lag else np.zeros(1)
        found.append(0.5 * np.mean([across.mean(), down.mean()]))
    found_array = np.array(found)

    def misfit(reach: float) -> float:
        shape = 1 - np.exp(-lags / reach)
        sill = (shape @ found_array) / (shape @ shape)
        return float(((found_array - sill * shape) ** 2).sum())

    return min(_RANGES, key=misfit)


def _weights(parts: int, reach: float, footprint: np.ndarray) -> np.ndarray:
    """(parts, parts, 7, 7): how much of each cell around goes into each part of a cell, summing to 1."""
    from scipy.signal import fftconvolve

    cell = 2 * parts
    # As far as two cells lie apart, and what each of them sees around itself.
    half = 2 * _REACH * cell + len(footprint)
    offsets = np.arange(-half, half + 1)
    points = np.exp(-np.hypot(*np.meshgrid(offsets, offsets)) / cell / reach)
    area_to_point = fftconvolve(points, footprint, mode="same")
    area_to_area = fftconvolve(area_to_point, footprint, mode="same")
    middles = np.arange(-_REACH, _REACH + 1) * cell
    down, right = (axis.ravel() for axis in np.meshgrid(middles, middles, indexing="ij"))
    count = len(down)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = area_to_area[half + down[:, None] - down, half + right[:, None] - right]
    system[:count, :count] += _NUGGET * np.eye(count)
    system[count, count] = 0.0
    known = np.ones((count + 1, parts, parts))
    for y, x in np.ndindex(parts, parts):
        known[:count, y, x] = area_to_point[half + down - (2 * y + 1 - parts), half + right - (2 * x + 1 - parts)]
    weights = np.linalg.solve(system, known.reshape(count + 1, -1))[:count]
    return weights.T.reshape(parts, parts, 2 * _REACH + 1, 2 * _REACH + 1)
