"""Whether the points of a reference sample stand for all they should: the region in every year, stratum by stratum.

Rows that are missing leave no trace in the rows that are there, but they leave one in the sum of weights: a stratified
random sample of the region's pixels stands for exactly the region's area. Samples whose units or probabilities differ
within a stratum do so only on average; the tolerance grows by four standard errors of the sum, computed without the
heaviest point of each stratum, and by no more than a stated share of what the sum should be: one wrong weight must not
widen what it is measured against. Honest samples of 60 points or more with probability in proportion to size pass as
often as they would within three standard errors of all points.

Of a sample drawn from a wider area, the points within the region stand for it; how many fall there is chance, which the
standard error of their sum knows.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pyproj
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.grid import Grid
from fusion_assets.study.mistakes import cut

# By what share sums may differ: outlines drawn otherwise, areas measured otherwise, probabilities rounded.
_TOLERANCE = 0.02
_ERRORS = 4.0
# By what share chance may make them differ, however uneven the weights: a stratum has fewer points than a year, and
# of a wider sample any number may lie within the region.
_MOST_YEAR = 0.3
_MOST_WIDER = 0.75
_MOST_STRATUM = 0.5
# A point is heavy that stands for as much as this many typical ones of its stratum; a sample drawn that unevenly on
# purpose has more than one in twenty of them.
_HEAVY = 20
_FEW = 0.05
_TILE = 1024


def outline_km2(area: BaseGeometry) -> float:
    """Geodesic area of an outline in degrees."""
    return float(abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(area)[0]) / 1e6)


def dominating_points(points: pd.DataFrame) -> pd.Series:
    """Which points are far heavier than others of their stratum and year, few, and outweigh all of these together.

    Args:
        points: `year`, `stratum`, `weight`.
    """
    groups, weight = [points["year"], points["stratum"]], points["weight"]
    heavy = weight > _HEAVY * weight.groupby(groups).transform("median")
    counts = heavy.groupby(groups).transform("sum")
    few = counts <= (_FEW * heavy.groupby(groups).transform("size")).clip(lower=1)
    most = (weight * heavy).groupby(groups).transform("sum") > (weight * ~heavy).groupby(groups).transform("sum")
    return heavy & few & most


def incomplete_years(
    points: pd.DataFrame, grid: Grid, area: BaseGeometry, described: Callable[[int], str], *, wider: bool = False
) -> list[str]:
    """Years whose points, or those within the region, stand for less or more than the region, in words.

    Samples are drawn from a region's outline or from the pixels whose centre lies in it; one of the two must be met.
    They differ where the region has few pixels.

    Args:
        points: `year`, `stratum`, `chance`, `weight`, `inside`.
        grid: of the region.
        area: its outline, degrees.
        described: words for the point of an index.
        wider: the sample was drawn from a larger area: points that are not `inside` stand for nothing here.
    """
    if wider:
        points = points.assign(weight=points["weight"].where(points["inside"], 0.0))
    outline = outline_km2(area)
    # Large grids take long to measure, and then the two are the same.
    if not _other_than((outline,), points, described, wider):
        return []
    return _other_than((_pixels_km2(grid, area), outline), points, described, wider)


def _other_than(
    areas: tuple[float, ...], points: pd.DataFrame, described: Callable[[int], str], wider: bool
) -> list[str]:
    most, within = (_MOST_WIDER, " within the region") if wider else (_MOST_YEAR, "")
    found = []
    for year, rows in points.groupby("year"):
        total, error = float(rows["weight"].sum()), sum(_error(part) ** 2 for _, part in rows.groupby("stratum")) ** 0.5
        nearest = min(areas, key=lambda area: abs(total - area))
        allowed = _TOLERANCE * nearest + min(_ERRORS * error, most * nearest)
        if abs(total - nearest) > allowed:
            share = f"{abs(1 - total / nearest):.1%} {'are lacking' if total < nearest else 'too much'}"
            stand = f"the points of {year}{within} stand for {km2(total)} km2"
            found.append(f"{stand}, and the region has {km2(nearest)} km2 ({share})")
            heaviest = int(rows["weight"].to_numpy().argmax())
            if total > nearest and abs(total - float(rows["weight"].iloc[heaviest]) - nearest) <= allowed:
                found[-1] += f", all of it by row {described(int(rows.index[heaviest]))}"
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
    strata = {
        year: {str(name): (float(part["weight"].sum()), _error(part)) for name, part in rows.groupby("stratum")}
        for year, rows in years.items()
    }
    worst: dict[tuple[str, int], tuple[float, int, float]] = {}
    for pair in panels:
        for stratum in sorted(strata[pair[0]].keys() | strata[pair[1]].keys()):
            here = [strata[year].get(stratum, (0.0, 0.0)) for year in pair]
            sums = [total for total, _ in here]
            less, more = int(np.argmin(sums)), int(np.argmax(sums))
            error = sum(each**2 for _, each in here) ** 0.5
            key = stratum, pair[less]
            allowed = _TOLERANCE * sums[more] + min(_ERRORS * error, _MOST_STRATUM * sums[more])
            if sums[more] - sums[less] > allowed and (key not in worst or sums[more] > worst[key][2]):
                worst[key] = sums[less], pair[more], sums[more]
    return [
        f"stratum {cut(stratum)} stands for {km2(less)} km2 in {year} and for {km2(more)} km2 in {other} "
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
    """Standard error of one stratum's sum of weights, its heaviest point aside: 0 where all are alike."""
    if len(rows) < 2:
        return 0.0
    weight = np.sort(rows["weight"].to_numpy(float))
    spread = weight[:-1] if len(weight) > 3 else weight  # fewer say nothing of spread without it
    return float((len(rows) * (1 - rows["chance"].mean()) * spread.var(ddof=1)) ** 0.5)


def km2(value: float) -> str:
    """An area in words, without the unit."""
    return f"{value:.0f}" if 100 <= value < 1e9 else f"{value:.3g}"
