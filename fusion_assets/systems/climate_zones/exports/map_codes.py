"""What every export begins with: the codes of a map, checked, as they are and on a lattice of degrees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import from_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_classes import NO_CLASS
from fusion_assets.systems.climate_zones.legend import SIGNS

if TYPE_CHECKING:
    import xarray as xr
    from affine import Affine

BAND = "lcz"
NO_DATA = 0
_ROWS = 256
"""Sampled at once."""


class MapCodes(NamedTuple):
    """A map of zones in memory.

    Attributes:
        codes: (rows, columns) uint8, 1 to 17, 0 for no data; row 0 north.
        transform: of the lattice.
        crs: of the lattice.
    """

    codes: np.ndarray
    transform: Affine
    crs: str

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Outer edges (west, south, east, north)."""
        rows, columns = self.codes.shape
        east, south = self.transform @ (columns, rows)
        return self.transform.c, south, east, self.transform.f


def codes_of(raster: xr.Dataset) -> MapCodes:
    """The codes of a map.

    Args:
        raster: with the band `lcz`: 1 to 17; 0, 255 or NaN for no data.

    Raises:
        FusionError: there is no such band, no zone, or other numbers.
    """
    if BAND not in raster:
        raise FusionError(
            f"a raster with the bands {', '.join(map(str, raster.data_vars)) or 'none'}",
            f"the band {BAND}, codes of zones",
            "give a map of local climate zones",
        )
    values = np.asarray(raster[BAND].transpose("y", "x").data)
    known = np.isfinite(values) & (values != NO_DATA) & (values != NO_CLASS)
    strange = np.setdiff1d(values[known], np.arange(1, len(SIGNS) + 1))
    if strange.size or not known.any():
        raise FusionError(
            f"the map holds {', '.join(map(str, strange[:5])) or 'no zone at all'}",
            "codes from 1 (LCZ 1) to 17 (LCZ G), 0 or 255 where nothing is known",
            "number the zones 1 to 10, A to G from 1 to 17",
        )
    grid = Grid.of(raster)
    return MapCodes(np.where(known, values, NO_DATA).astype("uint8"), grid.transform, grid.crs)


def in_degrees(codes: MapCodes, most: int | None = None) -> MapCodes:
    """The same on a lattice of WGS84 (EPSG:4326) with pixels of about the same size, by nearest neighbour.

    Args:
        codes: of a map.
        most: pixels along an edge; a longer edge is made of coarser pixels.

    Raises:
        FusionError: the map crosses the antimeridian.
    """
    from rasterio.warp import calculate_default_transform

    west, south, east, north = codes.bounds
    rows, columns = codes.codes.shape
    transform, width, height = calculate_default_transform(
        codes.crs, "EPSG:4326", columns, rows, west, south, east, north
    )
    if width * transform.a > 180:
        raise FusionError(
            f"a map that reaches over {width * transform.a:.0f} degrees of longitude",
            "a map on one side of the antimeridian",
            "export its two parts",
        )
    if most is not None and max(width, height) > most:
        coarser = max(width, height) / most
        width, height = math.ceil(width / coarser), math.ceil(height / coarser)
        transform = transform @ type(transform).scale(coarser)
    out = np.empty((height, width), "uint8")
    for top in range(0, height, _ROWS):
        part = slice(top, min(top + _ROWS, height))
        longitude, latitude = transform @ np.meshgrid(np.arange(width) + 0.5, np.arange(part.start, part.stop) + 0.5)
        out[part] = _sampled(codes, *from_lonlat(codes.crs).transform(longitude, latitude))
    return MapCodes(out, transform, "EPSG:4326")


def _sampled(codes: MapCodes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The code of the cell that each place lies in; none off the map. GDAL's warper is not exact to the cell."""
    rows, columns = codes.codes.shape
    places = np.floor(np.nan_to_num(~codes.transform @ (x, y), nan=-1.0, posinf=-1.0, neginf=-1.0))
    col, row = np.clip(places, -1, max(rows, columns)).astype("int64")
    there = (row >= 0) & (row < rows) & (col >= 0) & (col < columns)
    return np.where(there, codes.codes[np.where(there, row, 0), np.where(there, col, 0)], NO_DATA).astype("uint8")
