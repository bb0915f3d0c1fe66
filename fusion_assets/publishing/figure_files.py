"""Tables of figures as files for statisticians, GeoPackage, CSV, Parquet: whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX

if TYPE_CHECKING:
    import geopandas
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

FORMATS = (".gpkg", ".csv", ".parquet")


def check_new(target: Path, force: bool, beside: Sequence[Path] = ()) -> None:
    """Find out whether files can be written before anything is computed.

    Args:
        target: the file asked for.
        force: whether a file that exists is replaced.
        beside: files that are written with it.

    Raises:
        FusionError: an unknown extension, a file that exists (unless `force`), a folder that does not.
    """
    if target.suffix.lower() not in FORMATS:
        raise FusionError(f"{target} is no known format", " or ".join(FORMATS), "end the name with one of these")
    for path in (target, *beside):
        if path.is_dir() or (path.exists() and not force):
            raise FusionError(f"{path} exists", "a new file", "choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise FusionError(f"there is no folder {target.parent}", "a folder that exists", "make it, or choose another")


@contextmanager
def made_beside(target: Path) -> Iterator[Path]:
    """A folder beside a file, to write in and move from; it vanishes with whatever is left in it.

    Args:
        target: to be written.

    Raises:
        FusionError: something cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        yield folder
    except (OSError, RuntimeError) as error:  # GDAL's are of the second kind
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_table(path: Path, table: pd.DataFrame, names: str, outlines: Mapping[str, BaseGeometry]) -> None:
    """One table as its extension says: CSV in UTF-8 with decimal points, or GeoParquet.

    Args:
        path: `.csv` or `.parquet`.
        table: its rows.
        names: column that names each row's polygon.
        outlines: by that name, degrees.
    """
    if path.suffix.lower() == ".csv":
        table.to_csv(path, index=False, encoding="utf-8")
    else:
        drawn(table, names, outlines).to_parquet(path, index=False, compression="zstd")


def write_layers(path: Path, layers: Mapping[str, pd.DataFrame]) -> None:
    """A GeoPackage of layers, some of which may have no geometry."""
    import pyogrio

    for layer, content in layers.items():
        pyogrio.write_dataframe(content, path, layer=layer, driver="GPKG", append=path.exists())


def drawn(table: pd.DataFrame, names: str, outlines: Mapping[str, BaseGeometry]) -> geopandas.GeoDataFrame:
    """Rows with their polygons, of one geometry type: a lone polygon is a multipolygon of one."""
    import geopandas
    from shapely.geometry import MultiPolygon, Polygon

    many = {name: MultiPolygon([shape]) if isinstance(shape, Polygon) else shape for name, shape in outlines.items()}
    return geopandas.GeoDataFrame(table, geometry=[many[name] for name in table[names]], crs="EPSG:4326")


def _unwritable(target: Path, error: Exception) -> FusionError:
    # GDAL repeats whole statements of SQL.
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return FusionError(f"{target} cannot be written: {reason}", "a writable folder with free space", "choose another")
