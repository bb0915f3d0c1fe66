"""One downscaling: cells of a product, what day imagery tells of the pixels, and the sensor between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.resampling import cubic, nearest
from fusion_assets.systems.night_radiance.sensor import ROUNDS, PointSpread, Sensor, conserve

FAINTEST = 0.05
"""nW/cm2/sr, some of the product's noise: below it radiance is not told from none."""


@dataclass(frozen=True)
class Task:
    """What a fine map is made from.

    Attributes:
        sensor: from pixels to cells.
        measured: (rows, columns) of the cells, nW/cm2/sr; NaN where nothing is known.
        guides: day imagery by name, (height, width) float32 of the pixels; NaN where nothing is known.
        rounds: of conservation.
    """

    sensor: Sensor
    measured: np.ndarray
    guides: Mapping[str, np.ndarray]
    rounds: int = ROUNDS

    @cached_property
    def filled(self) -> np.ndarray:
        """The cells, unknown ones as the nearest known one."""
        return filled(self.measured)

    @cached_property
    def bicubic(self) -> np.ndarray:
        """The cells interpolated, without any day imagery, (height, width)."""
        return cubic(self.filled, self.sensor.cells, self.sensor.fine)

    @cached_property
    def nearest(self) -> np.ndarray:
        """Every pixel as its cell, (height, width)."""
        return nearest(self.filled, self.sensor.cells, self.sensor.fine)

    @cached_property
    def start(self) -> np.ndarray:
        """The deblurred lights: interpolated and conserved, without any day imagery, (height, width)."""
        return self.conserved(np.maximum(self.bicubic, FAINTEST / 10))

    @property
    def ratio(self) -> float:
        """Pixels along the edge of a cell."""
        return self.sensor.ratio

    def conserved(self, radiance: np.ndarray) -> np.ndarray:
        """A map that the sensor makes the cells of."""
        return conserve(self.sensor, self.measured, radiance, self.rounds)


def filled(values: np.ndarray) -> np.ndarray:
    """A raster without gaps: unknown pixels are as the nearest known one; 0 where nothing is known at all."""
    from scipy.ndimage import distance_transform_edt

    unknown = ~np.isfinite(values)
    if not unknown.any():
        return values
    if unknown.all():
        return np.zeros_like(values)
    index = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return values[tuple(index)]


def coarser(grid: Grid, factor: int) -> Grid:
    """Whole blocks of pixels, from the north-western corner; what is left over at the other edges is left out."""
    step = grid.resolution * factor
    transform = Affine(step, 0.0, grid.transform.c, 0.0, -step, grid.transform.f)
    return Grid(grid.crs, transform, grid.height // factor, grid.width // factor)


def degraded(
    fine: Grid,
    radiance: np.ndarray,
    guides: Mapping[str, np.ndarray],
    psf: PointSpread,
    factor: int,
    rounds: int = ROUNDS,
) -> tuple[Task, np.ndarray]:
    """The task of finding a known raster again (Wald et al. 1997), and that raster cut to whole blocks.

    Args:
        fine: of the raster.
        radiance: the truth; what is unknown takes part as its nearest known neighbour, and is unknown in the result.
        guides: on the same pixels.
        psf: of the coarser sensor.
        factor: pixels along the edge of a coarser cell.
        rounds: of conservation.
    """
    cells = coarser(fine, factor)
    whole = fine.window(0, 0, cells.height * factor, cells.width * factor)
    cut = (slice(0, whole.height), slice(0, whole.width))
    sensor = Sensor(whole, cells, psf)
    known = np.isfinite(radiance[cut])
    truth = np.maximum(filled(np.asarray(radiance, np.float64)[cut]), 0.0)
    measured = sensor.forward(truth)
    # Half of a coarser cell must be known.
    measured[sensor.block_mean(known) < 0.5] = np.nan
    task = Task(sensor, measured, {name: values[cut] for name, values in guides.items()}, rounds)
    return task, np.where(known, truth, np.nan)


def with_noise(task: Task, gain: float, floor: float, seed: int) -> Task:
    """The same task, of a noisier sensor.

    Args:
        task: whose cells are changed.
        gain: standard deviation of a cell's gain, as a share.
        floor: standard deviation of what is added, nW/cm2/sr.
        seed: of the noise.
    """
    noise = np.random.default_rng(seed).standard_normal((2, *task.measured.shape))
    return dataclasses.replace(task, measured=task.measured * (1 + gain * noise[0]) + floor * noise[1])
