"""What must hold before a reference sample is used, row by row; and where its points lie on the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import pixels_km2
from fusion_assets.grids.crs import from_lonlat, project
from fusion_assets.grids.grid import Grid
from fusion_assets.study.mistakes import cut
from fusion_assets.systems.built_up.areas.reference_frame import (
    dominating_points,
    incomplete_strata,
    incomplete_years,
    km2,
    outline_km2,
)

COLUMNS = ("year", "stratum", "inclusion_probability", "label")
MOST_ROWS = 300_000
"""Of one region: 10,000 points in 30 years."""
MOST_STRATA = 5_000
"""Strata of all years, each by itself."""
_SHOWN = 5
_LONGEST = 300
_MOST_DEGREES = {"lon": 360.0, "lat": 90.0}
# Outlines are drawn otherwise, and areas measured otherwise; a grid's pixels reach beyond the outline.
_WHOLE = 1.02
_COMPLETE = (
    "put back rows that were lost; where points cannot be interpreted, take them out and lower inclusion_probability "
    "of their stratum by the share taken out; where part of the region could not be drawn, draw points there as a "
    "stratum of their own; keep all digits of inclusion_probability, and give area_km2 where the sampling unit is not "
    "the grid's pixel"
)


def checked_reference(
    table: pd.DataFrame,
    source: str,
    grid: Grid,
    area: BaseGeometry,
    years: Sequence[int],
    *,
    region: str,
    regions: Sequence[str] = (),
    wider: bool = False,
) -> pd.DataFrame:
    """The points of one region, checked and placed on its grid.

    Args:
        table: as read.
        source: its name, for errors.
        grid: of the region.
        area: outline of the region, degrees.
        years: that must be there; rows of others are left out.
        region: name of the region.
        regions: names of all that the study has.
        wider: the sample was drawn from a larger area: its points belong to the region that they lie in, whatever a
            column says, and those outside count as lying outside.

    Returns:
        One row a point and year: `place` (number of the location), `year`, `stratum`, `chance`, `weight` (km2 that the
        point stands for), `label` (0 or 1), `row`, `col`, and `inside` (its pixel belongs to the region).

    Raises:
        FusionError: whatever would make the estimate wrong, with the rows, or the stratum and year, it was found in.
    """
    problem = _Problems(source)
    names = _check_columns(table, problem)
    table = _of_region(table, problem, years, region, regions or (region,), wider)
    problem.number = table.index.to_numpy() + 1
    table = table.reset_index(drop=True)
    numbers = table[[*names, "inclusion_probability", "label"]].apply(_numbers)
    _check_values(table, numbers, problem)
    for name in names:
        most = _MOST_DEGREES.get(name, np.finfo(float).max)
        problem.rows(~(numbers[name].abs() <= most), f"no {name}", f"coordinates: numbers up to {most:g}", table[name])
    x, y = (numbers[name].to_numpy() for name in names)
    if names == ("lon", "lat"):
        x, y = from_lonlat(grid.crs).transform(x, y)
    year, stratum = _numbers(table["year"]).astype(int), table["stratum"].astype(str)
    groups = len(pd.DataFrame({"year": year, "stratum": stratum}).drop_duplicates())
    if len(table) > MOST_ROWS or groups > MOST_STRATA:
        problem.require(
            [f"{len(table)} rows and {groups} strata of years"], "", f"at most {MOST_ROWS} and {MOST_STRATA}"
        )
    place = pd.DataFrame({"x": x, "y": y}).groupby(["x", "y"], sort=False).ngroup()
    twice = pd.DataFrame({"place": place, "year": year}).duplicated()
    problem.rows(twice, "the place and year of an earlier row", "each place once a year: keep one row")
    counts = stratum[numbers["inclusion_probability"] < 1].groupby([year, stratum]).size()
    lonely = [f"{name} ({of_year})" for of_year, name in counts.index[counts < 2]]
    problem.require(lonely, "strata with a single point:", "two points or more, better 50: one tells nothing of spread")

    row, col = np.floor((grid.transform.f - y) / grid.resolution), np.floor((x - grid.transform.c) / grid.resolution)
    on_grid = (row >= 0) & (row < grid.height) & (col >= 0) & (col < grid.width)
    row, col = np.where(on_grid, row, 0).astype(int), np.where(on_grid, col, 0).astype(int)
    outline, (centre_x, centre_y) = project(area, grid.crs), grid.centres()
    inside = on_grid & shapely.contains_xy(outline, centre_x[col], centre_y[row])
    unit = _units(table, problem) if "area_km2" in table else pixels_km2(grid, row, col)
    chance = numbers["inclusion_probability"].to_numpy()
    with np.errstate(over="ignore"):  # infinite weights are refused with all that are too large
        weight = unit / chance
    points = pd.DataFrame(
        {
            "place": place,
            "year": year,
            "stratum": stratum,
            "chance": chance,
            "weight": weight,
            "label": numbers["label"].astype(int),
            "row": row,
            "col": col,
            "inside": inside,
        }
    )

    def described(at: int) -> str:
        where = ", ".join(f"{name} {cut(str(table[name][at]))}" for name in (*names, "year", "stratum"))
        return f"{problem.number[at]} ({where}: {km2(weight[at])} km2)"

    region_km2 = outline_km2(area)
    # Of a wider sample, points elsewhere may stand for more than this region, but no sampling unit is larger.
    bounded = np.where(inside, weight, unit) if wider else weight
    most = _WHOLE * region_km2 + grid.resolution**2 / 1e6
    heavy = f"points that stand for less than the region, {km2(region_km2)} km2 (area_km2 by inclusion_probability)"
    problem.points(~(bounded <= most) | np.isinf(weight), "alone stands for more than the region:", heavy, described)
    alike = "weights that a few points do not dominate; points drawn much more thinly are a stratum of their own"
    problem.points(
        dominating_points(points).to_numpy(), "outweighs the rest of its stratum and year:", alike, described
    )
    if wider:
        empty = sorted(set(years) - set(year[inside]))
        problem.require(empty, f"no point within region {region} in", "points there: draw a sample of the region")
    else:
        outside = pd.Series(~inside & ~shapely.contains_xy(outline, x, y))
        where = f"{' and '.join(names)} within it, in {grid.crs if 'x' in names else 'degrees'}"
        problem.rows(outside, f"a place outside region {region}", where)
    # Strata first: where the same places serve several years, they say more exactly what is missing.
    same = "every stratum in every year, and standing for the same area"
    problem.require(incomplete_strata(points), "", same, _COMPLETE)
    whole = "the points of a year to stand for the whole region (pixel area by inclusion probability, summed)"
    if wider:
        whole = whole.replace("of a year", "of a year that lie within the region")
    problem.require(incomplete_years(points, grid, area, described, wider=wider), "", whole, _COMPLETE)
    return points


class _Problems:
    """Turns what was found in a table into errors that name it.

    Args:
        source: name of the table.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.number = np.zeros(0, int)

    def require(self, found: Sequence[object], what: str, expected: str, remedy: str = "correct the table") -> None:
        """Refuse when anything was found."""
        if found:
            words = " ".join(part for part in (what, _list(found)) if part)
            raise FusionError(f"reference sample {self.source}: {words}", expected, remedy)

    def rows(self, wrong: pd.Series, what: str, expected: str, values: pd.Series | None = None) -> None:
        """Refuse when any row is wrong; says how many, and which first (1 is the first below the header)."""
        if wrong.any():
            where = np.flatnonzero(wrong)
            rows = _list(
                f"{self.number[i]}" + (f" ({cut(str(values.iloc[i]))})" if values is not None else "") for i in where
            )
            found = f"reference sample {self.source}: {what}, in {len(where)} of {len(wrong)} rows: {rows}"
            raise FusionError(found, expected, "correct the table")

    def points(self, wrong: np.ndarray, what: str, expected: str, described: Callable[[int], str]) -> None:
        """Refuse when what any point stands for is wrong; says how many, and describes the first."""
        at = np.flatnonzero(wrong)
        rows = [described(i) for i in at[:_SHOWN]] + [""] * max(len(at) - _SHOWN, 0)
        remedy = "correct inclusion_probability and area_km2 of such rows"
        self.require(rows, f"a point {what} row", expected, remedy)


def _check_columns(table: pd.DataFrame, problem: _Problems) -> tuple[str, str]:
    """All columns are there; returns the names of the coordinates."""
    placed = [names for names in (("x", "y"), ("lon", "lat")) if set(names) <= set(table)]
    missing = [name for name in COLUMNS if name not in table] + ([] if placed else ["x", "y"])
    problem.require(missing, "no column", f"x, y (or lon, lat), {', '.join(COLUMNS)}")
    return placed[0]


def _of_region(
    table: pd.DataFrame, problem: _Problems, years: Sequence[int], region: str, regions: Sequence[str], wider: bool
) -> pd.DataFrame:
    """Rows of the region and years; no row is left out because nobody can tell where it belongs."""
    table = table.reset_index(drop=True)
    problem.number = table.index.to_numpy() + 1
    year = _numbers(table["year"])
    problem.rows(~(year % 1 == 0), "a year that cannot be read", "a whole number such as 2019", table["year"])
    mine = pd.Series(True, index=table.index)
    if not wider and "region" in table:
        name = table["region"].astype(str)
        known = f"{', '.join(regions)}; rows of places outside the study do not belong in its table"
        problem.rows(~name.isin(regions), "a region that the study does not have", known, table["region"])
        mine = name == region
    elif not wider and len(regions) > 1:
        problem.require(["region"], "no column", "the region of every point, since the study has several")
    absent = [each for each in years if not (year[mine] == each).any()]
    problem.require(absent, f"no points of region {region} in", f"points of every prediction year: {_list(years)}")
    return table[mine & year.isin(years)]


def _numbers(column: pd.Series) -> pd.Series:
    """A column as plain floats, NaN for what is no number, whatever kind of missing value the file has.

    True and false may be labels; as a probability or a place they are no numbers.
    """
    if pd.api.types.is_bool_dtype(column) and column.name != "label":
        return pd.Series(np.nan, index=column.index)
    try:
        values = pd.to_numeric(column, errors="coerce")
    except OverflowError:  # whole numbers beyond all floats
        values = pd.to_numeric(column.astype(str), errors="coerce")
    return pd.Series(values.to_numpy(dtype=float, na_value=np.nan), index=column.index)


def _units(table: pd.DataFrame, problem: _Problems) -> np.ndarray:
    """Areas of the sampling units that the table gives, km2."""
    unit = _numbers(table["area_km2"])
    wanted = "the area of the sampling unit, km2, above 0 and finite"
    problem.rows(~((unit > 0) & np.isfinite(unit)), "no area_km2", wanted, table["area_km2"])
    return unit.to_numpy()


def _check_values(table: pd.DataFrame, numbers: pd.DataFrame, problem: _Problems) -> None:
    label, chance = numbers["label"], numbers["inclusion_probability"]
    interpret = (
        "0 or 1: interpret them, or take such rows out and lower the inclusion probability of their stratum by the "
        "share taken out"
    )
    problem.rows(table["label"].isna(), "no label", interpret)
    problem.rows(~label.isin((0, 1)), "a label that is neither", "1 built-up, 0 not", table["label"])
    wrong = ~((chance > 0) & (chance <= 1))
    problem.rows(wrong, "no inclusion probability", "above 0 and at most 1", table["inclusion_probability"])
    problem.rows(table["stratum"].isna(), "no stratum", "the stratum each point was drawn in")


def _list(items: Iterable[object]) -> str:
    texts = [cut(str(item), _LONGEST) for item in items]
    return ", ".join(texts[:_SHOWN]) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")
