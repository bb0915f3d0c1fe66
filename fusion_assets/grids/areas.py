"""Areas on the WGS84 ellipsoid for lattices of map coordinates."""

from __future__ import annotations

import numpy as np
import pyproj

NODES = 65
"""Cells per axis whose area is computed; the others are interpolated. At most 65 x 65 polygons per grid."""

_WGS84 = pyproj.Geod(ellps="WGS84")
_SEMI_MAJOR = _WGS84.a
_ECCENTRICITY = float(np.sqrt(_WGS84.es))


def authalic(latitude: np.ndarray) -> np.ndarray:
    """Height of a parallel on the equal-area cylinder around the ellipsoid, in units of half the semi-major axis.

    (longitude in radians) x (this) x a^2 / 2 is the true area between two meridians and the equator.

    Args:
        latitude: geodetic latitude in degrees, any shape.

    Source: Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395), equation 3-12.
    """
    sine = np.sin(np.radians(latitude))
    e = _ECCENTRICITY
    return (1 - e * e) * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e)


def cell_areas(x: np.ndarray, y: np.ndarray, size: tuple[float, float], to_lonlat: pyproj.Transformer) -> np.ndarray:
    """Ground area of rectangles of a map, km2, (len(y), len(x)) float64.

    Each rectangle's corners go to longitude and latitude, and from there to the equal-area cylinder, where the shoelace
    formula gives the area. Against `pyproj.Geod` polygons this differs by less than 1e-6 for cells up to 2 km.

    Args:
        x: west edges in map units, (columns,).
        y: north edges in map units, (rows,).
        size: width and height of the rectangles in map units.
        to_lonlat: transformer from the map to WGS84 degrees, x before y.
    """
    corners = []
    for right, down in ((0, 0), (0, 1), (1, 1), (1, 0)):
        across, along = np.meshgrid(x + right * size[0], y - down * size[1])
        longitude, latitude = to_lonlat.transform(across, along)
        longitude = np.where(np.isfinite(longitude), longitude, np.nan)
        corners.append((np.radians(longitude), authalic(np.where(np.isfinite(latitude), latitude, np.nan))))
    longitude0 = corners[0][0]
    # Longitudes relative to the first corner: no jump at the antimeridian, and no cancellation far from Greenwich.
    turns = [((longitude - longitude0 + np.pi) % (2 * np.pi) - np.pi, height) for longitude, height in corners]
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(turns, turns[1:] + turns[:1], strict=True))
    return np.abs(twice) / 2 * (_SEMI_MAJOR**2 / 2) / 1e6


def lattice_areas(x: np.ndarray, y: np.ndarray, to_lonlat: pyproj.Transformer) -> np.ndarray:
    """Ground area of every cell of a regular lattice, km2, (len(y) - 1, len(x) - 1) float64.

    At most `NODES` cells per axis are measured, the others interpolated by cubic splines: the area of a cell varies
    smoothly over a map, so that the error stays below 1e-6 for regions up to some 5,000 km and UTM zones as a whole.
    Where a measured cell does not lie on the globe, every cell is measured; cells off the globe have area 0.

    Args:
        x: west edges and the last east edge in map units, equally spaced, ascending, (width + 1,).
        y: north edges and the last south edge in map units, equally spaced, descending, (height + 1,).
        to_lonlat: transformer from the map to WGS84 degrees, x before y.
    """
    from scipy.interpolate import RectBivariateSpline

    height, width = len(y) - 1, len(x) - 1
    size = ((x[-1] - x[0]) / width, (y[0] - y[-1]) / height)
    rows = np.unique(np.linspace(0, height - 1, min(height, NODES)).round().astype(int))
    columns = np.unique(np.linspace(0, width - 1, min(width, NODES)).round().astype(int))
    areas = cell_areas(x[columns], y[rows], size, to_lonlat)
    if len(rows) == height and len(columns) == width:
        return np.nan_to_num(areas)
    if not np.isfinite(areas).all() or min(areas.shape) < 4:  # a cubic needs four nodes
        exact = [cell_areas(x[:-1], y[row : row + 64], size, to_lonlat) for row in range(0, height, 64)]
        return np.nan_to_num(np.concatenate(exact)[:height])
    spline = RectBivariateSpline(rows, columns, areas)
    return spline(np.arange(height), np.arange(width))
