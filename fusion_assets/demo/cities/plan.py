"""Where cities lie, and which zones are where in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine

from fusion_assets.demo.cities.look import Look
from fusion_assets.demo.cities.recipes import RECIPES
from fusion_assets.demo.frame import PIXEL
from fusion_assets.demo.land import Field, noise, stream

STEP = 10.0
"""Edge of a pixel, metres."""
SIDE = 360
"""Pixels along the edge of a city."""
LATTICE = 10
"""Pixels between neighbouring patches."""
_CLUMPS = 4
"""Along the edge of a city."""
_FIRST_ZONE, _FIRST_NORTHING, _NORTHWARD = 31, 2_000_000.0, 300_000.0


@dataclass(frozen=True)
class City:
    """A square of `SIDE` pixels in a UTM zone.

    Attributes:
        name: says that it is synthetic.
        epsg: code of its UTM zone.
        west: easting of the western edge, metres, a multiple of 100.
        north: northing of the northern edge, likewise.
        held_out: whether it validates and tests.
    """

    name: str
    epsg: int
    west: float
    north: float
    held_out: bool

    @property
    def transform(self) -> Affine:
        """Of its pixels."""
        return Affine(STEP, 0, self.west, 0, -STEP, self.north)

    @property
    def crs(self) -> str:
        """Authority string of its UTM zone."""
        return f"EPSG:{self.epsg}"


@dataclass(frozen=True)
class Plan:
    """Zones of a city.

    Attributes:
        zone: (row, col) index of the zone, 0 to 16, uint8.
        clump: (row, col) number of the piece of ground that is of one zone throughout.
        zones: (clump,) index of its zone.
    """

    zone: npt.NDArray[np.uint8]
    clump: npt.NDArray[np.intp]
    zones: npt.NDArray[np.uint8]


def cities_of(count: int) -> tuple[City, ...]:
    """The cities of an exam; the second half is held out. Each lies by itself, far from the others."""
    return tuple(
        City(
            name=f"synthetic-{number + 1:02d}",
            epsg=32600 + _FIRST_ZONE + number % 20,
            west=500_000.0 - SIDE * STEP / 2,
            north=_FIRST_NORTHING + _NORTHWARD * (number % 12),
            held_out=number >= count - count // 2,
        )
        for number in range(count)
    )


def grain(rng: np.random.Generator, shape: tuple[int, int], length_m: float, smooth: float = 1.5) -> Field:
    """`land.noise` on pixels of `STEP`, its length in metres."""
    return noise(rng, shape, length_m / 1000 * PIXEL / STEP, smooth)


def plan_of(seed: int, city: City, look: Look) -> Plan:
    """Draw the zones of a city: clumps of about 900 m around points of a loose lattice, with winding borders."""
    from scipy.spatial import KDTree

    rng = stream(seed, "city", city.name, "plan")
    edge = SIDE / _CLUMPS
    centres = (np.indices((_CLUMPS, _CLUMPS)).reshape(2, -1).T + 0.5 + rng.uniform(-0.25, 0.25, (_CLUMPS**2, 2))) * edge
    places = np.indices((SIDE, SIDE), np.float32) + 3 * np.stack([grain(rng, (SIDE, SIDE), 150) for _ in range(2)])
    clump = KDTree(centres).query(places.reshape(2, -1).T)[1].reshape(SIDE, SIDE)
    zones = _zones(rng, look.priors, len(centres))
    return Plan(zones[clump], clump, zones)


def _zones(rng: np.random.Generator, priors: Field, clumps: int) -> npt.NDArray[np.uint8]:
    """A zone for each clump: as frequent as the priors say, but for rounding, which chance decides."""
    wanted = priors.astype(np.float64) / priors.sum() * clumps
    count = np.floor(wanted).astype(int)
    rest = wanted - count + 1e-9
    more = rng.choice(len(RECIPES), clumps - count.sum(), replace=False, p=rest / rest.sum())
    count[more] += 1
    return rng.permutation(np.repeat(np.arange(len(RECIPES), dtype=np.uint8), count))
