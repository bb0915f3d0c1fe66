"""Probability samples of pixels, stratified by a map: which pixels people are asked to look at.

Design: stratified random, one sampling unit a pixel. Of a map of one class, strata are what is mapped, what lies near
it (where maps err and change begins), and the rest, what the map does not know included; of several, its classes.
Points are not spread in proportion to area, under which the small strata that decide the answer would get almost none,
but by Neyman's rule with shares of error as one would guess them beforehand, and at least 50 a stratum (Olofsson et al.
2014, doi:10.1016/j.rse.2014.02.015, sections 5.1 and 5.2). Within a stratum the pixels are put in serpentine order and
cut into as many equal runs as there are points, one drawn at random from each: every pixel of a stratum has the same
inclusion probability, and points do not cluster. Variances computed as if the points of a stratum had been drawn
without regard to place are then on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.areas import cell_areas
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid

if TYPE_CHECKING:
    import pandas as pd

AROUND = ("near", "rest")
"""Strata beside that of what is mapped, which is called by its name."""
FILE = "reference_sample.csv"
"""Beside the catalog of an archive that brings interpreted points of its own."""
LEAST = 50
"""Points in every stratum, where it has as many pixels."""
BUFFER = 2
"""Pixels around what is mapped that count as near."""
# Standard deviation of what people will say within each stratum: one in ten is unlike its stratum in the first two, one
# in forty elsewhere.
_SPREAD = (0.3, 0.3, 0.15)
_NONE = 255


def strata_of(mapped: np.ndarray, inside: np.ndarray, buffer: int = BUFFER) -> np.ndarray:
    """Stratum of every pixel: 0 mapped, 1 near it, 2 the rest, 255 outside.

    Pixels that the map does not know belong to a stratum like all others: points that could not be drawn there would
    leave the sample silent about part of the region.

    Args:
        mapped: (y, x) pixels that the map says are of the class.
        inside: (y, x) pixels of the region.
        buffer: width of the stratum around them, pixels, diagonals included.
    """
    from scipy.ndimage import binary_dilation

    mapped = mapped & inside
    near = binary_dilation(mapped, np.ones((3, 3)), iterations=buffer) if mapped.any() else mapped
    strata = np.where(mapped, 0, np.where(near, 1, 2)).astype(np.uint8)
    strata[~inside] = _NONE
    return strata


def allocation(sizes: np.ndarray, points: int, spread: Sequence[float] = _SPREAD) -> np.ndarray:
    """Points for each stratum; empty strata get none.

    Args:
        sizes: (strata,) pixels.
        points: in all.
        spread: (strata,) standard deviation of what people will say, as one would guess it.

    Raises:
        FusionError: fewer points than the strata need, or more than there are pixels.
    """
    least = np.minimum(sizes, LEAST)
    if not least.sum() <= points <= sizes.sum():
        raise FusionError(
            f"{points} points for strata of {', '.join(map(str, sizes))} pixels",
            f"{least.sum()} ({LEAST} a stratum, or all its pixels) to {sizes.sum()}",
            "choose another number of points",
        )
    given = least.copy()
    for _ in range(points - int(least.sum())):
        # Each point goes where it lowers the variance most (Wright 2012, doi:10.1080/00031305.2012.733679).
        gain = np.where(given < sizes, sizes * np.array(spread) / np.sqrt(given * (given + 1.0) + 1e-9), -1.0)
        given[np.argmax(gain)] += 1
    return given


def draw_points(grid: Grid, strata: np.ndarray, points: int, seed: int, mapped: str) -> pd.DataFrame:
    """Draw a stratified random sample of the pixels of a grid.

    Args:
        grid: where.
        strata: (y, x), from `strata_of`.
        points: in all.
        seed: the same seed draws the same points.
        mapped: name of the stratum of what is mapped.

    Returns:
        As `draw_from_strata`.

    Raises:
        FusionError: too few or too many points.
    """
    return draw_from_strata(grid, strata, points, seed, (mapped, *AROUND), _SPREAD)


def draw_from_strata(
    grid: Grid, strata: np.ndarray, points: int, seed: int, called: Sequence[str], spread: Sequence[float]
) -> pd.DataFrame:
    """Draw a stratified random sample of the pixels of a grid, from any strata.

    Args:
        grid: where.
        strata: (y, x) uint8, number of the stratum from 0; 255 outside.
        points: in all.
        seed: the same seed draws the same points.
        called: (strata,) their names.
        spread: (strata,) as for `allocation`.

    Returns:
        One row a point: `x`, `y` (pixel centre, the grid's CRS), `lon`, `lat`, `stratum` (name),
        `inclusion_probability` (of the pixel), `area_km2` (of the pixel).

    Raises:
        FusionError: too few or too many points.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    members = [_serpentine(strata == index, points) for index in range(len(called))]
    given = allocation(np.array([len(pixels) for pixels in members]), points, spread)
    rows, cols, names, chances = [], [], [], []
    for pixels, count, name in zip(members, given, called, strict=True):
        drawn = pixels[_one_a_run(len(pixels), int(count), rng)]
        rows.append(drawn // grid.width)
        cols.append(drawn % grid.width)
        names += [name] * int(count)
        chances += [count / max(len(pixels), 1)] * int(count)
    row, col = np.concatenate(rows), np.concatenate(cols)
    x, y = grid.centres()
    lon, lat = to_lonlat(grid.crs).transform(x[col], y[row])
    return pd.DataFrame(
        {
            "x": x[col],
            "y": y[row],
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "stratum": names,
            "inclusion_probability": chances,
            "area_km2": np.round(pixels_km2(grid, row, col), 9),
        }
    )


def pixels_km2(grid: Grid, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Geodesic area of single pixels, km2, (points,)."""
    area, step = np.zeros(len(row)), grid.resolution
    for start in range(0, len(row), 256):  # all rows by all columns are measured: few at a time
        part = slice(start, start + 256)
        rows, at_row = np.unique(row[part], return_inverse=True)
        cols, at_col = np.unique(col[part], return_inverse=True)
        west, north = grid.transform.c + step * cols, grid.transform.f - step * rows
        area[part] = cell_areas(west, north, (step, step), to_lonlat(grid.crs))[at_row, at_col]
    return area


def _serpentine(wanted: np.ndarray, points: int) -> np.ndarray:
    """Flat indices of the wanted pixels, ordered so that neighbours in the list are neighbours on the map.

    Strips as wide as one point's share of the map is, up one and down the next.
    """
    row, col = np.nonzero(wanted)
    strip = row // max(1, round((wanted.size / points) ** 0.5))
    order = np.lexsort((row, np.where(strip % 2, -col, col), strip))
    return np.ravel_multi_index((row[order], col[order]), wanted.shape)


def _one_a_run(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """One position at random from each of `count` runs of equal length that make up `size`; all different."""
    position = np.floor((np.arange(count) + rng.random(count)) * size / max(count, 1)).astype(int)
    while (twice := np.flatnonzero(np.diff(position) == 0) + 1).size:  # a pixel may lie on the border of two runs
        position[twice] = np.floor((twice + rng.random(twice.size)) * size / count).astype(int)
    return position
