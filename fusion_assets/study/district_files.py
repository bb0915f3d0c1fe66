"""Files of districts, row by row: GeoPackage, Shapefile, GeoJSON, GeoParquet.

Each is opened as what its name says and nothing else: no virtual formats, no addresses, no archives. Rows are read in
small batches, so that what expands beyond the limits is refused before it fills the memory.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fusion_assets.errors import FusionError
from fusion_assets.storage.local_files import path_of
from fusion_assets.study.district_gdal import geopackage, shapefile
from fusion_assets.study.district_table import (
    BATCH,
    EXPORT_AGAIN,
    FORM,
    ROWS,
    DistrictTable,
    Row,
    check_beginning,
    rows_of,
    unreadable_named,
)
from fusion_assets.study.mistakes import cut, shown, wrong
from fusion_assets.study.outline_checks import is_lonlat, named_crs, read_geojson
from fusion_assets.study.outline_limits import OutlineEffort

_BYTES = "bytes of a file of districts"


def open_table(text: str, layer: str | None, folder: Path, effort: OutlineEffort) -> DistrictTable:
    """Open a file of districts; raises PydanticCustomError.

    Args:
        text: the path, relative to the folder.
        layer: of a GeoPackage; None where it has but one.
        folder: of the study file.
        effort: what may still be looked at.
    """
    ending = Path(text).suffix.lower()
    if "://" in text or ending not in _OPENERS:
        raise wrong(f"is {shown(text)}", FORM, "download the file, or convert it: ogr2ogr districts.gpkg FILE")
    if layer is not None and ending != ".gpkg":
        raise wrong(f"names layer {shown(layer)} of {shown(text)}", "a layer of a .gpkg", "remove `layer`")
    path = _regular(text, folder, effort)
    return _OPENERS[ending](path, text, layer, effort)


def _regular(text: str, folder: Path, effort: OutlineEffort) -> Path:
    """The file and what lies beside it under the same name, which GDAL opens, too: all of them files, none endless."""
    try:
        path = path_of(text, folder).absolute()
        size = 0
        beside = path.parent.iterdir() if path.suffix.lower() == ".shp" else ()
        for each in (path, *(part for part in beside if part.stem == path.stem and part != path)):
            found = each.stat()
            if not stat.S_ISREG(found.st_mode):
                raise wrong(f"is {shown(text)}: {cut(str(each), 300)} is no file", FORM, "give the path of a file")
            size += found.st_size
    except FusionError as error:
        raise wrong(f"is {shown(text)}: {error.found}", FORM, error.remedy) from None
    except OSError as error:
        found_ = f"is {shown(text)}: {error.strerror} ({cut(str(error.filename), 300)})"
        raise wrong(found_, FORM, "give the path relative to the study file") from None
    effort.spend(_BYTES, size)
    return path


def _geoparquet(path: Path, text: str, _layer: str | None, effort: OutlineEffort) -> DistrictTable:
    check_beginning(path, text, b"PAR1", "Parquet file")
    import pyarrow.parquet as pq

    with unreadable_named(text), pq.ParquetFile(path) as file:
        about = json.loads((file.metadata.metadata or {}).get(b"geo", b"null"))
        if about is None:
            raise wrong(f"is {shown(text)}, a Parquet file without outlines", FORM, EXPORT_AGAIN)
        main = about["primary_column"]
        column = about["columns"][main]
        if column["encoding"] != "WKB":
            raise wrong(
                f"is {shown(text)}, whose outlines are encoded as {shown(column['encoding'])}",
                "GeoParquet with outlines as WKB",
                'write it anew: geopandas.GeoDataFrame.to_parquet(path, geometry_encoding="WKB")',
            )
        effort.spend(ROWS, file.metadata.num_rows)
        columns = tuple(name for name in file.schema_arrow.names if name not in about["columns"])

    def read(wanted: Sequence[str]) -> Iterator[Row]:
        with unreadable_named(text), pq.ParquetFile(path) as opened:
            yield from rows_of(opened.iter_batches(BATCH, columns=[*wanted, main]), main, wanted, effort, counted=True)

    # Without a word it is WGS84; null says that it is not known.
    return DistrictTable(columns, column.get("crs", "OGC:CRS84"), read)


def _geojson(path: Path, text: str, _layer: str | None, effort: OutlineEffort) -> DistrictTable:
    content = read_geojson(path.name, path.parent, FORM, effort)
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise wrong(f"is {shown(text)}, no FeatureCollection", "GeoJSON with one feature a district", EXPORT_AGAIN)
    effort.spend(ROWS, len(features))
    rows = [each.get("properties") or {} for each in features]
    if not all(isinstance(row, dict) for row in rows):
        raise wrong(f"is {shown(text)}, whose properties are no mappings", "GeoJSON", EXPORT_AGAIN)
    crs = named_crs(content)
    if crs is not None and not effort.of_crs(is_lonlat, crs):
        raise wrong(
            f"is {shown(text)}, which says that its crs is {shown(crs)}",
            "degrees of WGS84, longitude before latitude, as GeoJSON has them",
            f"reproject it: ogr2ogr -t_srs EPSG:4326 degrees.geojson {cut(path.name)}",
        )

    def read(columns: Sequence[str]) -> Iterator[Row]:
        for row, feature in zip(rows, features, strict=True):
            yield {name: row.get(name) for name in columns}, feature if feature.get("geometry") else None

    return DistrictTable(tuple(dict.fromkeys(name for row in rows for name in row)), "OGC:CRS84", read)


_OPENERS: dict[str, Callable[[Path, str, str | None, OutlineEffort], DistrictTable]] = {
    ".gpkg": geopackage,
    ".shp": shapefile,
    ".geojson": _geojson,
    ".json": _geojson,
    ".parquet": _geoparquet,
    ".geoparquet": _geoparquet,
}
