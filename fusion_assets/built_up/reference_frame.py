"""Whether the points of a reference sample stand for all they should: the region in every year, stratum by stratum.

Rows that are missing leave no trace in the rows that are there, but they leave one in the sum of weights: a stratified
random sample of the region's pixels stands for exactly the region's area. Samples whose units or probabilities differ
within a stratum do so only on average; the tolerance grows by three standard errors of the sum.

Belongs here: these sums and what they are compared with. Does not: single rows (`reference_checks.py`).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pyproj
from shapely.geometry.base import BaseGeometry

from fusion_assets.imagery.grid import Grid

# By what share sums may differ: outlines drawn otherwise, areas measured otherwise, probabilities rounded.
_TOLERANCE = 0.02
_ERRORS = 3.0
_TILE = 1024


def incomplete_years(points: pd.DataFrame, grid: Grid, area: BaseGeometry) -> list[str]:
    """Years whose points stand for less or more than the region, in words.

    Samples are drawn from a region's outline or from the pixels whose centre lies in it; one of the two must be met.
    They differ where the region has few pixels.

    Args:
        points: `year`, `stratum`, `chance`, `weight`.
        grid: of the region.
        area: its outline, degrees.
    """
    outline = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(area)[0]) / 1e6
    # Large grids take long to measure, and then the two are the same.
    return _other_than((outline,), points) and _other_than((_pixels_km2(grid, area), outline), points)


def _other_than(areas: tuple[float, ...], points: pd.DataFrame) -> list[str]:
    found = []
    for year, rows in points.groupby("year"):
        total, error = float(rows["weight"].sum()), sum(_error(part) ** 2 for _, part in rows.groupby("stratum")) ** 0.5
        nearest = min(areas, key=lambda area: abs(total - area))
        if abs(total - nearest) > _TOLERANCE * nearest + _ERRORS * error:
            share = f"{abs(1 - total / nearest):.1%} {'are lacking' if total < nearest else 'too much'}"
            found.append(
                f"the points of {year} stand for {_km2(total)} km2, and the region has {_km2(nearest)} km2 ({share})"
            )
    return found


def _pixels_km2(grid: Grid, area: BaseGeometry) -> float:
    """Area of the pixels whose centre lies in an outline."""
    total = 0.0
    for top in range(0, grid.height, _TILE):
        for left in range(0, grid.width, _TILE):
            part = grid.window(top, left, min(_TILE, grid.height - top), min(_TILE, grid.width - left))
            total += float(part.pixel_areas_km2()[part.inside(area)].sum())
    return total


def incomplete_strata(points: pd.DataFrame) -> list[str]:
    """Strata that stand for less in one year than in another at the same places, in words.

    Years whose places were drawn independently may have other strata, or the same of other size, and are not compared.

    Args:
        points: `place`, `year`, `stratum`, `chance`, `weight`.
    """
    years = {int(year): points[points["year"] == year] for year in sorted(points["year"].unique())}
    panels = [(one, other) for one, other in combinations(years, 2) if _is_panel(years[one], years[other])]
    worst: dict[tuple[str, int], tuple[float, int, float]] = {}
    for pair in panels:
        for stratum in sorted({str(name) for year in pair for name in years[year]["stratum"]}):
            here = [years[year][years[year]["stratum"] == stratum] for year in pair]
            sums = [float(rows["weight"].sum()) for rows in here]
            less, more = int(np.argmin(sums)), int(np.argmax(sums))
            error = sum(_error(rows) ** 2 for rows in here) ** 0.5
            key = stratum, pair[less]
            if sums[more] - sums[less] > _TOLERANCE * sums[more] + _ERRORS * error and (
                key not in worst or sums[more] > worst[key][2]
            ):
                worst[key] = sums[less], pair[more], sums[more]
    return [
        f"stratum {stratum} stands for {_km2(less)} km2 in {year} and for {_km2(more)} km2 in {other} "
        f"({1 - less / more:.1%} are lacking)"
        for (stratum, year), (less, other, more) in sorted(worst.items())
    ]


def _is_panel(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Whether two years share places by design: more than halfway from chance to all, and in the same strata."""
    both = first[["place", "stratum"]].merge(second[["place", "stratum"]], on="place", suffixes=("", "_then"))
    most = min(len(first), len(second))
    # Of two independent draws, this many are common: every point of the one, with its chance to be in the other.
    by_chance = min(first["chance"].sum(), second["chance"].sum())
    same = (both["stratum"] == both["stratum_then"]).mean() if len(both) else 0.0
    return len(both) - by_chance > 0.5 * (most - by_chance) and bool(same > 1 - _TOLERANCE)


def _error(rows: pd.DataFrame) -> float:
    """Standard error of one stratum's sum of weights: 0 where all units and probabilities are alike."""
    if len(rows) < 2:
        return 0.0
    return float((len(rows) * (1 - rows["chance"].mean()) * rows["weight"].var()) ** 0.5)


def _km2(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
