"""What stands in a square: water, plants, settlements of many sizes, roads, and bright places where nobody lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fusion_assets.demo.frame import PIXEL
from fusion_assets.demo.land import Field, ramp, stream
from fusion_assets.demo.settlement import roads, spots
from fusion_assets.demo.squares.place import MARGIN, STEP, Square, grain

_FULL = 0.92
_CROSSINGS = 9
"""Of roads, besides those in towns."""
_ROAD_KM = 0.03
"""Half the width of a road and its verges."""


class Kind(NamedTuple):
    """A kind of bright place: length and width (km), built share, its material, light as median and deviation.

    Light is radiance in nW/cm2/sr over the whole place, log-normal with that deviation of its natural logarithm.
    """

    length: float
    width: float
    built: float
    material: str
    light: float
    deviation: float


KINDS = {
    "airport": Kind(2.6, 0.5, 0.15, "asphalt", 190, 0.3),
    "industry": Kind(0.9, 0.5, 0.70, "metal", 150, 0.9),
    "mine": Kind(1.1, 0.9, 0.02, "gravel", 45, 0.8),
    "greenhouses": Kind(0.9, 0.6, 0.04, "glass", 110, 0.6),
    # Real emission reaches 39,902 nW/cm2/sr over 250 m.
    "flare": Kind(0.3, 0.3, 0.10, "gravel", 6000, 0.3),
}


@dataclass(frozen=True)
class Ground:
    """Fields on a square's pixels with margin; shares are of the pixel.

    Attributes:
        square: where.
        built: share of buildings and sealed land.
        road: distance to the nearest road, km.
        water: share of water.
        bed: share of gravel of the river.
        forest: share of trees.
        crop: share of fields.
        power: light per built share, relative: each settlement's own near it.
        sites: light of bright places, nW/cm2/sr.
        materials: share of asphalt, metal, gravel and glass of bright places.
    """

    square: Square
    built: Field
    road: Field
    water: Field
    bed: Field
    forest: Field
    crop: Field
    power: Field
    sites: Field
    materials: dict[str, Field]


def build_ground(seed: int, square: Square) -> Ground:
    """Draw a square of a seed."""
    shape, character = square.shape, square.character
    water, bed = _waters(seed, square)
    rng = stream(seed, "square", square.name, "ground")
    wooded = ramp(grain(rng, shape, 1.2) + character.forest, 0.2, 1.0)
    buildable = ((1 - water) * (1 - 0.95 * bed) * (1 - 0.8 * wooded)).astype(np.float32)
    built, power, road = _settled(seed, square, buildable)
    sites, covered, materials = _sites(seed, square, buildable)
    built = np.where(covered > 0, covered, built) * (1 - water)
    materials = {name: share * (1 - water) for name, share in materials.items()}
    left = np.clip(1 - water - built - sum(materials.values()), 0, 1)
    paved = 0.5 * (road < _ROAD_KM) * left
    materials["asphalt"] = materials["asphalt"] + paved
    bed = np.minimum(bed, left - paved)
    left = left - paved - bed
    forest = left * np.clip(0.92 * wooded, 0, 1)
    crop = (left - forest) * np.clip(0.75 + 0.18 * grain(rng, shape, 0.25), 0, 1)
    single = {"built": built, "road": road, "water": water, "bed": bed, "forest": forest, "crop": crop, "power": power}
    return Ground(
        square=square,
        sites=sites.astype(np.float32),
        materials={name: share.astype(np.float32) for name, share in materials.items()},
        **{name: field.astype(np.float32) for name, field in single.items()},
    )


def _waters(seed: int, square: Square) -> tuple[Field, Field]:
    """Share of water and of the river's gravel bed."""
    rng, shape = stream(seed, "square", square.name, "water"), square.shape
    width = square.character.river
    bend = 1.6 * grain(rng, (shape[0], 8), 3, 2.0)[:, 4] + 0.15 * grain(rng, (shape[0], 8), 0.5, 2.0)[:, 4]
    axis = rng.uniform(0.35, 0.65) * shape[1] * STEP / 1000 + bend
    away = np.abs((np.arange(shape[1]) + 0.5)[None, :] * STEP / 1000 - axis[:, None])
    river = 1 - ramp(away - width / 2, -0.04, 0.04)
    bed = (1 - ramp(away - width * 0.75, -0.05, 0.05)) * (1 - river)
    lake = ramp(grain(rng, shape, 0.9, 2.0), 2.6, 2.7) * square.character.lake
    return np.maximum(river, lake).astype(np.float32), (bed * (1 - lake)).astype(np.float32)


def _settled(seed: int, square: Square, buildable: Field) -> tuple[Field, Field, Field]:
    """Built share, light per built share, and distance to the nearest road (km)."""
    rng, shape, character = stream(seed, "square", square.name, "places"), square.shape, square.character
    rows, cols = np.indices(shape, dtype=np.float32)
    middle = (shape[0] - 1) / 2
    near = np.exp(-((rows - middle) ** 2 + (cols - middle) ** 2) / (2 * (0.5 * MARGIN) ** 2))
    # `spots` and `roads` count pixels of the demo region.
    larger = PIXEL / STEP
    centres = spots(rng, buildable * near, 1, 0) if character.city else []
    centres = centres + spots(rng, buildable, character.towns, 2.5 * larger)
    crossings = spots(rng, buildable, _CROSSINGS, 3.0 * larger)
    road = roads(rng, [*centres, *crossings], shape) / larger
    villages = spots(rng, buildable * (0.2 + np.exp(-road / 0.8)), character.villages, 0.7 * larger)
    crooked = np.exp(0.22 * grain(rng, shape, 0.9))
    density = 0.4 * np.exp(-road / 0.09) * ramp(grain(rng, shape, 0.8), 0.0, 1.4)
    total = np.full(shape, 0.02, np.float32)
    power = total.copy()
    for number, (row, col) in enumerate([*centres, *villages]):
        if number == 0 and character.city:
            radius, core = character.city, 1.5
        elif number < len(centres):
            radius, core = rng.lognormal(-0.25, 0.35), rng.uniform(0.7, 1.1)
        else:
            radius, core = rng.lognormal(-1.3, 0.4), rng.uniform(0.3, 0.8)
        near = core * np.exp(-np.hypot(rows - row, cols - col) * STEP / 1000 * crooked / radius)
        density += near
        total += near
        power += near * rng.lognormal(0, 0.3)
    # Blocks and streets, and parks.
    density *= np.exp(0.45 * grain(rng, shape, 0.1) + 0.25 * grain(rng, shape, 0.5) - 0.13)
    density *= buildable * (1 - 0.95 * ramp(grain(rng, shape, 0.3), 1.7, 2.0))
    return _FULL * (1 - np.exp(-density / _FULL)), power / total, road


def _sites(seed: int, square: Square, buildable: Field) -> tuple[Field, Field, dict[str, Field]]:
    """Light of bright places, their built share (0 where there are none), and shares of their materials."""
    rng, shape = stream(seed, "square", square.name, "sites"), square.shape
    light, built = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    materials = {kind.material: np.zeros(shape, np.float32) for kind in KINDS.values()}
    rows, cols = np.indices(shape, dtype=np.float32)
    inside = np.zeros(shape, np.float32)
    # Most lie in the square, where they can be learnt; their light still leaves it.
    inside[square.inner(20)] = 1
    for name, count in square.character.sites.items():
        kind = KINDS[name]
        for row, col in spots(rng, buildable * inside, count, 2.0 * PIXEL / STEP):
            angle = rng.uniform(0, np.pi)
            along = (rows - row) * np.cos(angle) + (cols - col) * np.sin(angle)
            across = (rows - row) * np.sin(angle) - (cols - col) * np.cos(angle)
            size = rng.uniform(0.8, 1.2) * 1000 / STEP
            there = (np.abs(along) < kind.length / 2 * size) & (np.abs(across) < kind.width / 2 * size)
            light[there] = kind.light * rng.lognormal(0, kind.deviation) * rng.lognormal(-0.125, 0.5, there.sum())
            built[there] = kind.built
            for material, share in materials.items():
                share[there] = (0.9 - kind.built) if material == kind.material else 0
    return light, built, materials
