"""Pixel lattices and grids: a CRS, an affine transform and, for a grid, a size."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pyproj
from affine import Affine

from fusion_assets.loopbacks.earth_engine.errors import ServiceError

WORLD = "EPSG:4326"


@functools.lru_cache(maxsize=256)
def crs_of(text: str) -> pyproj.CRS:
    """The CRS that an authority code, a WKT or a PROJ string names.

    Raises:
        ServiceError: it names none.
    """
    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError:
        raise ServiceError(f"The CRS of a map projection could not be parsed: {text}.") from None


@functools.lru_cache(maxsize=256)
def crs_name(text: str) -> str:
    """One spelling for each CRS: its authority code where it has one, else its WKT."""
    crs = crs_of(text)
    authority = crs.to_authority(min_confidence=70)
    if authority and crs_of(":".join(authority)).equals(crs, ignore_axis_order=True):
        return ":".join(authority)
    return crs.to_wkt()


@functools.lru_cache(maxsize=256)
def transformer(source: str, target: str) -> pyproj.Transformer:
    """From one CRS to another, (x, y) or (longitude, latitude) order."""
    return pyproj.Transformer.from_crs(crs_of(source), crs_of(target), always_xy=True)


def project(xs: np.ndarray, ys: np.ndarray, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Points from one CRS to another; infinite where there is no image."""
    if source == target:
        return np.asarray(xs, float), np.asarray(ys, float)
    return transformer(source, target).transform(xs, ys)


@dataclass(frozen=True)
class Projection:
    """A lattice without size: `transform` maps (column, row) to CRS coordinates.

    Attributes:
        crs: as `crs_name` spells it.
        transform: six terms (a, b, c, d, e, f), row-major, as in Earth Engine's `crsTransform`.
        fixed: False for the one-degree default of what has no projection of its own.
    """

    crs: str = WORLD
    transform: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    fixed: bool = True

    @property
    def affine(self) -> Affine:
        """The transform as an object that multiplies points."""
        return Affine(*self.transform)

    @property
    def pixel_size(self) -> float:
        """Geometric mean of a pixel's sides, CRS units."""
        return math.sqrt(abs(self.affine.determinant))

    @property
    def metres_per_unit(self) -> float:
        """Metres in one unit of the CRS; for degrees, along the equator."""
        if crs_of(self.crs).is_geographic:
            return 2 * math.pi * 6378137.0 / 360
        return float(crs_of(self.crs).axis_info[0].unit_conversion_factor)

    def at_scale(self, metres: float) -> Projection:
        """The same CRS with square pixels of `metres`, aligned with the origin of the CRS."""
        size = metres / self.metres_per_unit
        return Projection(self.crs, (size, 0.0, 0.0, 0.0, -size, 0.0))


UNPROJECTED = Projection(fixed=False)


@dataclass(frozen=True)
class PixelGrid:
    """A projection with a size; row 0 and column 0 lie at the transform's origin."""

    projection: Projection
    width: int
    height: int

    @property
    def crs(self) -> str:
        """CRS of the grid."""
        return self.projection.crs

    @property
    def affine(self) -> Affine:
        """Transform of the grid."""
        return self.projection.affine

    def window(self, row: int, col: int, height: int, width: int) -> PixelGrid:
        """Part of the grid, in whole pixels; may reach outside."""
        shifted = self.affine @ Affine.translation(col, row)
        return PixelGrid(Projection(self.crs, tuple(shifted[:6])), width, height)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """X and y of the pixel centres in the grid's CRS, each (height, width)."""
        cols, rows = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        a, b, c, d, e, f = self.affine[:6]
        return a * cols + b * rows + c, d * cols + e * rows + f


@functools.lru_cache(maxsize=12)
def centres_in(grid: PixelGrid, crs: str) -> tuple[np.ndarray, np.ndarray]:
    """X and y of a grid's pixel centres in another CRS; every centre is projected, none interpolated."""
    return project(*grid.centres(), grid.crs, crs)


@functools.lru_cache(maxsize=12)
def places(grid: PixelGrid, lattice: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Fractional (row, column) of a grid's pixel centres on a lattice, counted from its outer corner."""
    if grid.crs == lattice.crs:
        # One matrix for both steps keeps aligned grids exactly aligned.
        a, b, c, d, e, f = (~lattice.affine @ grid.affine)[:6]
        cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
        return d * cols + e * rows + f, a * cols + b * rows + c
    xs, ys = centres_in(grid, lattice.crs)
    a, b, c, d, e, f = (~lattice.affine)[:6]
    with np.errstate(invalid="ignore"):
        cols, rows = a * xs + b * ys + c, d * xs + e * ys + f
    bad = ~(np.isfinite(cols) & np.isfinite(rows))
    return np.where(bad, -1e9, rows), np.where(bad, -1e9, cols)


def pixels_per_pixel(grid: PixelGrid, lattice: Projection) -> float:
    """How many lattice pixels lie along the side of one grid pixel, at the grid's centre."""
    middle = grid.window(grid.height // 2, grid.width // 2, 2, 2)
    rows, cols = places(middle, lattice)
    across, down = (
        (cols[0, 1] - cols[0, 0], rows[0, 1] - rows[0, 0]),
        (cols[1, 0] - cols[0, 0], rows[1, 0] - rows[0, 0]),
    )
    return math.sqrt(abs(across[0] * down[1] - across[1] * down[0]))


def areas_of(grid: PixelGrid) -> np.ndarray:
    """Square metres of a grid's pixels on the WGS 84 ellipsoid, (height, width).

    The ellipsoid's lengths along the steps that a pixel's middle lines make in longitude and latitude.
    """
    a, b, c, d, e, f = grid.affine[:6]
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)

    def degrees(right: float, down: float) -> tuple[np.ndarray, np.ndarray]:
        x, y = cols + right, rows + down
        return project(a * x + b * y + c, d * x + e * y + f, grid.crs, WORLD)

    (_, latitude), sides = degrees(0, 0), [(degrees(0.5, 0), degrees(-0.5, 0)), (degrees(0, 0.5), degrees(0, -0.5))]
    (across, up_across), (along, up_along) = (
        (np.radians((one[0] - two[0] + 180) % 360 - 180), np.radians(one[1] - two[1])) for one, two in sides
    )
    radius, squeeze = 6378137.0, (2 - 1 / 298.257223563) / 298.257223563
    slope = 1 - squeeze * np.sin(np.radians(latitude)) ** 2
    east, north = radius * np.cos(np.radians(latitude)) / slope**0.5, radius * (1 - squeeze) / slope**1.5
    return np.abs(across * up_along - along * up_across) * east * north
