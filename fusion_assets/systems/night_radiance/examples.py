"""Tasks whose answer is known: the product's own cells, found again from coarser ones (Wald et al. 1997)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.sensor import ROUNDS, PointSpread, pixel_metres
from fusion_assets.systems.night_radiance.task import Task, degraded, with_noise

FACTOR = 4
SPREAD = 0.5
"""Deviation of the point spread function, in coarser cells."""
COPIES = 3
_GAIN, _FLOOR, _NARROWEST, _WIDEST = 0.03, 0.05, 0.7, 1.4


@dataclass(frozen=True)
class Place:
    """A region's cells with what day imagery tells of them.

    Attributes:
        name: of the region.
        cells: their grid.
        radiance: (rows, columns), nW/cm2/sr; NaN where nothing is known.
        guides: day imagery on the cells by name.
        block: (rows, columns) of the blocks that are held out together; -1 where nothing may be learnt.
    """

    name: str
    cells: Grid
    radiance: np.ndarray
    guides: Mapping[str, np.ndarray]
    block: np.ndarray


@dataclass(frozen=True)
class Example:
    """A task and its answer.

    Attributes:
        task: from coarser cells to the product's own.
        truth: (height, width), nW/cm2/sr; NaN where unknown.
        usable: which pixels may be learnt from.
    """

    task: Task
    truth: np.ndarray
    usable: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Pixels that may be learnt from and have an answer, bool."""
        return self.usable & np.isfinite(self.truth)

    def without(self, left_out: np.ndarray) -> Example:
        """The same with fewer pixels to learn from."""
        return dataclasses.replace(self, usable=self.usable & ~left_out)


def wald_psf(cells: Grid, factor: int = FACTOR) -> PointSpread:
    """The spread of the coarser sensor."""
    height, width = pixel_metres(cells)
    return PointSpread((SPREAD * factor * (height * width) ** 0.5,))


def examples_of(
    place: Place, factor: int = FACTOR, rounds: int = ROUNDS, copies: int = COPIES, seed: int = 0
) -> list[Example]:
    """A place's example, and copies of it by other sensors: spread by 0.7 to 1.4 of what is assumed, and with noise."""
    chance = np.random.default_rng(seed)
    psf = wald_psf(place.cells, factor)
    assumed, truth = degraded(place.cells, place.radiance, place.guides, psf, factor, rounds)
    usable = (place.block >= 0)[: truth.shape[0], : truth.shape[1]]
    examples = [Example(assumed, truth, usable)]
    for copy in range(copies):
        spread = psf.wider(chance.uniform(_NARROWEST, _WIDEST))
        task, _ = degraded(place.cells, place.radiance, place.guides, spread, factor, rounds)
        noisy = with_noise(task, _GAIN, _FLOOR, seed + copy)
        # Whoever uses it assumes the sensor that is believed in.
        examples.append(Example(dataclasses.replace(assumed, measured=noisy.measured), truth, usable))
    return examples
