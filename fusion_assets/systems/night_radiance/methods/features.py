"""What a learnt method sees of a pixel: day imagery and the deblurred lights, there and around.

Sizes are shares of a cell: what is learnt of the cells themselves, one scale up, then holds for pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.night_radiance.task import FAINTEST, filled

if TYPE_CHECKING:
    from fusion_assets.systems.night_radiance.task import Task

WINDOWS = (0.75, 1.25, 2.25)
"""Edges of the squares that means are taken of, in cells."""
LIGHTS = 4
"""How many of the features are made of lights; they come first."""
_ROWS = 256


def windows(ratio: float) -> list[int]:
    """Edges of the squares in pixels, odd and at least 3."""
    return [max(3, 2 * round((share * ratio - 1) / 2) + 1) for share in WINDOWS]


def logarithm(radiance: np.ndarray) -> np.ndarray:
    """Logarithm that noise does not move."""
    return np.log(np.maximum(radiance, 0.0) + 2 * FAINTEST)


def names(guides: list[str]) -> list[str]:
    """Names of the features, in their order."""
    lights = ["start", *(f"start_{share:g}" for share in WINDOWS[::2]), "start_to_bicubic"]
    return lights + [f"{guide}{what}" for guide in guides for what in ("", "_detail", *(f"_{w:g}" for w in WINDOWS))]


def features(task: Task, rows: slice) -> np.ndarray:
    """(pixels of the rows, features) float32, in the order of `names`.

    Args:
        task: its start is made, if it has not been.
        rows: of the pixels.
    """
    edges = windows(task.ratio)
    halo = max(edges) // 2
    height = task.sensor.fine.height
    first, last = max(0, rows.start - halo), min(height, rows.stop + halo)
    inner = slice(rows.start - first, rows.stop - first)

    def mean(plane: np.ndarray, edge: int) -> np.ndarray:
        from scipy.ndimage import uniform_filter

        return uniform_filter(plane, edge, mode="nearest")[inner]

    start = task.start[first:last]
    lights = logarithm(start[inner])
    planes = [lights, *(logarithm(mean(start, edge)) for edge in edges[::2])]
    planes.append(lights - logarithm(task.bicubic[rows]))
    for guide in task.guides.values():
        plane = filled(np.asarray(guide[first:last], np.float64))
        means = [mean(plane, edge) for edge in edges]
        planes += [plane[inner], plane[inner] - means[1], *means]
    return np.stack(planes, axis=-1).reshape(-1, len(planes)).astype(np.float32)


def strips(height: int) -> Iterator[slice]:
    """Rows that are looked at together, from north to south."""
    for first in range(0, height, _ROWS):
        yield slice(first, min(first + _ROWS, height))
