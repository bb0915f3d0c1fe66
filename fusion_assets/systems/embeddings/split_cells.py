"""Cells that places are held back by, whole: neighbouring patches look alike, and some overlap.

Which cells test follows from their names and a seed alone, not from what is drawn in them: it is settled before there
are any places, and stays what it is when more are drawn.

Rows of cells are equally high, and each is cut into a whole number of equal cells around the Earth, about as wide as
high: no cell crosses the antimeridian, and none is much larger than another. Roberts et al. 2017,
doi:10.1111/ecog.02881.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RADIUS_KM = 6371.0088
"""Mean radius of the Earth."""
_CAUTION = 1.01
"""Distances on the sphere are off by up to 0.6 %: the buffer is reckoned this much wider."""
TRAIN, TEST, BUFFER = "train", "test", "buffer"


@dataclass(frozen=True)
class Cells:
    """Cells of one size over the whole Earth.

    Attributes:
        edge_km: height of a cell, and roughly its width.
    """

    edge_km: float

    @property
    def height(self) -> float:
        """Of a row, degrees."""
        return 180 / self.rows

    @property
    def rows(self) -> int:
        """From pole to pole."""
        return max(1, round(math.pi * RADIUS_KM / self.edge_km))

    def columns(self, row: np.ndarray) -> np.ndarray:
        """Cells of a row, int64 of the same shape; row 0 begins at the south pole."""
        middle = np.radians(-90 + (np.asarray(row) + 0.5) * self.height)
        around = 2 * math.pi * RADIUS_KM * np.cos(middle)
        return np.maximum(1, np.round(around / self.edge_km)).astype(np.int64)

    def of(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of points in degrees, int64 (n,) each; column 0 begins at 180 W."""
        row = np.clip((np.asarray(lat, float) + 90) // self.height, 0, self.rows - 1).astype(np.int64)
        count = self.columns(row)
        turned = (np.asarray(lon, float) + 180) % 360
        return row, np.minimum((turned * count / 360).astype(np.int64), count - 1)

    def names(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Names of the cells of points in degrees, (n,) of str; row and column stand in them."""
        row, column = self.of(lon, lat)
        return np.array([f"r{r}c{c}" for r, c in zip(row.tolist(), column.tolist(), strict=True)], dtype=object)

    def distance_km(self, lon: np.ndarray, lat: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Distance of points from cells on the sphere, (n,) each; 0 within."""
        south = -90 + row * self.height
        width = 360 / self.columns(row)
        middle = -180 + (column + 0.5) * width
        aside = np.abs((lon - middle + 180) % 360 - 180) - width / 2
        beside = np.maximum(aside, 0)
        # The nearest point of a meridian is where a great circle meets it at a right angle, or else its nearer end.
        angle = np.radians(beside)
        foot = np.degrees(np.arctan2(np.sin(np.radians(lat)), np.cos(np.radians(lat)) * np.cos(angle)))
        nearest = np.radians(np.clip(np.where(beside > 0, foot, lat), south, south + self.height))
        here = np.radians(lat)
        half = np.sin((nearest - here) / 2) ** 2 + np.cos(nearest) * np.cos(here) * np.sin(angle / 2) ** 2
        return 2 * RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1)))

    def tests(self, row: np.ndarray, column: np.ndarray, share: float, seed: int) -> np.ndarray:
        """Whether cells are held back, bool of the same shape."""
        key = (np.asarray(row).astype(np.uint64) << np.uint64(32)) | np.asarray(column).astype(np.uint64)
        return _uniform(key, seed) < share


def splits(
    lon: np.ndarray, lat: np.ndarray, cells: Cells, share: float, seed: int, buffer_km: float, edge_m: float
) -> np.ndarray:
    """Of which split patches are: (n,) of `train`, `test` or `buffer`.

    Args:
        lon: of their centres, degrees, (n,).
        lat: likewise.
        cells: that are held back.
        share: of them that test.
        seed: of the choice.
        buffer_km: patches that come nearer to a test cell than this, without lying in one, are `buffer`.
        edge_m: edge of a patch, metres; what reaches out of a test cell counts, too.
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    row, column = cells.of(lon, lat)
    testing = cells.tests(row, column, share, seed)
    # Half a diagonal of the patch, and half of one that lies in the cell and reaches out of it.
    reach = (buffer_km + edge_m / 1000 * math.sqrt(2)) * _CAUTION
    near = np.zeros(lon.shape, bool)
    rows_away = math.ceil(reach / (math.radians(cells.height) * RADIUS_KM))
    for other in (row + away for away in range(-rows_away, rows_away + 1)):
        there = (other >= 0) & (other < cells.rows)
        near[there] |= _near_row(lon[there], lat[there], other[there], cells, share, seed, reach)
    return np.where(testing, TEST, np.where(near, BUFFER, TRAIN)).astype(object)


def _near_row(
    lon: np.ndarray, lat: np.ndarray, row: np.ndarray, cells: Cells, share: float, seed: int, reach: float
) -> np.ndarray:
    """Whether points come nearer than `reach` (km) to a test cell of a row, bool (n,)."""
    count = cells.columns(row)
    # Where a circle around the point touches meridians; around a pole it meets all of them.
    ratio = math.sin(min(reach / RADIUS_KM, math.pi / 2)) / np.maximum(np.cos(np.radians(lat)), 1e-12)
    wide = np.where(ratio >= 1, 180.0, np.degrees(np.arcsin(np.minimum(ratio, 1))))
    first = np.floor((lon - wide + 180) * count / 360).astype(np.int64)
    last = np.floor((lon + wide + 180) * count / 360).astype(np.int64)
    last = np.minimum(last, first + count - 1)
    near = np.zeros(lon.shape, bool)
    for step in range(int((last - first).max(initial=-1)) + 1):
        column = (first + step) % count
        held = (first + step <= last) & cells.tests(row, column, share, seed)
        near[held] |= cells.distance_km(lon[held], lat[held], row[held], column[held]) < reach
    return near


def _uniform(key: np.ndarray, seed: int) -> np.ndarray:
    """Numbers in 0 to 1, each following from its key and the seed alone.

    The mixing step of SplitMix64: Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195.
    """
    with np.errstate(over="ignore"):
        mixed = _mixed(key + _mixed(np.asarray(seed + 1, np.uint64)))
    return (mixed >> np.uint64(11)).astype(float) * 2.0**-53


def _mixed(number: np.ndarray) -> np.ndarray:
    number = np.asarray(number, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))
