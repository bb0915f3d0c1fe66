"""Maps compared with finer sensors, whose rasters are first put in place and brought to radiance.

A reference knows neither the product's unit nor its place to the pixel. Both are read off the product's own cells, seen
through the same sensor: all methods agree there, so that none of them is favoured. Nothing is learnt from a reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, interval
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import project_points
from fusion_assets.systems.night_radiance.evaluation import TRUTH_BLOCK
from fusion_assets.systems.night_radiance.reference_files import UNITS, Plane, short_name
from fusion_assets.systems.night_radiance.resampling import nearest
from fusion_assets.systems.night_radiance.scores import Predictions, figures, table_of
from fusion_assets.systems.night_radiance.sensor import PointSpread, Sensor, pixel_metres

if TYPE_CHECKING:
    import pandas as pd

    from fusion_assets.systems.night_radiance.reference_files import Reference
    from fusion_assets.systems.night_radiance.task import Task

FURTHEST = 1000.0
"""Metres that a reference may lie beside the product."""
AROUND = 2 * FURTHEST
"""Metres around a map that a reference is read in: what shines into it from there, wherever it truly lies."""
LEAST_CORRELATION = 0.5
"""Of the product's cells with what its sensor would see of a reference; below it they do not show the same lights."""
FEWEST = 50
"""Cells that place and unit are read off."""
_COARSE = 125.0
"""Step in which all shifts are tried, metres; a fifth of the footprint."""
_PARTS = 3
"""Edge of the lattice of points in a cell; what the sensor sees is smooth between them."""
_FLOOR, _SHARE = 0.5, 0.15
"""Scatter of a cell about what another sensor saw, nW/cm2/sr and share of its radiance: lamps, nights, angles."""
_PAIRED, _AGREE = 600, 4.685
"""Cells that are paired to begin with, and scatters after which a cell is not believed at all."""
_SEEN = 0.5
_SPLIT = 4
"""Parts of a pixel's edge that means over pixels of about the same size are made of."""


@dataclass(frozen=True)
class Fit:
    """How a reference becomes radiance in the product's place.

    Attributes:
        east: metres that it has to be moved eastwards, along the map's axes.
        north: and northwards.
        gain: nW/cm2/sr for one of its own unit.
        offset: nW/cm2/sr that is added after it.
        correlation: of all cells with what their sensor sees of the reference there, weighted.
        cells: that this rests on.
    """

    east: float
    north: float
    gain: float
    offset: float
    correlation: float
    cells: int


def registered(plane: Plane, task: Task, name: str = "the reference") -> Fit:
    """Place and unit of a reference, from the product's cells and what their sensor would see of it.

    All shifts up to `FURTHEST` are tried, and the best is refined to a small part of a pixel; gain and offset are those
    of a robust regression there, so that lamps that came or went between two dates decide little.

    Args:
        plane: of the reference.
        task: of the region's map; its guides are not looked at.
        name: of the reference, for errors.

    Raises:
        FusionError: too few cells, other lights than the product's, or no place within `FURTHEST`.
    """
    from scipy.optimize import minimize

    look = _Look(plane, task)
    steps = np.arange(-FURTHEST, FURTHEST + 1, _COARSE)
    tried = [(east, north) for north in steps for east in steps if math.hypot(east, north) <= FURTHEST]
    coarse = [look.correlation(shift, order=1) for shift in tried]
    if not np.isfinite(coarse).any():
        raise _few(0, name)
    start = tried[int(np.nanargmax(coarse))]
    for _ in range(2):  # the second time without what does not agree
        found = minimize(
            lambda shift: -np.nan_to_num(look.correlation(shift), nan=-1.0),
            start,
            method="Nelder-Mead",
            options={"initial_simplex": np.add(start, [[0, 0], [60, 0], [0, 60]]), "xatol": 0.5, "fatol": 1e-9},
        )
        start = tuple(found.x)
        gain, offset = look.regressed(start)
    correlation, cells = look.correlation(start, every=True), look.cells(start)
    if cells < FEWEST:
        raise _few(cells, name)
    if not (correlation >= LEAST_CORRELATION and gain > 0):
        raise FusionError(
            f"{name} shows other lights than the product: their correlation is {correlation:.2f} at best",
            f"the same lights: {LEAST_CORRELATION:g} or more",
            "see whether it is the right place, unit and band, or remove it from night_radiance.references",
        )
    if math.hypot(*start) > FURTHEST - _COARSE / 2:
        raise FusionError(
            f"{name} fits the product best where it is moved by {math.hypot(*start):.0f} m or more",
            f"a raster that lies within {FURTHEST:.0f} m of its place",
            "georeference it by control points first (gdal_translate -gcp, gdalwarp)",
        )
    return Fit(float(start[0]), float(start[1]), gain, offset, float(correlation), cells)


def _few(cells: int, name: str = "the reference") -> FusionError:
    return FusionError(
        f"{cells} cells of the product lie in {name}",
        f"at least {FEWEST}, some {FEWEST * 0.2:.0f} km2",
        "give a larger piece, name the region that it is of (`region`), or remove it from night_radiance.references",
    )


class _Look:
    """Cells of the product beside what their sensor would see of a reference that is moved."""

    def __init__(self, plane: Plane, task: Task) -> None:
        """Spread by the sensor once, known part and all."""
        from scipy.ndimage import gaussian_filter, spline_filter

        fine, cells, grid = task.sensor.fine, task.sensor.cells, plane.grid
        known = np.isfinite(plane.values)
        self._scale = float(np.nanmax(np.abs(plane.values))) or 1.0
        planes = np.where(known, plane.values / self._scale, 0.0), known.astype(float)
        psf = task.sensor.psf
        sigma = math.hypot(*(each * weight**0.5 for each, weight in zip(psf.sigmas, psf.weights, strict=True)))
        steps = [sigma / side for side in pixel_metres(grid)]
        blurred = [gaussian_filter(each, steps, mode="constant") for each in planes]
        self._planes = {1: blurred, 3: [spline_filter(each, 3, mode="nearest") for each in blurred]}
        rows, columns = np.nonzero(np.isfinite(task.measured) & (task.sensor.pixels > 0))
        self._measured = task.measured[rows, columns]
        x, y = cells.refine(_PARTS).centres()
        down, right = (each.ravel() for each in np.indices((_PARTS, _PARTS)))
        middles = x[columns[:, None] * _PARTS + right], y[rows[:, None] * _PARTS + down]
        east, north = project_points(*middles, cells.crs, fine.crs)
        # Along the map's axes, in rows and columns of the reference: over a kilometre they run straight.
        here, aside, ahead = (
            np.array(_places(east - moved_east, north - moved_north, fine.crs, grid))
            for moved_east, moved_north in ((0.0, 0.0), (FURTHEST, 0.0), (0.0, FURTHEST))
        )
        self._here, self._aside, self._ahead = here, (aside - here) / FURTHEST, (ahead - here) / FURTHEST
        self._weight = self._given = 1 / (_FLOOR + _SHARE * np.maximum(self._measured, 0.0)) ** 2

    def _seen(self, shift: tuple[float, float], order: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """What the sensor sees of the moved reference, and how much of that is known; 0 where it is too little."""
        from scipy.ndimage import map_coordinates

        places = self._here + shift[0] * self._aside + shift[1] * self._ahead
        light, share = (
            map_coordinates(each, places, order=order, prefilter=False, mode="constant").mean(axis=1)
            for each in self._planes[order]
        )
        enough = share >= _SEEN
        return np.where(enough, light / np.maximum(share, _SEEN), 0.0), np.where(enough, share, 0.0)

    def correlation(self, shift: tuple[float, float], order: int = 3, every: bool = False) -> float:
        """Weighted correlation of the cells, of `every` one or those that agree; NaN where they are few."""
        seen, share = self._seen(shift, order)
        weight = share * (self._given if every else self._weight)
        if (share > 0).sum() < FEWEST:
            return math.nan
        x, y = (each - np.average(each, weights=weight) for each in (seen, self._measured))
        both = np.sqrt((weight * x**2).sum() * (weight * y**2).sum())
        return float((weight * x * y).sum() / both) if both > 0 else 0.0

    def cells(self, shift: tuple[float, float]) -> int:
        """How many are compared."""
        return int((self._seen(shift)[1] > 0).sum())

    def regressed(self, shift: tuple[float, float]) -> tuple[float, float]:
        """Gain and offset of the measured cells on the seen ones; cells that do not agree weigh less from then on.

        Begun with the median slope of pairs (Theil 1950, Sen 1968), for a lamp that only one of the two knows may lie
        far out on either side; weighted anew until nothing changes (Beaton & Tukey 1974).
        """
        from scipy.stats import theilslopes

        seen, share = self._seen(shift)
        known = np.flatnonzero(share > 0)
        some = np.random.default_rng(0).permutation(known)[:_PAIRED]
        gain, offset = theilslopes(self._measured[some], seen[some])[:2] if len(some) > 1 else (0.0, 0.0)
        for _ in range(50):
            expected = gain * seen + offset
            deviation = _FLOOR + _SHARE * np.maximum(self._measured + expected, 0.0) / 2
            error = np.abs(self._measured - expected) / deviation
            scale = max(1.4826 * float(np.median(error[known])), 1e-3)
            self._weight = np.maximum(1 - (error / (_AGREE * scale)) ** 2, 0.0) ** 2 / deviation**2
            weight = self._weight * share
            middle_x, middle_y = (np.average(each, weights=weight) for each in (seen, self._measured))
            spread = (weight * (seen - middle_x) ** 2).sum()
            before, gain = (
                gain,
                float((weight * (seen - middle_x) * (self._measured - middle_y)).sum() / max(spread, 1e-30)),
            )
            offset = float(middle_y - gain * middle_x)
            if abs(gain - before) <= 1e-6 * abs(gain):
                break
        return gain / self._scale, offset


def _places(x: np.ndarray, y: np.ndarray, crs: str, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of places, counted from the middle of a grid's first pixel."""
    east, north = project_points(x, y, crs, grid.crs)
    return (grid.transform.f - north) / grid.resolution - 0.5, (east - grid.transform.c) / grid.resolution - 0.5


def moved(plane: Plane, fit: Fit, fine: Grid) -> Plane:
    """A reference in the product's place and unit: its grid is moved, its pixels stay as they are.

    Args:
        plane: as read.
        fit: see `registered`.
        fine: of the map, whose axes the shift is counted along.
    """
    west, south, east, north = fine.bounds
    x, y = (west + east) / 2, (south + north) / 2
    xs, ys = project_points(np.array([x, x + fit.east]), np.array([y, y + fit.north]), fine.crs, plane.grid.crs)
    grid = plane.grid
    transform = Affine.translation(xs[1] - xs[0], ys[1] - ys[0]) @ grid.transform
    return Plane(plane.values * fit.gain + fit.offset, Grid(grid.crs, transform, *grid.shape))


def onto(plane: Plane, grid: Grid) -> np.ndarray:
    """A raster's values on another grid, (height, width): means where it is finer, else the pixel at each centre.

    Args:
        plane: to be resampled; NaN where a pixel lies outside of it, or half of it is unknown.
        grid: of the result.
    """
    sensor = Sensor(plane.grid, grid, PointSpread((0.0,)))
    if sensor.ratio <= 1:
        x, y = np.meshgrid(*grid.centres())
        x, y = project_points(x, y, grid.crs, plane.grid.crs)
        west, south, east, north = plane.grid.bounds
        inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        return np.where(inside, nearest(plane.values, plane.grid, grid), np.nan)
    return _means(plane.values, sensor)


def _means(values: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Means over larger pixels; NaN where half of one is unknown."""
    if sensor.ratio < 2 * _SPLIT:
        sensor = Sensor(sensor.fine, sensor.cells, sensor.psf, split=_SPLIT)
    known = np.isfinite(values)
    share = sensor.block_mean(known) * sensor.pixels / sensor.ratio**2
    mean = sensor.block_mean(np.where(known, values, 0.0)) / np.maximum(sensor.block_mean(known), 1e-9)
    return np.where(share >= _SEEN, mean, np.nan)


def compared(reference: Plane, task: Task, maps: Mapping[str, np.ndarray], place: str) -> tuple[pd.DataFrame, float]:
    """Errors of maps against a reference in the product's place and unit, on the larger of the pixels of both.

    Args:
        reference: of `moved`.
        task: of the maps.
        maps: by method, nW/cm2/sr on the map's pixels.
        place: name of the region.

    Returns:
        Sums by block and method, as of `scores.table_of`, and sums of ranks; and the edge of the pixels, metres.
    """
    fine = task.sensor.fine
    sides = [math.sqrt(math.prod(pixel_metres(grid))) for grid in (fine, reference.grid)]
    if sides[1] > sides[0]:
        target, truth = reference.grid, reference.values
        sensor = Sensor(fine, target, PointSpread((0.0,)), split=_SPLIT)
        answers = {name: _means(each, sensor) for name, each in maps.items()}
    else:
        target, truth = fine, onto(reference, fine)
        answers = {name: np.asarray(each, float) for name, each in maps.items()}
    known = np.isfinite(truth) & np.all([np.isfinite(each) for each in answers.values()], axis=0)
    truth = np.where(known, truth, np.nan)
    rows, columns = np.indices(target.shape)
    edge = max(1, round(TRUTH_BLOCK * math.sqrt(math.prod(pixel_metres(task.sensor.cells))) / max(sides)))
    block = rows // edge * 1000 + columns // edge
    table = table_of({"reference": [Predictions(place, truth, block, answers)]})
    return _with_ranks(table, truth[known], block[known], {name: each[known] for name, each in answers.items()}), max(
        sides
    )


def _with_ranks(
    table: pd.DataFrame, truth: np.ndarray, block: np.ndarray, answers: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """The table with sums of centred ranks and of their products, by block and method."""
    import pandas as pd
    from scipy.stats import rankdata

    names, group = np.unique(block, return_inverse=True)
    middle = (len(truth) + 1) / 2
    true_rank = (rankdata(truth) - middle) / middle
    parts = []
    for method, answer in answers.items():
        rank = (rankdata(answer) - middle) / middle
        sums = {
            "rank": rank, "true_rank": true_rank,
            "squared_rank": rank**2, "squared_true_rank": true_rank**2, "rank_product": rank * true_rank,
        }  # fmt: skip
        part = pd.DataFrame({name: np.bincount(group, values) for name, values in sums.items()})
        parts.append(part.assign(block=names, method=method))
    return table.merge(pd.concat(parts), on=["block", "method"], how="left", validate="one_to_one")


def figures_of(table: pd.DataFrame, draws: int = 2000) -> dict[str, Any]:
    """`scores.figures` of one comparison, with the rank correlation (Spearman) of every method.

    Ranks are those among all pixels; resamples are drawn of blocks.

    Args:
        table: of `compared`.
        draws: resamples.
    """
    found = figures(table, draws)
    for method, part in table.groupby("method", sort=False):
        resamples = Resamples.of(part["block"].to_numpy(), draws)

        def mean(name: str, part: pd.DataFrame = part, resamples: Resamples = resamples) -> np.ndarray:
            cells = resamples.sums(part["cells"].to_numpy(float))[:, 0]
            return resamples.sums(part[name].to_numpy(float))[:, 0] / cells

        rank, true = mean("rank"), mean("true_rank")
        shared = mean("rank_product") - rank * true
        spread = (mean("squared_rank") - rank**2) * (mean("squared_true_rank") - true**2)
        found["methods"][method]["spearman"] = interval(shared / np.sqrt(np.maximum(spread, 1e-24)), resamples.groups)
    return found


def entry_of(
    reference: Reference, year: int, place: str, fit: Fit, table: pd.DataFrame, metres: float
) -> dict[str, Any]:
    """What is reported of a comparison.

    Args:
        reference: that was compared with.
        year: of the maps.
        place: name of the region.
        fit: its place and unit.
        table: of `compared`.
        metres: edge of the pixels that were compared.
    """
    known = reference.unit.casefold() in UNITS
    return {
        "name": short_name(reference),
        "region": place,
        "unit": reference.unit if known else f"{reference.unit}, taken as proportional to radiance",
        "date": reference.date.isoformat(),
        "year": year,
        "metres": metres,
        "shift": {"east": fit.east, "north": fit.north, "metres": math.hypot(fit.east, fit.north)},
        "gain": fit.gain,
        "offset": fit.offset,
        "correlation": fit.correlation,
        "fitted_on": fit.cells,
        "errors": figures_of(table),
    }
