"""Figures of regions as files for statisticians: GeoPackage, CSV, Parquet; whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.publishing.figure_files import check_new, drawn, made_beside, write_layers, write_table

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

_ONE_VALUE = [
    "study", "region_title", "region_km2", "compared_share", "n_valid", "kind", "low_high_meaning", "labels",
    "label_year", "note",
]  # fmt: skip
_BY_YEAR = ("area_km2", "low_km2", "high_km2", "standard_error_km2", "built_up_share", "mapped_km2")


@dataclass(frozen=True)
class Figures:
    """What is written.

    Attributes:
        areas: one row a region and year.
        changes: one row a region and pair of years; none where there is one year.
        outlines: by region, degrees.
        about: `name` and `meaning` of the columns.
    """

    areas: pd.DataFrame
    changes: pd.DataFrame
    outlines: Mapping[str, BaseGeometry]
    about: pd.DataFrame


def check_writable(target: Path, force: bool) -> None:
    """Find out whether a file, and that of its changes, can be written before anything is computed.

    Raises:
        FusionError: an unknown extension, a file that exists (unless `force`), a folder that does not.
    """
    beside = changes_path(target)
    check_new(target, force, () if beside is None else (beside,))


def changes_path(target: Path) -> Path | None:
    """Where changes lie: `areas_changes.csv` beside `areas.csv`; None where they are a layer of the same file."""
    return None if target.suffix.lower() == ".gpkg" else target.with_name(f"{target.stem}_changes{target.suffix}")


def write_figures(target: Path, figures: Figures) -> None:
    """Write all figures.

    A CSV is a table: UTF-8, comma, decimal point, units in the column names. A Parquet file is GeoParquet: the same
    table, each row with its region's polygon. Both have the changes in a second file. A GeoPackage holds `regions`, one
    polygon a region in longitude and latitude (EPSG:4326) with a column for each year, such as `area_km2_2016`, to be
    drawn as it is; `changes`, one polygon for each region and pair of years; `area_by_year`, the table itself; and
    `about`, what the columns mean. The last two have no geometry.

    Args:
        target: file with a known extension; replaced.
        figures: to be written.

    Raises:
        FusionError: a file cannot be written.
    """
    beside = changes_path(target)
    with made_beside(target) as folder:
        partial = folder / f"export{target.suffix.lower()}"
        if beside is None:
            _write_geopackage(partial, figures)
        else:
            write_table(partial, figures.areas, "region", figures.outlines)
            if len(figures.changes):
                write_table(folder / beside.name, figures.changes, "region", figures.outlines)
                (folder / beside.name).replace(beside)
            else:
                beside.unlink(missing_ok=True)  # of what is replaced
        partial.replace(target)


def _write_geopackage(path: Path, figures: Figures) -> None:
    areas = figures.areas
    wide = areas.groupby("region", sort=False)[list(_ONE_VALUE)].first().reset_index()
    by_year = areas.pivot(index="region", columns="year", values=list(_BY_YEAR)).loc[wide["region"]]
    for name in _BY_YEAR:
        for year in sorted(areas["year"].unique()):
            wide[f"{name}_{year}"] = by_year[name][year].to_numpy(float)
    layers = {"regions": drawn(wide, "region", figures.outlines)}
    if len(figures.changes):
        layers["changes"] = drawn(figures.changes, "region", figures.outlines)
    write_layers(path, layers | {"area_by_year": areas, "about": figures.about})
