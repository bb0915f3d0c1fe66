"""Where the demo archive lies: a square on the 1 km lattice of a UTM zone, and how a study states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer

from fusion_assets.demo.catalog import footprint
from fusion_assets.errors import FusionError

PIXEL = 250.0
"""Edge of a simulated Sentinel-2 pixel, metres."""
CELL = 1000.0
"""Edge of a truth and label cell, metres."""
MARGIN_KM = 4
"""Land simulated beyond each edge of the area, so that light and label windows do not end at it."""


@dataclass(frozen=True)
class Frame:
    """Where the area lies: a square of `size_km` on the 1 km lattice of a UTM zone.

    Attributes:
        crs: authority string of the UTM zone.
        west: easting of the western edge, metres, a multiple of 1000.
        north: northing of the northern edge, metres, a multiple of 1000.
        size_km: edge length.
        lon: longitude of the centre, degrees east.
        lat: latitude of the centre, degrees north.
    """

    crs: str
    west: float
    north: float
    size_km: int
    lon: float
    lat: float

    @classmethod
    def at(cls, place: tuple[float, float], size_km: int) -> Frame:
        """The area around a place (lon, lat in degrees).

        Raises:
            FusionError: the size or the place is outside what can be simulated.
        """
        lon, lat = (float(v) for v in place)
        if not 10 <= size_km <= 200:
            raise FusionError(f"demo size_km = {size_km}", "10 to 200", "choose another size")
        if not (-178 <= lon <= 178 and -60 <= lat <= 60):
            raise FusionError(
                f"demo place = ({lon:g}, {lat:g})",
                "longitude -178 to 178 and latitude -60 to 60, in this order",
                "choose another place",
            )
        crs = f"EPSG:{(32600 if lat >= 0 else 32700) + int((lon + 180) // 6) + 1}"
        x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
        west = round(x / CELL) * CELL - size_km // 2 * CELL
        return cls(crs, west, round(y / CELL) * CELL - size_km // 2 * CELL + size_km * CELL, size_km, lon, lat)

    @property
    def transform(self) -> Affine:
        """Of the 250 m pixels of the area, without margin."""
        return Affine(PIXEL, 0, self.west, 0, -PIXEL, self.north)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres of `crs`."""
        edge = self.size_km * CELL
        return self.west, self.north - edge, self.west + edge, self.north

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of 250 m pixels with margin."""
        n = int((self.size_km + 2 * MARGIN_KM) * CELL / PIXEL)
        return n, n

    @property
    def inner(self) -> tuple[slice, slice]:
        """The area without margin in an array with margin."""
        m = int(MARGIN_KM * CELL / PIXEL)
        n = int(self.size_km * CELL / PIXEL)
        return slice(m, m + n), slice(m, m + n)

    def rows_cols(self, x: npt.NDArray, y: npt.NDArray) -> tuple[npt.NDArray, npt.NDArray]:
        """Fractional row and column, with margin, of projected coordinates (pixel centres are whole numbers)."""
        edge = MARGIN_KM * CELL
        return (self.north + edge - y) / PIXEL - 0.5, (x - self.west + edge) / PIXEL - 0.5

    def to_lonlat(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[npt.NDArray, npt.NDArray]:
        """Degrees east and north of projected coordinates."""
        return Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(x, y)


def demo_region(frame: Frame) -> dict[str, Any]:
    """The area as a study states it, such that the study's 1 km grid is the truth's.

    `geometry` always works. `bbox` (lon/lat) is given only where it works too: near the central meridian, where the
    box stays within half a cell of the square's edges.
    """
    west, south, east, north = frame.bounds
    inset = 50.0
    line = np.linspace(inset, frame.size_km * CELL - inset, max(3, frame.size_km // 5 + 1))
    low, high = np.full(line.size, inset), np.full(line.size, frame.size_km * CELL - inset)
    ring = [
        *zip(line, low, strict=True),
        *zip(high, line, strict=True),
        *zip(line[::-1], high, strict=True),
        *zip(low, line[::-1], strict=True),
    ]
    corners = [(west + x, south + y) for i, (x, y) in enumerate(ring) if (i + 1) % line.size]
    geometry = footprint(frame.crs, corners)
    region: dict[str, Any] = {"crs": frame.crs, "geometry": geometry}
    sides = [frame.to_lonlat(west + x, south + y) for x, y in ((low, line), (high, line), (line, low), (line, high))]
    box = [sides[0][0].max(), sides[2][1].max(), sides[1][0].min(), sides[3][1].min()]
    box = [round(float(v) + d, 4) for v, d in zip(box, (5e-5, 5e-5, -5e-5, -5e-5), strict=True)]
    x, y = Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True).transform(
        [*np.linspace(box[0], box[2], 21)] * 2 + [box[0]] * 21 + [box[2]] * 21,
        [box[1]] * 21 + [box[3]] * 21 + [*np.linspace(box[1], box[3], 21)] * 2,
    )
    x, y = np.array(x), np.array(y)
    edges = np.abs(np.concatenate([x[42:63] - west, east - x[63:], y[:21] - south, north - y[21:42]]))
    if edges.max() < 0.48 * CELL:
        region["bbox"] = box
    return region
