"""Figures of regions as files for statisticians: GeoPackage, CSV, Parquet; whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX

if TYPE_CHECKING:
    import geopandas
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

FORMATS = (".gpkg", ".csv", ".parquet")
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
    if target.suffix.lower() not in FORMATS:
        raise FusionError(f"{target} is no known format", " or ".join(FORMATS), "end the name with one of these")
    for path in (target, changes_path(target)):
        if path is not None and (path.is_dir() or (path.exists() and not force)):
            raise FusionError(f"{path} exists", "a new file", "choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise FusionError(f"there is no folder {target.parent}", "a folder that exists", "make it, or choose another")


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
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from None
    beside = changes_path(target)
    try:
        partial = folder / f"export{target.suffix.lower()}"
        if beside is None:
            _write_geopackage(partial, figures)
        else:
            _write_table(partial, figures.areas, figures)
            if len(figures.changes):
                _write_table(folder / beside.name, figures.changes, figures)
                (folder / beside.name).replace(beside)
            else:
                beside.unlink(missing_ok=True)  # of what is replaced
        partial.replace(target)
    except (OSError, RuntimeError) as error:  # GDAL's are of the second kind
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_table(path: Path, table: pd.DataFrame, figures: Figures) -> None:
    if path.suffix.lower() == ".csv":
        table.to_csv(path, index=False, encoding="utf-8")
    else:
        _drawn(table, figures).to_parquet(path, index=False, compression="zstd")


def _drawn(table: pd.DataFrame, figures: Figures) -> geopandas.GeoDataFrame:
    """Rows with their regions' polygons, of one geometry type: a lone polygon is a multipolygon of one."""
    import geopandas
    from shapely.geometry import MultiPolygon, Polygon

    many = {
        region: MultiPolygon([shape]) if isinstance(shape, Polygon) else shape
        for region, shape in figures.outlines.items()
    }
    return geopandas.GeoDataFrame(table, geometry=[many[region] for region in table["region"]], crs="EPSG:4326")


def _write_geopackage(path: Path, figures: Figures) -> None:
    import pyogrio

    areas = figures.areas
    wide = areas.groupby("region", sort=False)[list(_ONE_VALUE)].first().reset_index()
    by_year = areas.pivot(index="region", columns="year", values=list(_BY_YEAR)).loc[wide["region"]]
    for name in _BY_YEAR:
        for year in sorted(areas["year"].unique()):
            wide[f"{name}_{year}"] = by_year[name][year].to_numpy(float)
    layers = {"regions": _drawn(wide, figures)}
    if len(figures.changes):
        layers["changes"] = _drawn(figures.changes, figures)
    layers |= {"area_by_year": areas, "about": figures.about}
    for layer, content in layers.items():
        pyogrio.write_dataframe(content, path, layer=layer, driver="GPKG", append=path.exists())


def _unwritable(target: Path, error: Exception) -> FusionError:
    # GDAL repeats whole statements of SQL.
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return FusionError(f"{target} cannot be written: {reason}", "a writable folder with free space", "choose another")
