"""From a region's cells and day imagery to its fine radiance, and what conservation and interval come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.cells import dark
from fusion_assets.systems.night_radiance.examples import FACTOR, Place
from fusion_assets.systems.night_radiance.guides import complete, on_cells
from fusion_assets.systems.night_radiance.intervals import bounds, widened
from fusion_assets.systems.night_radiance.methods import trees, unet
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY, Answer
from fusion_assets.systems.night_radiance.sensor import MOST_ROUNDS, PointSpread, Sensor, conserve
from fusion_assets.systems.night_radiance.task import Task

FULL_WIDTH = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian, in its standard deviations."""
DARKEST_MOST = 1.0
"""nW/cm2/sr that a pixel of a dark cell has at most."""
FURTHEST_FROM_CELLS = 0.04
"""Sum of absolute differences between cells and what the sensor makes of the map, by their sum: less is aimed at."""
_MORE_ROUNDS = 5
BLOCK = 12
"""Edge of the blocks that are resampled, in cells."""
_SPLIT = 3


def psf_of(footprint: float) -> PointSpread:
    """The spread of a sensor with this full width at half maximum, metres."""
    return PointSpread((footprint / FULL_WIDTH,))


def place_of(name: str, cells: Grid, radiance: np.ndarray, guides: Mapping[str, np.ndarray], fine: Grid) -> Place:
    """A region as what methods are learnt from: cells that lights and day imagery are both known in.

    Args:
        name: of the region.
        cells: the product's lattice around it.
        radiance: on the cells, nW/cm2/sr.
        guides: on the fine grid.
        fine: of the region.

    Raises:
        FusionError: day imagery is known nowhere.
    """
    averaged = on_cells(guides, fine, cells)
    known = np.isfinite(radiance) & np.all([np.isfinite(guide) for guide in averaged.values()], axis=0)
    if not known.any():
        raise FusionError(
            f"{name} has no cell with both lights and clear day imagery",
            "some observation in most of the region",
            "look at landsat_composite and radiance_cells of this region",
        )
    # What is around the region is not learnt from, but what is within is seen from there.
    rows, columns = np.nonzero(known)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    part = cells.window(int(rows.min()), int(columns.min()), *known[box].shape)
    down, right = np.indices(known[box].shape)
    block = np.where(known[box], down // BLOCK * 1000 + right // BLOCK, -1)
    return Place(
        name, part, np.asarray(radiance[box], float), complete({k: v[box] for k, v in averaged.items()}), block
    )


def task_of(
    fine: Grid, cells: Grid, radiance: np.ndarray, guides: Mapping[str, np.ndarray], footprint: float, rounds: int
) -> Task:
    """The task of a region's own map."""
    split = 1 if fine.resolution < 100 else _SPLIT
    return Task(Sensor(fine, cells, psf_of(footprint), split), np.asarray(radiance, float), complete(guides), rounds)


def answer_of(document: Mapping[str, Any]) -> Answer:
    """What a stored model answers with."""
    return lambda task: _answered(task, document)[0]


def _answered(task: Task, document: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray | float]:
    """What a stored model answers, and how far its networks disagree: a standard deviation of logarithms."""
    if document["method"] == "trees":
        return task.conserved(trees.from_dict(document["trees"]).radiance(task)), 0.0
    if document["method"] == "unet":
        radiance, disagreement = unet.from_arrays(document["unet"]).answered(task)
        return task.conserved(radiance), disagreement
    return METHODS[document["method"]].fit([], 0)(task), 0.0


def fine_map(task: Task, document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The fine radiance and what it is worth, (height, width) float32 each.

    Args:
        task: of the region.
        document: the stored model: `method`, `spread`, `growth`, and trees or networks where it is them.

    Returns:
        `radiance`, `low` and `high` (nW/cm2/sr), and `imagery_effect` (logarithm of what day imagery multiplied the
        deblurred lights by).
    """
    answer, disagreement = _answered(task, document)
    radiance = with_total(task, darkened(task, near_cells(task, answer)))
    start = task.start if document["method"] != NO_IMAGERY else radiance
    scale = max(1.0, task.ratio / FACTOR) ** document["growth"]
    low, high = widened(radiance, *bounds(radiance, document["spread"], scale), disagreement)
    effect = np.log((radiance + 0.1) / (start + 0.1))
    bands = {"radiance": radiance, "low": low, "high": high, "imagery_effect": effect}
    return {name: values.astype(np.float32) for name, values in bands.items()}


def darkened(task: Task, radiance: np.ndarray) -> np.ndarray:
    """A map without pixels that stand out where the product sees nothing: noise is not a lamp.

    What is taken from pixels of dark cells goes to all others, so that the region keeps its total.
    """
    from fusion_assets.systems.night_radiance.resampling import nearest

    where = nearest(dark(task.measured).astype(float), task.sensor.cells, task.sensor.fine) > 0.5
    # A little less, for the total is restored by a factor.
    most = 0.999 * DARKEST_MOST
    capped = np.where(where, np.minimum(radiance, most), radiance)
    lit, lost = capped[~where].sum(), radiance.sum() - capped.sum()
    return np.where(where, capped, capped * (1 + lost / lit)) if lit > 0 else capped


def near_cells(task: Task, radiance: np.ndarray) -> np.ndarray:
    """A map with more rounds of conservation where those chosen leave it too far from the cells."""
    for _ in range(task.rounds, MOST_ROUNDS, _MORE_ROUNDS):
        if conservation(task, radiance)["cells"] <= FURTHEST_FROM_CELLS:
            break
        radiance = conserve(task.sensor, task.measured, radiance, _MORE_ROUNDS)
    return radiance


def with_total(task: Task, radiance: np.ndarray) -> np.ndarray:
    """A map whose sum over known cells is theirs: some light crosses the edge of a gap while it is shared out."""
    seen = _sum_of_known(task, radiance)
    return radiance * (_sum_measured(task) / seen) if seen > 0 else radiance


def _sum_of_known(task: Task, radiance: np.ndarray) -> float:
    return float((task.sensor.block_mean(radiance) * task.sensor.pixels)[np.isfinite(task.measured)].sum())


def _sum_measured(task: Task) -> float:
    return float((np.maximum(np.nan_to_num(task.measured), 0.0) * task.sensor.pixels).sum())


def conservation(task: Task, radiance: np.ndarray) -> dict[str, float]:
    """How far a map is from the product.

    Returns:
        `total`: the map's sum in known cells by theirs, minus 1; `cells`: the sum of absolute differences between the
        cells that the sensor makes of it and those measured, by their sum.
    """
    known = np.isfinite(task.measured) & (task.sensor.pixels >= 0.99 * task.sensor.pixels.max())
    wanted = np.maximum(np.nan_to_num(task.measured), 0.0)
    total = _sum_measured(task)
    return {
        "total": _sum_of_known(task, radiance) / total - 1 if total else 0.0,
        "cells": float(np.abs(task.sensor.forward(radiance) - wanted)[known].sum() / max(wanted[known].sum(), 1e-12)),
    }
