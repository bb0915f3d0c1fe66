"""The sensor of night lights as a linear operator: from radiance on fine pixels to the cells that a product has.

A cell is the mean of its pixels after the point spread function. What is lost on the way is not in the product, so that
a fine map is right only as far as this operator makes the product of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import from_lonlat, to_lonlat
from fusion_assets.grids.grid import Grid

METRES_PER_DEGREE = 111_320.0
_ROWS = 512
"""Rows of pixels that are located at once."""
_TRUNCATE = 4.0
"""Deviations after which a Gaussian ends."""
ROUNDS, MOST_ROUNDS = 5, 30


@dataclass(frozen=True)
class PointSpread:
    """A point spread function: a mixture of round Gaussians on the ground.

    Attributes:
        sigmas: standard deviations, metres.
        weights: of each, summing to 1.

    Raises:
        FusionError: no Gaussian, one without width, or weights that do not sum to 1.
    """

    sigmas: tuple[float, ...]
    weights: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        sound = len(self.sigmas) == len(self.weights) > 0 and all(0 <= each < math.inf for each in self.sigmas)
        if not (sound and min(self.weights) >= 0 and math.isclose(sum(self.weights), 1.0, abs_tol=1e-6)):
            raise FusionError(
                f"a point spread function of sigmas {self.sigmas} m and weights {self.weights}",
                "as many widths as weights, widths of 0 m or more, weights that sum to 1",
                "give for example sigmas (315,) and weights (1,)",
            )

    def wider(self, factor: float) -> PointSpread:
        """The same, so many times as wide."""
        return PointSpread(tuple(sigma * factor for sigma in self.sigmas), self.weights)

    @property
    def reach(self) -> float:
        """Metres after which nothing is spread."""
        return _TRUNCATE * max(self.sigmas)


@dataclass(frozen=True)
class Sensor:
    """From radiance on a fine grid to the cells of a product, and its adjoint.

    `forward` spreads light by the point spread function, which loses none at the edges (they reflect), and takes the
    mean of the pixels of each cell. A pixel belongs to the cells that the middles of its split x split parts lie in.

    Attributes:
        fine: the map's pixels, any CRS.
        cells: the product's, any CRS.
        psf: on the ground.
        split: parts of a pixel's edge that are given to cells one by one; 1 where cells consist of whole pixels.
    """

    fine: Grid
    cells: Grid
    psf: PointSpread
    split: int = 1

    def forward(self, radiance: np.ndarray) -> np.ndarray:
        """What the product's cells measure, (rows, columns) of `cells` float64; 0 where no pixel lies in a cell.

        Args:
            radiance: (height, width) of `fine`, nW/cm2/sr.
        """
        return self._sums(self.spread(np.asarray(radiance, np.float64))) / np.maximum(self.pixels, 1e-12)

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """Cells brought back to pixels: <forward(x), y> is <x, this>, up to rounding, for every x and y.

        Args:
            values: (rows, columns) of `cells`.
        """
        scaled = np.asarray(values, np.float64) / np.maximum(self.pixels, 1e-12)
        shared = np.zeros(self.fine.shape)
        for index in self._cell_of_parts:
            shared += np.append(scaled, 0.0)[index]
        return self.spread(shared / len(self._cell_of_parts))

    @cached_property
    def pixels(self) -> np.ndarray:
        """Pixels of the fine grid in each cell, (rows, columns) float64."""
        return self._sums(np.ones(self.fine.shape))

    @cached_property
    def ratio(self) -> float:
        """Pixels along the edge of a cell, from the areas of both."""
        return math.sqrt(math.prod(pixel_metres(self.cells)) / math.prod(self._pixel_metres))

    def block_mean(self, values: np.ndarray) -> np.ndarray:
        """Mean of the pixels that lie in each cell, without any spread; (rows, columns) of `cells`."""
        return self._sums(np.asarray(values, np.float64)) / np.maximum(self.pixels, 1e-12)

    def spread(self, radiance: np.ndarray) -> np.ndarray:
        """Light after the point spread function, before cells average it, (height, width)."""
        from scipy.ndimage import gaussian_filter

        # Reflection at the edges makes the operator its own adjoint, and keeps every sum.
        total = np.zeros_like(radiance)
        for sigma, weight in zip(self.psf.sigmas, self.psf.weights, strict=True):
            steps = [sigma / metres for metres in self._pixel_metres]
            total += weight * gaussian_filter(radiance, steps, mode="reflect", truncate=_TRUNCATE)
        return total

    def _sums(self, values: np.ndarray) -> np.ndarray:
        count = self.cells.height * self.cells.width
        total = np.zeros(count + 1)
        for index in self._cell_of_parts:
            total += np.bincount(index.ravel(), values.ravel(), count + 1)
        return (total[:-1] / len(self._cell_of_parts)).reshape(self.cells.shape)

    @cached_property
    def _pixel_metres(self) -> tuple[float, float]:
        return pixel_metres(self.fine)

    @cached_property
    def _cell_of_parts(self) -> list[np.ndarray]:
        """Flat index of the cell of each part of each pixel, (height, width) int32 each; behind the last one: none."""
        parts = []
        step = self.fine.resolution
        for down, right in np.ndindex(self.split, self.split):
            offset = [(part + 0.5) / self.split - 0.5 for part in (right, down)]
            x, y = self.fine.centres()
            row, column = _cell_of(x + offset[0] * step, y - offset[1] * step, self.fine.crs, self.cells)
            known = (row >= 0) & (row < self.cells.height) & (column >= 0) & (column < self.cells.width)
            none = self.cells.height * self.cells.width
            parts.append(np.where(known, row * self.cells.width + column, none).astype(np.int32))
        return parts


def _cell_of(x: np.ndarray, y: np.ndarray, crs: str, cells: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the cell that each place of a lattice lies in, each (len(y), len(x)) int64; may lie outside."""
    rows, columns = [], []
    for first in range(0, len(y), _ROWS):
        east, north = np.meshgrid(x, y[first : first + _ROWS])
        if crs != cells.crs:
            east, north = from_lonlat(cells.crs).transform(*to_lonlat(crs).transform(east, north))
        columns.append(np.floor((np.asarray(east) - cells.transform.c) / cells.resolution + 1e-9).astype(np.int32))
        rows.append(np.floor((cells.transform.f - np.asarray(north)) / cells.resolution + 1e-9).astype(np.int32))
    return np.concatenate(rows), np.concatenate(columns)


def pixel_metres(grid: Grid) -> tuple[float, float]:
    """Height and width of a pixel in the middle of a grid, metres."""
    from pyproj import CRS

    step = grid.resolution
    if not CRS.from_user_input(grid.crs).is_geographic:
        return step, step
    middle = grid.transform.f - step * grid.height / 2
    return step * METRES_PER_DEGREE, step * METRES_PER_DEGREE * math.cos(math.radians(middle))


def conserve(sensor: Sensor, measured: np.ndarray, radiance: np.ndarray, rounds: int = ROUNDS) -> np.ndarray:
    """Radiance that the sensor makes the measured cells of, by multiplicative rounds (Richardson 1972, Lucy 1974).

    Each round multiplies every pixel by how much brighter the cells are that it shines into than they should be. The
    result is never negative, and after every round the sum over pixels is that of the cells, weighted by their pixels.

    Args:
        sensor: from pixels to cells.
        measured: cells, nW/cm2/sr; NaN where nothing is known, negative ones count as dark.
        radiance: to begin with, (height, width), nW/cm2/sr; where it is 0 it stays 0.
        rounds: at least 1.
    """
    known = np.isfinite(measured) & (sensor.pixels > 0)
    wanted = np.where(known, np.maximum(np.nan_to_num(measured), 0.0), 0.0)
    weights = np.where(known, sensor.pixels, 0.0)
    shining = sensor.adjoint(weights)
    result = np.maximum(np.asarray(radiance, np.float64), 0.0)
    for _ in range(rounds):
        ratio = wanted / np.maximum(sensor.forward(result), 1e-9)
        # What shines into no known cell is left as it is, as far as it does not.
        result = result * (sensor.adjoint(weights * ratio) + np.maximum(1.0 - shining, 0.0))
    return result
