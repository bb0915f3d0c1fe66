"""Where the places of the two worlds lie."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer

from fusion_assets.demo.catalog import footprint
from fusion_assets.demo.frame import PIXEL, Frame

STEP = 10.0
"""Edge of a pixel, metres."""
SIDE = 480
"""Pixels along the edge of a place: 4.8 km."""
SNAP = 300.0
"""Corners are multiples of this, metres: pixels of 10, 20 and 60 m and cells of 100 m begin there."""
WORLDS = (
    (
        ("pairs_a", 81.0, 27.0),
        ("pairs_b", 81.32, 27.21),
        ("pairs_c", 80.66, 26.72),
        ("pairs_d", 87.0, 27.0),
        ("pairs_e", 87.35, 26.78),
        ("pairs_f", 86.64, 27.24),
    ),
    (
        ("unseen_a", 75.0, 25.0),
        ("unseen_b", 75.33, 25.22),
        ("unseen_c", 74.68, 24.71),
        ("unseen_d", 99.0, 25.0),
        ("unseen_e", 99.34, 24.77),
        ("unseen_f", 98.67, 25.23),
    ),
)
"""Name, longitude and latitude by world: three places in each of two UTM zones, 30 km and more apart, inland."""
_INSET = 2.0
"""Metres; more than edges bow between degrees and the zone, less than half a pixel."""


@dataclass(frozen=True)
class Place:
    """A square of `SIDE` pixels in a UTM zone.

    Attributes:
        name: of the region in a study.
        seed: of everything in it.
        frame: of the land that it shows in miniature.
        west: easting of the western edge, metres, a multiple of `SNAP`.
        north: northing of the northern edge, likewise.
    """

    name: str
    seed: int
    frame: Frame
    west: float
    north: float

    @property
    def crs(self) -> str:
        """Authority string of its UTM zone."""
        return self.frame.crs

    def transform(self, pixels: int) -> Affine:
        """Of a raster with so many pixels along its edges."""
        step = SIDE * STEP / pixels
        return Affine(step, 0, self.west, 0, -step, self.north)

    def outline(self) -> dict[str, Any]:
        """As a study states it: a little inside the edges, so that grids of 10, 20 and 100 m are the scenes' own."""
        edge = SIDE * STEP
        west, east = self.west + _INSET, self.west + edge - _INSET
        south, north = self.north - edge + _INSET, self.north - _INSET
        corners = [(west, south), (east, south), (east, north), (west, north)]
        return {"name": self.name, "crs": self.crs, "geometry": footprint(self.crs, corners)}


def places_of(seed: int, world: int) -> tuple[Place, ...]:
    """All places of a world; each has land of its own."""
    return tuple(_place(seed, name, lon, lat) for name, lon, lat in WORLDS[world])


def _place(seed: int, name: str, lon: float, lat: float) -> Place:
    frame = Frame.at((lon, lat), int(SIDE * PIXEL / 1000))
    x, y = Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True).transform(lon, lat)
    half = SIDE * STEP / 2
    own = zlib.crc32(f"{seed}|{name}".encode())
    return Place(name, own, frame, SNAP * round((x - half) / SNAP), SNAP * round((y + half) / SNAP))


def coarser(values: npt.NDArray, times: int) -> npt.NDArray[np.float32]:
    """Mean of each square of so many pixels, of (..., row, col)."""
    rows, cols = (n // times for n in values.shape[-2:])
    squares = values.reshape(*values.shape[:-2], rows, times, cols, times)
    return squares.mean(axis=(-3, -1), dtype=np.float32)
