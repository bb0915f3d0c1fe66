"""The reference sample: points that people interpreted year by year, and what must hold before they are used.

Belongs here: finding, reading and checking the table. Does not: drawing points (`imagery/sampling.py`), estimating
(`estimation.py`).

Form: CSV or Parquet, one row a point and year. `x` and `y` in the CRS of the region's grid (or `lon` and `lat` in
degrees), `year`, `stratum` (any name), `inclusion_probability` (of the pixel, above 0 to 1), `label` (1 built-up, 0
not). Further columns may be there; these are used: `region` (needed where the study has several), `area_km2` (of the
sampling unit; by default the grid's pixel). Points interpreted in every year (a panel) tell most about change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.imagery.crs import from_lonlat, project
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.sampling import FILE, pixels_km2
from fusion_assets.study import ARCHIVE_SAMPLE, Study

COLUMNS = ("year", "stratum", "inclusion_probability", "label")
# What the points stand for may differ from the region's area by this share: a map without data here and there.
_FRAME_TOLERANCE = 0.2
_SHOWN = 5


def reference_path(name: str, archive: str) -> str:
    """Where a study's sample lies.

    Args:
        name: absolute path or URL, or `archive`.
        archive: path or URL of the catalog that the study reads.

    Raises:
        FusionError: `archive`, where the archive is an API.
    """
    if name != ARCHIVE_SAMPLE:
        return name
    if not archive.endswith(".json"):
        raise FusionError(
            f"reference_sample is {ARCHIVE_SAMPLE}, and {archive} is not a catalog file",
            f"a catalog with {FILE} beside it",
            "give the path of the table instead",
        )
    return archive.rsplit("/", 1)[0] + "/" + FILE if "/" in archive else FILE


def reference_digest(name: str, archive: str) -> str:
    """12 hexadecimal digits of a study's sample where it is a local file; otherwise its name.

    Args:
        name: as for `reference_path`.
        archive: likewise.
    """
    try:
        return hashlib.sha256(Path(reference_path(name, archive)).read_bytes()).hexdigest()[:12]
    except (FusionError, OSError):
        return name


def reference_of(study: Study, archive: str, region: str) -> pd.DataFrame | None:
    """The points of one region of a study, as `checked_reference` gives them; None for a study that names no sample.

    Args:
        study: whose `reference_sample` is read.
        archive: path or URL of the catalog that the study reads.
        region: name.

    Raises:
        FusionError: as `read_reference` and `checked_reference`.
    """
    if study.reference_sample is None:
        return None
    source = reference_path(study.reference_sample, archive)
    return checked_reference(
        read_reference(source),
        source,
        study.grid(region),
        study.polygon(region),
        study.prediction_years,
        region=region,
        regions=len(study.regions),
        wider=study.reference_sample == ARCHIVE_SAMPLE,
    )


def read_reference(path: str) -> pd.DataFrame:
    """The table as it is.

    Raises:
        FusionError: no such file, or neither CSV nor Parquet.
    """
    reader = pd.read_parquet if path.endswith((".parquet", ".pq")) else pd.read_csv
    try:
        return reader(path)
    except FileNotFoundError:
        raise FusionError(
            f"reference sample {path} does not exist",
            "the table of interpreted points that the study names",
            "correct reference_sample (a path relative to the study file), draw one with `fusion sample`, or leave "
            "the key out: areas are then mapped ones, relative to the labels",
        ) from None
    except (OSError, ValueError) as error:
        raise FusionError(f"{path} cannot be read: {error}", "CSV or Parquet", "save it as one of these") from None


def checked_reference(
    table: pd.DataFrame,
    source: str,
    grid: Grid,
    area: BaseGeometry,
    years: Sequence[int],
    *,
    region: str,
    regions: int = 1,
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
        regions: how many the study has.
        wider: the sample was drawn from a larger area; points outside the region then count as lying outside it.

    Returns:
        One row a point and year: `place` (number of the location), `year`, `stratum`, `chance`, `weight` (km2 that the
        point stands for), `label` (0 or 1), `row`, `col`, and `inside` (its pixel belongs to the region).

    Raises:
        FusionError: whatever would make the estimate wrong, with the rows it was found in.
    """
    problem = _Problems(source)
    table = _of_region(table, problem, years, region, regions)
    problem.number = table.index.to_numpy() + 1
    table = table.reset_index(drop=True)
    names = ("x", "y") if {"x", "y"} <= set(table) else ("lon", "lat")
    numbers = table[[*names, "inclusion_probability", "label"]].apply(pd.to_numeric, errors="coerce")
    _check_values(table, numbers, problem)
    problem.rows(numbers[list(names)].isna().any(axis=1), "no coordinates", "numbers")
    x, y = (numbers[name].to_numpy(float) for name in names)
    if names == ("lon", "lat"):
        x, y = from_lonlat(grid.crs).transform(x, y)
    year, stratum = pd.to_numeric(table["year"]).astype(int), table["stratum"].astype(str)
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
    unit = pd.to_numeric(table["area_km2"], errors="coerce") if "area_km2" in table else pixels_km2(grid, row, col)
    problem.rows(~(pd.Series(unit) > 0), "no area_km2", "the area of the sampling unit, km2, above 0")
    chance = numbers["inclusion_probability"].to_numpy(float)
    weight = np.asarray(unit, float) / chance
    if not wider:
        outside = pd.Series(~inside & ~shapely.contains_xy(outline, x, y))
        where = f"{' and '.join(names)} within it, in {grid.crs if 'x' in names else 'degrees'}"
        problem.rows(outside, f"a place outside region {region}", where)
        _check_frame(problem, weight, year.to_numpy(), area)
    return pd.DataFrame(
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


class _Problems:
    """Turns what was found in a table into errors that name it.

    Args:
        source: name of the table.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.number = np.zeros(0, int)

    def require(self, found: Sequence[object], what: str, expected: str) -> None:
        """Refuse when anything was found."""
        if found:
            raise FusionError(f"reference sample {self.source}: {what} {_list(found)}", expected, "correct the table")

    def rows(self, wrong: pd.Series, what: str, expected: str, values: pd.Series | None = None) -> None:
        """Refuse when any row is wrong; says how many, and which first (1 is the first below the header)."""
        if wrong.any():
            where = np.flatnonzero(wrong)
            rows = _list(f"{self.number[i]}" + (f" ({values.iloc[i]})" if values is not None else "") for i in where)
            found = f"reference sample {self.source}: {what}, in {len(where)} of {len(wrong)} rows: {rows}"
            raise FusionError(found, expected, "correct the table")


def _of_region(
    table: pd.DataFrame, problem: _Problems, years: Sequence[int], region: str, regions: int
) -> pd.DataFrame:
    """Rows of the region and years; the columns and years that are needed are there."""
    placed = {"x", "y"} <= set(table) or {"lon", "lat"} <= set(table)
    missing = [name for name in COLUMNS if name not in table] + ([] if placed else ["x", "y"])
    problem.require(missing, "no column", f"x, y (or lon, lat), {', '.join(COLUMNS)}")
    if "region" in table:
        table = table[table["region"].astype(str) == region]
    elif regions > 1:
        problem.require(["region"], "no column", "the region of every point, since the study has several")
    year = pd.to_numeric(table["year"], errors="coerce")
    absent = [each for each in years if not (year == each).any()]
    problem.require(absent, f"no points of region {region} in", f"points of every prediction year: {_list(years)}")
    return table[year.isin(years)]


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


def _check_frame(problem: _Problems, weight: np.ndarray, year: np.ndarray, area: BaseGeometry) -> None:
    """What the points of a year stand for is the region, as far as a map covers it."""
    region_km2 = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(area)[0]) / 1e6
    for each in np.unique(year):
        stands_for = float(weight[year == each].sum())
        if abs(stands_for / region_km2 - 1) > _FRAME_TOLERANCE:
            raise FusionError(
                f"reference sample {problem.source}: the points of {each} stand for {stands_for:.0f} km2 "
                f"(sum of pixel area by inclusion probability), and the region has {region_km2:.0f} km2",
                "the two to agree, as they do for a probability sample of the region's pixels",
                "check inclusion_probability, and give area_km2 where the sampling unit is not the grid's pixel",
            )


def _list(items: Iterable[object]) -> str:
    texts = [str(item) for item in items]
    return ", ".join(texts[:_SHOWN]) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")
