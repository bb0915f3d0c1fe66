"""Where the four squares lie and how they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer

from fusion_assets.demo.catalog import footprint
from fusion_assets.demo.frame import PIXEL, Frame
from fusion_assets.demo.land import Field, noise

YEAR = 2022
"""Of all that is known of the squares: the first whole year of Landsat 9."""
STEP = 60.0
"""Edge of a pixel, metres; the squares' edges are multiples of it."""
SIDE = 268
"""Pixels along the edge of a square: 16.08 km."""
MARGIN = 108
"""Pixels simulated beyond each edge: ten cells of VIIRS, and all that shines into them."""
_ASIDE_KM, _BEYOND_KM = 50, 49
"""Centres east and west of the region's middle, and north or south of its edges."""

_INSET = 10
"""Metres; more than edges bow between degrees and the zone, less than half a pixel."""


@dataclass(frozen=True)
class Character:
    """What makes a square unlike the others.

    Attributes:
        city: radius over which density falls to a third, km; 0 for none.
        towns: how many.
        villages: how many.
        power: light per built share, relative.
        dark: share of the built-up land that stands in quarters without light.
        lit_roads: light of roads outside settlements, nW/cm2/sr.
        sites: bright places by kind (`ground.KINDS`).
        river: width of its water, km.
        lake: 0 for none to 1 for many.
        forest: how far woods prevail over fields; 0 is even.
    """

    city: float
    towns: int
    villages: int
    power: float
    dark: float
    lit_roads: float
    sites: Mapping[str, int]
    river: float
    lake: float
    forest: float


CHARACTERS = {
    "radiance_city": Character(
        2.4, 4, 40, 1.15, 0.04, 2.0, {"airport": 1, "industry": 5, "greenhouses": 1, "mine": 1}, 0.25, 0.3, -0.4
    ),
    "radiance_towns": Character(
        0.0, 10, 80, 1.0, 0.05, 0.8, {"airport": 1, "industry": 4, "greenhouses": 3, "mine": 2}, 0.12, 0.5, 0.1
    ),
    "radiance_river": Character(0.0, 3, 110, 0.75, 0.06, 0.0, {"industry": 2, "mine": 3, "flare": 1}, 0.9, 1.0, 0.4),
    "radiance_reserved": Character(
        1.7, 4, 60, 0.8, 0.2, 0.3, {"airport": 1, "industry": 3, "greenhouses": 1, "mine": 2}, 0.4, 0.6, 0.0
    ),
}
"""Three squares to learn from, and one, with much of it dark, that is reserved."""
_SIDES = {
    "radiance_city": (-1, 1),
    "radiance_towns": (1, 1),
    "radiance_river": (-1, -1),
    "radiance_reserved": (1, -1),
}
"""East or west, and north or south."""


@dataclass(frozen=True)
class Square:
    """A square of `SIDE` pixels in the UTM zone of the region.

    Attributes:
        name: of the region in a study.
        crs: authority string of the UTM zone.
        west: easting of the western edge, metres, a multiple of `STEP`.
        north: northing of the northern edge, likewise.
    """

    name: str
    crs: str
    west: float
    north: float

    @property
    def character(self) -> Character:
        """What makes it unlike the others."""
        return CHARACTERS[self.name]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres of `crs`."""
        edge = SIDE * STEP
        return self.west, self.north - edge, self.west + edge, self.north

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of pixels with margin."""
        return SIDE + 2 * MARGIN, SIDE + 2 * MARGIN

    def inner(self, more: int = 0) -> tuple[slice, slice]:
        """The square, and `more` pixels around it, in an array with margin."""
        side = slice(MARGIN - more, MARGIN + SIDE + more)
        return side, side

    def transform(self, more: int = 0) -> Affine:
        """Of the square's pixels and `more` around it."""
        return Affine(STEP, 0, self.west - more * STEP, 0, -STEP, self.north + more * STEP)

    def lonlat(self) -> tuple[float, float]:
        """Of the centre, degrees east and north."""
        west, south, east, north = self.bounds
        to_degrees = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform((west + east) / 2, (south + north) / 2)
        return float(lon), float(lat)

    def rows_cols(self, lon: npt.NDArray, lat: npt.NDArray) -> npt.NDArray:
        """Fractional row and column, with margin, of places in degrees (pixel centres are whole numbers)."""
        x, y = Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(lon, lat)
        edge = MARGIN * STEP
        return np.stack([(self.north + edge - y) / STEP - 0.5, (x - self.west + edge) / STEP - 0.5])

    def region(self) -> dict[str, Any]:
        """As a study states it: an outline a little inside the edges, whose grid of `STEP` is the truth's."""
        west, south, east, north = self.bounds
        low, high = (west + _INSET, south + _INSET), (east - _INSET, north - _INSET)
        corners = [low, (high[0], low[1]), high, (low[0], high[1])]
        return {"name": self.name, "crs": self.crs, "geometry": footprint(self.crs, corners)}


def squares_beside(frame: Frame) -> tuple[Square, ...]:
    """The squares of an archive, at least 40 km from its region and from each other."""
    west, south, east, north = frame.bounds
    half = SIDE * STEP / 2
    squares = []
    for name, (right, up) in _SIDES.items():
        x = (west + east) / 2 + right * _ASIDE_KM * 1000
        y = north + _BEYOND_KM * 1000 if up > 0 else south - _BEYOND_KM * 1000
        squares.append(Square(name, frame.crs, STEP * round((x - half) / STEP), STEP * round((y + half) / STEP)))
    return tuple(squares)


def grain(rng: np.random.Generator, shape: tuple[int, int], length_km: float, smooth: float = 1.5) -> Field:
    """`land.noise` on pixels of `STEP`."""
    return noise(rng, shape, length_km * PIXEL / STEP, smooth)
