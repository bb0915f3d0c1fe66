"""Regions from a file of districts: one row a region, named by a column."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import shapely
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from fusion_assets.study.district_crs import to_degrees
from fusion_assets.study.district_files import open_table
from fusion_assets.study.district_table import FORM, DistrictTable
from fusion_assets.study.mistakes import Problem, Problems, close_to, cut, problems_of, shown, wrong
from fusion_assets.study.names import name_like
from fusion_assets.study.outline_limits import OutlineEffort
from fusion_assets.study.regions import Crs, Region, Section, effort_of

Value = str | int | float


class DistrictFile(Section):
    """What stands under `regions` where they come from a file.

    Attributes:
        file: path of the file, relative to the study file.
        name: column that names the districts.
        layer: of a GeoPackage with several.
        where: values by column; a district is taken where every column has one of its values.
        crs: CRS of all grids; by default each district's UTM zone.
    """

    file: str = Field(description=FORM, examples=["districts.gpkg"])
    name: str = Field(description="column that names the districts", examples=["ADM2_EN"])
    layer: str | None = Field(None, description="layer of a GeoPackage", examples=["adm2"])
    where: dict[str, Any] = Field(
        default_factory=dict, description="values by column", examples=[{"ADM1_EN": ["Bagmati"]}]
    )
    crs: Crs = Field(None, description="projected CRS in metres", examples=["EPSG:32645"])

    @field_validator("where", mode="after")
    @classmethod
    def _where(cls, value: dict[str, Any]) -> dict[str, tuple[Value, ...]]:
        chosen = {column: tuple(each) if isinstance(each, list) else (each,) for column, each in value.items()}
        for column, values in chosen.items():
            if not values or any(type(each) not in (str, int, float) for each in values):
                raise wrong(
                    f"has {shown(value[column])} for {shown(column)}",
                    "text, a number, or a list of them",
                    "write for example `where: {ADM1_EN: Bagmati}`; dates and codes with a leading 0 in quotes",
                )
        return chosen


def regions_from_file(value: dict[str, Any], info: ValidationInfo, most: int) -> list[Region]:
    """Regions of what a study says of a file of districts.

    Args:
        value: mapping under `regions`.
        info: of the study's validation.
        most: regions that there may be.

    Raises:
        PydanticCustomError: a file, layer, column or CRS that is not to be had.
        Problems: mistakes in the mapping, or in districts, which are named.
    """
    try:
        given = DistrictFile.model_validate(value, context=info.context)
    except ValidationError as error:
        found = problems_of(error, DistrictFile)
        raise Problems([replace(each, key=f"regions.{each.key}") for each in found]) from None
    regions, problems = [], []
    for place, content in _districts(given, info, most):
        try:
            regions.append(Region.model_validate(content, context=info.context))
        except ValidationError as error:
            problems += [replace(each, key=place) for each in problems_of(error, Region)]
    if problems:
        raise Problems(problems)
    return regions


def _districts(given: DistrictFile, info: ValidationInfo, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Places in the file, for errors, with what a study would say of the region there."""
    effort = effort_of(info)
    table = open_table(given.file, given.layer, (info.context or {}).get("folder", Path()), effort)
    wanted = list(dict.fromkeys((given.name, *given.where)))
    for column in wanted:
        _check_column(column, table, given)
    in_degrees = to_degrees(table, given.file)
    chosen = list(_chosen(table.read(wanted), given, effort))
    if len(chosen) > most:
        raise wrong(
            f"are {len(chosen)}", f"at most {most} regions", "split the file, or choose some with `where` in a study"
        )
    problems: list[Problem] = []
    by_name: dict[str, list[tuple[int, str]]] = {}
    found = []
    for row, text, outline in chosen:
        title = " ".join(text.split())
        place = f"regions, row {row} of {cut(Path(given.file).name)} ({cut(title) or 'without a name'})"
        name = name_like(title)
        if not name or outline is None:
            lacks = "has no outline" if name else f"has no letter or digit in its {given.name}"
            remedy = "correct it, or choose the others with `where`"
            problems.append(Problem(place, lacks, "a name and an outline for every district", remedy))
            continue
        by_name.setdefault(name.casefold(), []).append((row, title))
        region = {"name": name, "title": title, "geometry": outline}
        found.append((place, region | ({} if given.crs is None else {"crs": given.crs})))
    problems += _twice(by_name, given)
    if problems:
        raise Problems(problems)
    for place, region in found:
        if isinstance(region["geometry"], bytes):
            try:
                shape = in_degrees(shapely.from_wkb(region["geometry"]), place)
                region["geometry"] = shapely.geometry.mapping(shape)
            except (shapely.errors.ShapelyError, NotImplementedError, ValueError) as error:
                if isinstance(error, Problems):
                    raise
                lacks = f"has an outline that cannot be read ({cut(str(error))})"
                raise Problems(
                    [Problem(place, lacks, "polygons without arcs", "ogr2ogr -nlt CONVERT_TO_LINEAR")]
                ) from None
        yield place, region


def _check_column(column: str, table: DistrictTable, given: DistrictFile) -> None:
    if column not in table.columns:
        close = close_to(column, table.columns)
        raise wrong(
            f"name column {shown(column)}, which {shown(given.file)} has not",
            f"one of: {cut(', '.join(table.columns), 300) or 'it has none'}",
            f"did you mean {close}?" if close else "choose from the list",
        )


def _chosen(
    rows: Iterator[tuple[Mapping[str, Any], Any]], given: DistrictFile, effort: OutlineEffort
) -> Iterator[tuple[int, str, Any]]:
    """Number, name and outline of the rows that `where` keeps, counted from 1."""
    wanted = {column: dict.fromkeys(map(_plain, values), False) for column, values in given.where.items()}
    seen: dict[str, dict[str, None]] = {column: {} for column in wanted}
    count = 0
    for row, (values, outline) in enumerate(rows, 1):
        kept = True
        for column, of_column in wanted.items():
            here = _plain(values[column])
            if here in of_column:
                of_column[here] = True
            elif len(seen[column]) < 1000 and here is not None:
                seen[column][str(here)] = None
            kept = kept and here in of_column
        if not kept:
            continue
        count += 1
        if isinstance(outline, bytes):
            effort.spend("bytes of outlines of districts", len(outline))
        yield row, _text(values[given.name], row, given), outline
    for column, of_column in wanted.items():
        for value in [value for value, is_there in of_column.items() if not is_there]:
            there = sorted({*map(str, (v for v, is_there in of_column.items() if is_there)), *seen[column]})
            close = close_to(str(value), there)
            raise wrong(
                f"choose {shown(value)} in column {shown(column)}, which no row of {shown(given.file)} has",
                f"values as they stand there: {cut(', '.join(there), 200) or 'none'}",
                f"did you mean {close}?" if close else "correct `where`; text goes in quotes, numbers without",
            )
    if not count:
        raise wrong(
            f"are none: {shown(given.file)} has no row" + (" that has all of `where`" if given.where else ""),
            "at least one district",
            "correct `where`" if given.where else "choose another file",
        )


def _plain(value: Any) -> Any:
    """A value to compare by: text in one spelling, numbers as numbers; truth is neither."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value).strip()
    return value if type(value) in (int, float) else None


def _text(value: Any, row: int, given: DistrictFile) -> str:
    """A name as text; empty where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if (isinstance(value, str) and "\ufffd" not in value) or type(value) is int:
        return str(value)
    raise wrong(
        f"name column {shown(given.name)}, which holds {shown(value)} in row {row}",
        "a column of text or whole numbers" if not isinstance(value, str) else "text whose letters can be read",
        "choose another column" if not isinstance(value, str) else "export the file again as UTF-8",
    )


def _twice(by_name: Mapping[str, Sequence[tuple[int, str]]], given: DistrictFile) -> Iterator[Problem]:
    for name, rows in by_name.items():
        if len(rows) > 1:
            titles = ", ".join(dict.fromkeys(shown(title) for _, title in rows))
            numbers = ", ".join(str(row) for row, _ in rows[:10]) + (", ..." if len(rows) > 10 else "")
            yield Problem(
                f"regions, rows {numbers} of {cut(Path(given.file).name)}",
                f"are called {cut(titles, 200)}: {name} as the name of a region",
                "one row a district, names that differ",
                "choose a column that tells them apart, such as a code; choose some with `where`; or dissolve them",
            )
