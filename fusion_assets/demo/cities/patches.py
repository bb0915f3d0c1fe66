"""Patches of a city as people label them: in clumps, mostly right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.cities.echo import radar
from fusion_assets.demo.cities.look import look_of
from fusion_assets.demo.cities.plan import LATTICE, SIDE, City, Plan, plan_of
from fusion_assets.demo.cities.recipes import BUILT, RECIPES
from fusion_assets.demo.cities.sight import numbers, reflectance
from fusion_assets.demo.cities.surface import surface_of
from fusion_assets.demo.land import stream

PIXELS = 32
"""Along the edge of a patch."""
_PURE = 0.9
"""Share of a patch that must be of one zone to be labelled."""
_MOST = 36
"""Patches of a clump."""
_WRONG_CLUMPS, _WRONG_PATCHES = 0.08, 0.05


@dataclass(frozen=True)
class Patches:
    """Of a city.

    Attributes:
        rows: (patch,) of the pixels right below the centres.
        cols: (patch,) of the pixels right of them.
        labels: (patch,) indices of zones, as people say.
        true: (patch,) indices of zones, as it is.
        radar: of the whole city, (row, col, 8) float32.
        optics: of the whole city, (row, col, 10) digital numbers.
    """

    rows: npt.NDArray[np.intp]
    cols: npt.NDArray[np.intp]
    labels: npt.NDArray[np.uint8]
    true: npt.NDArray[np.uint8]
    radar: npt.NDArray[np.float32]
    optics: npt.NDArray[np.uint16]


def patches_of(seed: int, city: City, shift: float, noise: bool) -> Patches:
    """Draw a city, see it, and label what is in it.

    Args:
        seed: of the exam.
        city: which.
        shift: how unlike the others it is.
        noise: whether some labels are wrong: of 8 % of all clumps, and of 5 % of all patches.
    """
    look = look_of(seed, city.name, shift)
    plan = plan_of(seed, city, look)
    surface = surface_of(seed, city, plan, look)
    rows, cols, clumps = _chosen(stream(seed, "city", city.name, "patches"), plan)
    true = plan.zones[clumps]
    labels = _labels(stream(seed, "city", city.name, "labels"), plan, clumps) if noise else true
    seen = reflectance(stream(seed, "city", city.name, "sight"), surface, look)
    return Patches(
        rows,
        cols,
        labels,
        true,
        radar=radar(stream(seed, "city", city.name, "echo"), surface, look),
        optics=np.moveaxis(numbers(seen), 0, -1),
    )


def cut(image: npt.NDArray, row: int, col: int) -> npt.NDArray:
    """The patch of an image (row, col, channel) around a centre."""
    half = PIXELS // 2
    return image[row - half : row + half, col - half : col + half]


def _chosen(
    rng: np.random.Generator, plan: Plan
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows, columns and clumps of patches that lie mostly in the clump of their centre."""
    line = np.arange(2 * LATTICE, SIDE - PIXELS // 2, LATTICE)
    rows, cols = (each.ravel() for each in np.meshgrid(line, line, indexing="ij"))
    clumps = plan.clump[rows, cols]
    pure = [(cut(plan.zone, row, col) == plan.zone[row, col]).mean() for row in line.tolist() for col in line.tolist()]
    kept = np.array(pure) >= _PURE
    order = rng.permutation(np.flatnonzero(kept))
    place = np.empty(len(order), np.intp)
    for clump in range(len(plan.zones)):
        here = np.flatnonzero(clumps[order] == clump)
        place[here] = np.arange(len(here))
    chosen = np.sort(order[place < _MOST])
    return rows[chosen], cols[chosen], clumps[chosen]


def _labels(rng: np.random.Generator, plan: Plan, clumps: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """Zones as people say: some clumps, and some patches besides, are taken for another zone of the same kind."""
    said = plan.zones.copy()
    for share, which in ((_WRONG_CLUMPS, None), (_WRONG_PATCHES, clumps)):
        said = said if which is None else said[which]
        wrong = rng.permutation(len(said))[: round(share * len(said))]
        said[wrong] = _mistaken(rng, said[wrong])
    return said


def _mistaken(rng: np.random.Generator, zones: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Another zone for each: built for built, natural for natural."""
    first, kinds = np.where(zones < BUILT, 0, BUILT), np.where(zones < BUILT, BUILT, len(RECIPES) - BUILT)
    return (first + (zones - first + rng.integers(1, kinds)) % kinds).astype(np.uint8)
