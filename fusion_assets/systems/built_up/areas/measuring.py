"""What the maps of several years say on the pixels that are valid in every one of them, read tile by tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import xarray as xr
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.model.prediction import PROBABILITY


@dataclass(frozen=True)
class Measured:
    """What the maps of all years say, on the pixels valid in every one of them.

    Attributes:
        region_km2: area of the region's pixels.
        valid_km2: area of those valid in every year.
        n_valid: their number.
        mapped_km2: mapped built-up area by year.
        range_km2: by year, mapped area at the highest and the lowest threshold given.
        mean_km2: sum over the valid pixels of area times probability, averaged over years.
        valid: (points,) whether the point's pixel is valid in every year.
        mean: (points,) probability of its pixel, averaged over years; 0 where not valid.
        built: by year, (points,) mapped class of its pixel; False where not valid.
    """

    region_km2: float
    valid_km2: float
    n_valid: int
    mapped_km2: dict[int, float]
    range_km2: dict[int, tuple[float, float]]
    mean_km2: float
    valid: np.ndarray
    mean: np.ndarray
    built: dict[int, np.ndarray]


def measure(
    predictions: Mapping[int, xr.Dataset],
    area: BaseGeometry,
    thresholds: tuple[float, float],
    row: Sequence[int] | np.ndarray = (),
    col: Sequence[int] | np.ndarray = (),
    tile: int = 1024,
) -> Measured:
    """Read the maps once, tile by tile.

    Args:
        predictions: `probability` and `built_up` by year, lazy, all on one grid.
        area: the region, degrees.
        thresholds: lowest and highest, of the sensitivity range.
        row: of the pixels wanted one by one.
        col: likewise.
        tile: edge in pixels of what is held at once.
    """
    years = sorted(predictions)
    grid = Grid.of(predictions[years[0]])
    row, col = np.asarray(row, int), np.asarray(col, int)
    sums = np.zeros(4 + 3 * len(years))
    valid, mean = np.zeros(len(row), bool), np.zeros(len(row))
    built = {year: np.zeros(len(row), bool) for year in years}
    for top, left in product(range(0, grid.height, tile), range(0, grid.width, tile)):
        rows, cols = slice(top, min(top + tile, grid.height)), slice(left, min(left + tile, grid.width))
        window = grid.window(top, left, rows.stop - top, cols.stop - left)
        km2, inside = window.pixel_areas_km2(), window.inside(area)
        p = np.stack([np.asarray(predictions[year][PROBABILITY].data[rows, cols], np.float32) for year in years])
        classes = np.stack([np.asarray(predictions[year][BUILT_UP].data[rows, cols]) == 1 for year in years])
        usable = np.isfinite(p).all(axis=0) & inside
        average = np.where(usable, p.mean(axis=0, dtype=np.float64), 0.0)
        known = np.where(usable, km2, 0.0)
        low, high = thresholds
        of_year = [
            (known * chosen).sum() for k in range(len(years)) for chosen in (classes[k], p[k] >= high, p[k] >= low)
        ]
        sums += [km2[inside].sum(), known.sum(), usable.sum(), (known * average).sum(), *of_year]
        here = np.flatnonzero((row >= top) & (row < rows.stop) & (col >= left) & (col < cols.stop))
        at = (row[here] - top, col[here] - left)
        valid[here], mean[here] = usable[at], average[at]
        for year, found in zip(years, classes, strict=True):
            built[year][here] = found[at] & usable[at]
    measured = sums[4:].reshape(-1, 3).tolist()
    return Measured(
        region_km2=float(sums[0]),
        valid_km2=float(sums[1]),
        n_valid=int(sums[2]),
        mapped_km2={year: mapped for year, (mapped, _, _) in zip(years, measured, strict=True)},
        range_km2={year: (least, most) for year, (_, least, most) in zip(years, measured, strict=True)},
        mean_km2=float(sums[3]),
        valid=valid,
        mean=mean,
        built=built,
    )
