"""Districts of files that GDAL reads: GeoPackage and Shapefile, each by its own driver alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import shapely

from fusion_assets.study.district_table import (
    BATCH,
    EXPORT_AGAIN,
    FORM,
    DistrictTable,
    Row,
    check_beginning,
    rows_of,
    unreadable_named,
)
from fusion_assets.study.mistakes import close_to, cut, shown, wrong
from fusion_assets.study.outline_limits import OutlineEffort


def geopackage(path: Path, text: str, layer: str | None, effort: OutlineEffort) -> DistrictTable:
    """The districts of a layer; raises PydanticCustomError."""
    check_beginning(path, text, b"SQLite format 3\0", "GeoPackage")
    import pyogrio

    with unreadable_named(text), warnings.catch_warnings(action="ignore"):
        names = [str(name) for name, kind in pyogrio.list_layers(_gdal_path(path, text)) if kind is not None]
    if layer is None and len(names) != 1:
        raise wrong(
            f"is {shown(text)}, which has {len(names)} layers with outlines: {cut(', '.join(names), 200)}",
            "the name of one of them",
            f"add for example `layer: {names[0]}`" if names else "choose a file with outlines",
        )
    if layer is not None and layer not in names:
        close = close_to(layer, names)
        raise wrong(
            f"names layer {shown(layer)}, which {shown(text)} has not",
            f"one of: {cut(', '.join(names), 200)}",
            f"did you mean {close}?" if close else "choose from the list",
        )
    return _with_gdal(path, text, layer or names[0], "GPKG", effort)


def shapefile(path: Path, text: str, layer: str | None, effort: OutlineEffort) -> DistrictTable:
    """The districts of a Shapefile whose letters can be read; raises PydanticCustomError."""
    check_beginning(path, text, b"\x00\x00\x27\x0a", "Shapefile")
    table = _with_gdal(path, text, layer, "ESRI Shapefile", effort)
    says = _says_encoding(path)

    def read(columns: Sequence[str]) -> Iterator[Row]:
        for values, outline in table.read(columns):
            for value in values.values():
                if isinstance(value, str) and not value.isascii() and not says:
                    raise wrong(
                        f"is {shown(text)}, which does not say how its letters are encoded: {shown(value)} may be "
                        "something else",
                        f"a file {path.stem}.cpg beside it, which holds for example UTF-8",
                        f"write it: echo UTF-8 > {path.stem}.cpg (or ISO-8859-1, or whatever the letters are in)",
                    )
            yield values, None if outline is None else _turned(outline, text)

    return DistrictTable(table.columns, table.crs, read)


def _turned(outline: bytes, text: str) -> bytes:
    """An outline with its outer rings counter-clockwise, as GeoJSON has them; Shapefiles turn them round."""
    with unreadable_named(text):
        turned: bytes = shapely.to_wkb(shapely.orient_polygons(shapely.from_wkb(outline)))
    return turned


def _says_encoding(path: Path) -> bool:
    """Whether a .cpg, or the table's own code page, says what its letters are. 0x57 means the writer's own Windows."""
    beside = {part.suffix.lower(): part for part in path.parent.iterdir() if part.stem == path.stem}
    if ".cpg" in beside:
        return True
    with open(beside.get(".dbf", path), "rb") as file:
        header = file.read(30)
    return ".dbf" in beside and len(header) == 30 and header[29] not in (0, 0x57)


def _with_gdal(path: Path, text: str, layer: str | None, driver: str, effort: OutlineEffort) -> DistrictTable:
    import pyogrio

    place = _gdal_path(path, text)
    with unreadable_named(text), warnings.catch_warnings(action="ignore"):
        about = pyogrio.read_info(place, layer=layer)
    if about["driver"] != driver:
        raise wrong(f"is {shown(text)}, in truth of format {about['driver']}", FORM, EXPORT_AGAIN)

    def read(columns: Sequence[str]) -> Iterator[Row]:
        opened = pyogrio.raw.open_arrow(
            place, layer=layer, columns=list(columns), batch_size=BATCH, use_pyarrow=True, datetime_as_string=True
        )
        with unreadable_named(text), opened as (meta, batches):
            yield from rows_of(batches, meta["geometry_name"] or "wkb_geometry", columns, effort)

    return DistrictTable(tuple(map(str, about["fields"])), about["crs"], read)


def _gdal_path(path: Path, text: str) -> str:
    """The path as GDAL is to take it: as a path."""
    from pyogrio.util import vsi_path

    if str(path).startswith("/vsi") or vsi_path(str(path)) != str(path):
        raise wrong(f"is {shown(text)}, which GDAL takes for an archive or an address", FORM, "rename the file")
    return str(path)
