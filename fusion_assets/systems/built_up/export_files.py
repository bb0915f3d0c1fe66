"""Tables for statisticians as files: GeoPackage and CSV, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".gpkg", ".csv")
_ONE_VALUE = (
    "study",
    "region_km2",
    "compared_share",
    "n_valid",
    "kind",
    "low_high_meaning",
    "labels",
    "label_year",
    "note",
)
_BY_YEAR = ("area_km2", "low_km2", "high_km2", "mapped_km2")


def check_target(target: Path, force: bool) -> Path:
    """Find out whether a file can be written before anything is computed.

    Raises:
        FusionError: an unknown extension, a file that exists (unless `force`), a folder that does not.
    """
    if target.suffix.lower() not in FORMATS:
        raise FusionError(f"{target} is no known format", " or ".join(FORMATS), "end the name with one of these")
    if target.is_dir() or (target.exists() and not force):
        raise FusionError(f"{target} exists", "a new file", "choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise FusionError(f"there is no folder {target.parent}", "a folder that exists", "make it, or choose another")
    return target


def write_tables(target: Path, table: pd.DataFrame, outlines: Mapping[str, BaseGeometry], about: pd.DataFrame) -> None:
    """Write the table, and in a GeoPackage what belongs to it.

    A CSV is the table: UTF-8, comma, decimal point, units in the column names. A GeoPackage holds `regions`, one
    polygon a region in longitude and latitude (EPSG:4326) with a column for each year, such as `area_km2_2016`, to be
    drawn as it is; `area_by_year`, the table itself; and `about`, what the columns mean. The last two have no geometry.

    Args:
        target: file with a known extension; replaced.
        table: one row a region and year.
        outlines: by region, degrees.
        about: `name` and `meaning`.

    Raises:
        FusionError: the file cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from None
    partial = folder / f"export{target.suffix.lower()}"
    try:
        if partial.suffix == ".csv":
            table.to_csv(partial, index=False, encoding="utf-8")
        else:
            _write_geopackage(partial, table, outlines, about)
        partial.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_geopackage(
    path: Path, table: pd.DataFrame, outlines: Mapping[str, BaseGeometry], about: pd.DataFrame
) -> None:
    import geopandas
    import pyogrio
    from shapely.geometry import MultiPolygon, Polygon

    wide = table.groupby("region", sort=False)[list(_ONE_VALUE)].first().reset_index()
    by_year = table.pivot(index="region", columns="year", values=list(_BY_YEAR)).loc[wide["region"]]
    for name in _BY_YEAR:
        for year in sorted(table["year"].unique()):
            wide[f"{name}_{year}"] = by_year[name][year].to_numpy(float)
    polygons = [outlines[region] for region in wide["region"]]
    # One geometry type a layer: a lone polygon is a multipolygon of one.
    many = [MultiPolygon([shape]) if isinstance(shape, Polygon) else shape for shape in polygons]
    layers = {
        "regions": geopandas.GeoDataFrame(wide, geometry=many, crs="EPSG:4326"),
        "area_by_year": table,
        "about": about,
    }
    for layer, content in layers.items():
        pyogrio.write_dataframe(content, path, layer=layer, driver="GPKG", append=path.exists())


def _unwritable(target: Path, error: OSError) -> FusionError:
    return FusionError(f"{target} cannot be written: {error}", "a writable folder with free space", "choose another")
