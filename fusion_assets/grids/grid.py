"""The pixel grid that every raster of a region shares: CRS, affine transform and size."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from shapely.geometry.base import BaseGeometry

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.grids.areas import lattice_areas
from fusion_assets.grids.crs import normal_crs, project, to_lonlat

if TYPE_CHECKING:
    import xarray as xr

SLIVER = 1e-3
"""Overhang, in pixels, that is taken for rounding noise and not given a row or column of its own."""


def rows_and_columns(height: int, width: int) -> str:
    """A size in pixels, in the one way in which it is written everywhere: `30 rows x 40 columns`."""
    return f"{number_of(height, 'row')} x {number_of(width, 'column')}"


@dataclass(frozen=True)
class Grid:
    """A north-up grid of square pixels in a projected CRS.

    Arrays on the grid have axis order (y, x) = (row, column): row 0 is the northernmost, column 0 the westernmost.
    The affine transform maps (column, row), counted from the outer corner of pixel (0, 0), to CRS coordinates:

        x = a * column + b * row + c          y = d * column + e * row + f

    - `a`: pixel width, CRS units (metres), > 0
    - `b`: 0, rows do not shear x
    - `c`: x of the west edge (not of a pixel centre)
    - `d`: 0, columns do not shear y
    - `e`: minus the pixel height, equal to -a; negative because row 0 is north
    - `f`: y of the north edge (not of a pixel centre)

    The centre of pixel (row, column) lies at (c + a * (column + 0.5), f - a * (row + 0.5)).

    Attributes:
        crs: authority code such as "EPSG:32631" where there is one; anything pyproj reads is accepted.
        transform: as above.
        height: number of rows.
        width: number of columns.

    Raises:
        FusionError: unreadable CRS, pixels that are not square and north-up, or a size below one pixel.
    """

    crs: str
    transform: Affine
    height: int
    width: int

    def __post_init__(self) -> None:
        """Normalise the CRS and refuse what is not a north-up grid of square pixels."""
        object.__setattr__(self, "crs", normal_crs(self.crs))
        a, b, c, d, e, f = (float(term) + 0.0 for term in self.transform[:6])  # + 0.0 turns -0.0 into 0.0
        if not (all(map(math.isfinite, (a, c, f))) and a > 0 and b == d == 0 and math.isclose(-e, a, rel_tol=1e-9)):
            raise FusionError(
                f"the affine transform {tuple(self.transform[:6])} is not a north-up grid of square pixels",
                "(resolution, 0, west, 0, -resolution, north)",
                "reproject the raster onto the region's grid first, for example with gdalwarp -tr R R -t_srs CRS",
            )
        object.__setattr__(self, "transform", Affine(a, 0.0, c, 0.0, -a, f))
        if self.height < 1 or self.width < 1:
            raise FusionError(
                f"a grid of {self.height} rows x {self.width} columns", "at least one pixel", "enlarge the region"
            )

    @classmethod
    def from_bounds(cls, bounds: tuple[float, float, float, float], crs: str, resolution: float) -> Grid:
        """The smallest grid around projected bounds whose edges are multiples of the resolution.

        Bounds are snapped outwards; an overhang below `SLIVER` (0.1 % of a pixel) counts as rounding noise, so bounds
        that are multiples already are kept.

        Args:
            bounds: (west, south, east, north) in CRS units.
            crs: anything pyproj reads.
            resolution: pixel size in CRS units, > 0.

        Raises:
            FusionError: bounds that are not finite or enclose nothing, or a resolution that is not positive.
        """
        if not (math.isfinite(resolution) and resolution > 0):
            raise FusionError(f"resolution is {resolution}", "a positive number", "give a pixel size in metres")
        west, south, east, north = bounds
        if not (all(map(math.isfinite, bounds)) and west < east and south < north):
            raise FusionError(
                f"bounds {tuple(bounds)} in {crs} enclose no area",
                "finite west < east and south < north",
                "choose a CRS that covers the region, for example the UTM zone it lies in",
            )
        if not all(math.isfinite(edge / resolution) for edge in bounds):
            raise FusionError(
                f"resolution is {resolution}", "pixels that can be counted", "give a pixel size of a metre or more"
            )
        columns = math.floor(west / resolution + SLIVER), math.ceil(east / resolution - SLIVER)
        rows = math.floor(south / resolution + SLIVER), math.ceil(north / resolution - SLIVER)
        transform = Affine(resolution, 0.0, columns[0] * resolution, 0.0, -resolution, rows[1] * resolution)
        return cls(crs, transform, max(1, rows[1] - rows[0]), max(1, columns[1] - columns[0]))

    @classmethod
    def from_geometry(cls, geometry_lonlat: BaseGeometry, crs: str, resolution: float) -> Grid:
        """The smallest grid that covers a geometry in degrees (WGS84 longitude, latitude).

        Edges are densified to `crs.EDGE_STEP_DEGREES` before reprojection, because a parallel bows out of the box
        of its end points.
        """
        crs = normal_crs(crs)
        projected = project(geometry_lonlat, crs)
        return cls.from_bounds(projected.bounds, crs, resolution)

    @classmethod
    def of(cls, raster: Any) -> Grid:
        """The grid of an xarray Dataset or DataArray (with rioxarray CRS) or of an open rasterio dataset.

        From xarray, the coordinates decide, not the stored transform: that one is stale after `isel`.

        Raises:
            FusionError: no CRS, or pixels that are not square and north-up.
        """
        import xarray as xr

        is_xarray = isinstance(raster, xr.Dataset | xr.DataArray)
        crs = raster.rio.crs if is_xarray else raster.crs
        if crs is None:
            raise FusionError("the raster has no CRS", "a CRS in its metadata", "write it with gdal_edit.py -a_srs")
        if not is_xarray:
            return cls(normal_crs(crs.to_wkt()), raster.transform, raster.height, raster.width)
        height, width = raster.sizes["y"], raster.sizes["x"]
        stored = raster.rio.transform()
        x, y = np.asarray(raster["x"], float), np.asarray(raster["y"], float)
        # Coordinates are float64 sums: bring the step back to the stored or round figure it came from.
        step_x = (x[-1] - x[0]) / (width - 1) if width > 1 else stored.a
        step_y = (y[-1] - y[0]) / (height - 1) if height > 1 else stored.e
        if math.isclose(step_x, stored.a, rel_tol=1e-6):
            step_x = stored.a
        if math.isclose(step_y, stored.e, rel_tol=1e-6):
            step_y = stored.e
        west, north = _tidy(x[0] - step_x / 2, step_x), _tidy(y[0] - step_y / 2, step_y)
        return cls(normal_crs(crs.to_wkt()), Affine(step_x, 0, west, 0, step_y, north), height, width)

    @property
    def resolution(self) -> float:
        """Pixel size in CRS units (metres)."""
        return self.transform.a

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Outer edges (west, south, east, north) in CRS units."""
        west, north, step = self.transform.c, self.transform.f, self.resolution
        return west, north - step * self.height, west + step * self.width, north

    @property
    def digest(self) -> str:
        """12 hexadecimal digits of CRS, transform and size; equal on every platform."""
        terms = [f"{term:.9f}" for term in (self.resolution, self.transform.c, self.transform.f)]
        text = json.dumps([self.crs, *terms, self.height, self.width])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def refine(self, k: int) -> Grid:
        """The working grid: every pixel split into k x k, same origin and outer edges."""
        step = self.resolution / k
        transform = Affine(step, 0.0, self.transform.c, 0.0, -step, self.transform.f)
        return Grid(self.crs, transform, self.height * k, self.width * k)

    def window(self, row: int, col: int, height: int, width: int) -> Grid:
        """The part that begins at pixel (row, col), on the same lattice; it may reach beyond the grid."""
        step = self.resolution
        west, north = self.transform.c + col * step, self.transform.f - row * step
        return Grid(self.crs, Affine(step, 0.0, west, 0.0, -step, north), height, width)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixel-centre coordinates in CRS units: x (width,) west to east, y (height,) north to south; float64."""
        step = self.resolution
        x = self.transform.c + step * (np.arange(self.width) + 0.5)
        y = self.transform.f - step * (np.arange(self.height) + 0.5)
        return x, y

    def lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """WGS84 longitude and latitude of the pixel centres in degrees, each (height, width) float64."""
        x, y = np.meshgrid(*self.centres())
        return to_lonlat(self.crs).transform(x, y)

    def pixel_areas_km2(self) -> np.ndarray:
        """Geodesic area of every pixel on the WGS84 ellipsoid, km2, (height, width) float64; see `geodesy`."""
        x = self.transform.c + self.resolution * np.arange(self.width + 1)
        y = self.transform.f - self.resolution * np.arange(self.height + 1)
        return lattice_areas(x, y, to_lonlat(self.crs))

    def inside(self, geometry_lonlat: BaseGeometry) -> np.ndarray:
        """Pixels whose centre lies in a polygon given in degrees, (height, width) bool."""
        from rasterio.features import geometry_mask

        projected = project(geometry_lonlat, self.crs)
        return geometry_mask([projected], self.shape, self.transform, all_touched=False, invert=True)

    def dataset(self, bands: Mapping[str, Any]) -> xr.Dataset:
        """A Dataset on this grid: one (y, x) variable per band, pixel-centre coordinates, CRS and transform.

        Args:
            bands: name to (height, width) array, numpy or dask; kept as it is, not copied.

        Raises:
            FusionError: a band of another shape.
        """
        for name, values in bands.items():
            if tuple(values.shape) != self.shape:
                raise FusionError(
                    f"band {name} has shape {tuple(values.shape)}",
                    f"{self.shape}, the grid's (height, width)",
                    "resample it onto the region's grid",
                )
        variables = {name: (("y", "x"), values) for name, values in bands.items()}
        x, y = self.centres()
        import rioxarray  # noqa: F401 (registers the .rio accessor)
        import xarray as xr

        raster = xr.Dataset(variables, {"y": y, "x": x})

        return raster.rio.write_crs(self.crs).rio.write_transform(self.transform)


def _tidy(edge: float, step: float) -> float:
    """The multiple of half the step next to an edge when they differ by rounding noise only, else the edge.

    Of half the step: lattices in degrees have the middles of their pixels on multiples of it.
    """
    nearest = round(2 * edge / step) * step / 2
    return nearest if abs(nearest - edge) < 1e-6 * abs(step) else round(edge, 6)
