"""Training areas that people drew: polygons of zones from the files in which they are passed on, and their cells.

Read are KML and KMZ (placemarks whose name, folder or data says the zone, as for the LCZ Generator, Demuzere et al.
2021, doi:10.3389/fenvs.2021.637455), GeoPackage, Shapefile, GeoJSON and GeoParquet with a column of zones, and the
collected polygons of WUDAPT (https://zenodo.org/records/13751204), whose classes 18 and 19 are no local climate zones.

Where polygons of different zones overlap, at least one is wrong, and the ground in common is taken from both. Polygons
that overlap, of whatever zone, are one block: what is tested is never what was trained with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyproj
import shapely
from pydantic_core import PydanticCustomError

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import project
from fusion_assets.study.district_crs import to_degrees
from fusion_assets.study.district_files import open_table
from fusion_assets.study.mistakes import Problems, as_error, close_to, cut, wrong
from fusion_assets.study.outline_limits import OutlineEffort
from fusion_assets.systems.climate_zones.kml import placemarks
from fusion_assets.systems.climate_zones.legend import SIGNS
from fusion_assets.systems.climate_zones.zone_spelling import OTHERS, SPELLINGS, code_of

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

    from fusion_assets.grids.grid import Grid

ZONE_COLUMNS = ("lcz", "lcz_class", "class", "zone", "lcz_type", "name")
LICENCE_COLUMNS = ("license", "licence")
AUTHOR_COLUMNS = ("author", "contributor", "creator", "submission_id")
"""Of WUDAPT's polygons, whose authors may stay unnamed, the submission."""
UNKNOWN = "not stated"
LEAST_M2 = 1.0
"""Overlaps of less are rounding of shared edges: taken away, but not counted."""
_KML = (".kml", ".kmz")
_NAMED = 6


class _Drawn(NamedTuple):
    """An area as it stands in the file."""

    name: str
    values: tuple[Any, ...]
    shape: shapely.Geometry | None
    licence: str
    author: str


def training_areas(
    path: str | Path, column: str | None = None, layer: str | None = None
) -> tuple[geopandas.GeoDataFrame, dict[str, Any]]:
    """Polygons of zones, and what was done to them.

    Args:
        path: of the file.
        column: that holds the zones; by default the first of `ZONE_COLUMNS` that is there. Of KML a field of
            ExtendedData, `name` or `folder`; by default all of them, which may not contradict one another.
        layer: of a GeoPackage with several.

    Returns:
        Areas in degrees (EPSG:4326), one row each, with `label` (0 to 16), `name`, `licence`, `author` and `block`
        (number; areas that overlap share one). And a document: `areas`, by zone `zones`, `dropped` (by code, 18 and
        19), `no_polygon` (placemarks that are none), `repaired` (names), `overlaps` with `pairs`, `km2` and `vanished`
        (names), `licences` and `authors` (areas of each), `column`.

    Raises:
        FusionError: a file that cannot be read, areas without a known zone or without a usable polygon (all named), or
            no area at all.
    """
    import geopandas

    path, effort = Path(path), OutlineEffort()
    with _as_fusion_errors(path):
        drawn, column = _of_kml(path, column) if path.suffix.lower() in _KML else _of_table(path, column, layer, effort)
    codes = _codes(drawn, path)
    others = Counter(code for code in codes if code in OTHERS)
    kept = [(each, code) for each, code in zip(drawn, codes, strict=True) if code not in OTHERS and each.shape]
    if not kept:
        raise FusionError(
            f"{path.name} has no area of a zone; {others.total()} of {len(drawn)} are of classes 18 and 19",
            "polygons, each of a local climate zone",
            "draw some, or give another file",
        )
    label = np.array([code for _, code in kept]) - 1
    names = [each.name for each, _ in kept]
    with _as_fusion_errors(path):
        effort.look_at([each.shape for each, _ in kept if each.shape is not None])
    whole, repaired = _repaired([each.shape for each, _ in kept], names, path)
    shapes, block, overlaps = _apart(whole, label, names)
    table = {
        "label": label,
        "name": names,
        "licence": [each.licence for each, _ in kept],
        "author": [each.author for each, _ in kept],
        "block": block,
    }
    areas = geopandas.GeoDataFrame(table, geometry=list(shapes), crs="EPSG:4326")
    areas = areas[~areas.geometry.is_empty].reset_index(drop=True)
    if not len(areas):
        raise FusionError(
            f"nothing is left of the {len(kept)} areas of {path.name}: all overlap areas of other zones",
            "areas of different zones side by side",
            "remove the wrong one of each pair",
        )
    document = {
        "file": path.name,
        "column": column,
        "areas": len(areas),
        "zones": {SIGNS[each]: int(count) for each, count in sorted(Counter(areas["label"]).items())},
        "dropped": {str(code): others[code] for code in OTHERS},
        "no_polygon": sum(each.shape is None for each in drawn),
        "repaired": repaired,
        "overlaps": overlaps,
        "licences": dict(Counter(areas["licence"])),
        "authors": dict(Counter(areas["author"])),
    }
    return areas, document


def labelled_cells(areas: geopandas.GeoDataFrame, grid: Grid) -> pd.DataFrame:
    """Cells of a grid whose centre lies in an area; where areas of one zone overlap, of the first of them.

    Args:
        areas: from `training_areas`.
        grid: of the map, usually with cells of 100 m.

    Returns:
        One row a cell, in the grid's order: `row`, `col`, `x`, `y` (centre, the grid's CRS), `label` (0 to 16), `area`
        (row number of the areas) and `block`. Splits keep blocks whole. Areas without a cell are those that are not
        there.

    Raises:
        FusionError: no cell lies in an area.
    """
    import pandas as pd
    from rasterio.features import rasterize

    shapes = [project(shape, grid.crs) for shape in areas.geometry]
    numbered = [(shape, number) for number, shape in enumerate(shapes, start=1)]
    number = rasterize(reversed(numbered), grid.shape, transform=grid.transform, fill=0, dtype="int32")
    row, col = np.nonzero(number)
    if not len(row):
        raise FusionError(
            f"none of the {len(areas)} training areas holds the centre of a cell of {grid.resolution:g} m",
            "areas of some hundred metres, inside the region",
            "check that they are of the same place as the region",
        )
    area = number[row, col] - 1
    x, y = grid.centres()
    here = areas.iloc[area]
    return pd.DataFrame(
        {
            "row": row,
            "col": col,
            "x": x[col],
            "y": y[row],
            "label": here["label"].to_numpy(),
            "area": area,
            "block": here["block"].to_numpy(),
        }
    )


def _of_kml(path: Path, column: str | None) -> tuple[list[_Drawn], str]:
    """Placemarks, the zone of each said by its data, name and folders."""
    drawn, places = [], {}
    for number, each in enumerate(placemarks(path), start=1):
        data = {key.casefold(): value for key, value in each.data.items()}
        places = {
            "data": tuple(data[name] for name in ZONE_COLUMNS[:-1] if data.get(name))[:1],
            "name": _zones_among(each.name),
            "folder": _zones_among(*each.folders),
        }
        if column is None:
            says: tuple[str | None, ...] = tuple(text for texts in places.values() for text in texts)
        else:
            says = places[column] if column in places else (data.get(column.casefold()),)
        title = f"placemark {number} ({cut(each.name) or 'without a name'})"
        author = each.author or _first(data, AUTHOR_COLUMNS)
        drawn.append(
            _Drawn(title, says or (each.name or None,), each.shape, _first(data, LICENCE_COLUMNS), author or UNKNOWN)
        )
    return drawn, column or ", ".join(places)


def _zones_among(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if code_of(text) is not None)


def _first(data: dict[str, Any], columns: Sequence[str]) -> str:
    found = next((data[name] for name in columns if _is_said(data.get(name))), None)
    return UNKNOWN if found is None else str(found)


def _is_said(value: Any) -> bool:
    return value is not None and value == value and str(value).strip() != ""


def _of_table(path: Path, column: str | None, layer: str | None, effort: OutlineEffort) -> tuple[list[_Drawn], str]:
    """Rows of a file of polygons; raises PydanticCustomError."""
    table = open_table(path.name, layer, path.parent, effort)
    by_name = {name.casefold(): name for name in table.columns}
    chosen = (
        by_name.get(column.casefold()) if column else next((by_name[n] for n in ZONE_COLUMNS if n in by_name), None)
    )
    if chosen is None:
        close = close_to(column, table.columns) if column else ""
        raise FusionError(
            f"{path.name} has the columns {cut(', '.join(table.columns), 200)}",
            f"a column {column}" if column else f"one of {', '.join(ZONE_COLUMNS)}, which says the zone",
            f"did you mean {close}?" if close else "name the column that holds the zones",
        )
    about = [by_name[name] for name in (*LICENCE_COLUMNS, *AUTHOR_COLUMNS) if name in by_name]
    in_degrees = to_degrees(table, path.name)
    drawn = []
    for number, (values, outline) in enumerate(table.read(list(dict.fromkeys((chosen, *about)))), start=1):
        data = {key.casefold(): value for key, value in values.items()}
        shape = _shape(outline)
        if shape is not None:
            shape = in_degrees(shape, f"row {number}")
        drawn.append(
            _Drawn(
                f"row {number}", (values[chosen],), shape, _first(data, LICENCE_COLUMNS), _first(data, AUTHOR_COLUMNS)
            )
        )
    lacking = [each.name for each in drawn if each.shape is None]
    if lacking:
        raise FusionError(
            f"{path.name}: {_listed(lacking)} has no polygon", "a polygon in every row", "remove these rows"
        )
    return drawn, chosen


def _shape(outline: Any) -> shapely.Geometry | None:
    """A shape of WKB or of a GeoJSON feature; raises PydanticCustomError."""
    if outline is None:
        return None
    try:
        shape = shapely.from_wkb(outline) if isinstance(outline, bytes) else shapely.geometry.shape(outline["geometry"])
        return shapely.force_2d(shape)
    except (
        shapely.errors.ShapelyError, NotImplementedError, AttributeError, KeyError, TypeError, ValueError, IndexError
    ) as error:  # fmt: skip
        raise wrong(
            f"have a shape that cannot be read ({cut(str(error))})",
            "polygons without arcs",
            "ogr2ogr -nlt CONVERT_TO_LINEAR areas.gpkg FILE",
        ) from None


def _codes(drawn: Sequence[_Drawn], path: Path) -> list[int]:
    """The code of every area that has a polygon, 0 of what has none.

    Raises:
        FusionError: areas whose zone is not known, or of which several are said.
    """
    codes, unknown, torn = [], [], []
    for each in drawn:
        said = {code_of(value) for value in each.values} if each.shape is not None else {0}
        codes.append(next(iter(said)) or 0)
        if None in said:
            unknown.append(f"{each.name}: {cut(str(each.values[0]))!r}")
        elif len(said) > 1:
            torn.append(f"{each.name}: {' and '.join(repr(cut(str(value))) for value in each.values)}")
    if unknown:
        raise FusionError(
            f"{path.name} has {number_of(len(unknown), 'area')} of unknown zones: {_listed(unknown)}",
            f"{SPELLINGS} (zones are counted from 1, never from 0)",
            "correct or remove them, or name the column that holds the zones",
        )
    if torn:
        raise FusionError(
            f"{path.name} has {number_of(len(torn), 'area')} of two zones: {_listed(torn)}",
            "name, folder and data of a placemark that say the same",
            "rename the placemarks or move them to their folder, or say where the zones stand: `name` or `folder`",
        )
    return codes


def _repaired(
    shapes: Sequence[shapely.Geometry], names: Sequence[str], path: Path
) -> tuple[list[shapely.Geometry], list[str]]:
    """Valid polygons, and the names of those that had not been valid.

    Raises:
        FusionError: shapes that are no polygons, enclose nothing, or do not lie on the globe.
    """
    out, repaired, wrong = [], [], []
    for shape, name in zip(shapes, names, strict=True):
        reason = _unusable(shape)
        if reason is None and not shape.is_valid:
            shape = _polygons(shapely.make_valid(shape, method="structure", keep_collapsed=False))
            repaired.append(name)
            reason = "encloses nothing" if shape.area == 0 else None
        if reason:
            wrong.append(f"{name} {reason}")
        out.append(shape)
    if wrong:
        raise FusionError(
            f"{path.name} has {number_of(len(wrong), 'area')} that cannot be used: {_listed(wrong)}",
            "polygons in degrees, longitude before latitude, that enclose an area and do not cross the antimeridian",
            "draw these again, or remove them",
        )
    return out, repaired


def _unusable(shape: shapely.Geometry) -> str | None:
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        return f"is a {shape.geom_type}"
    corners = shapely.get_coordinates(shape)
    if not len(corners):
        return "is empty"
    if not np.isfinite(corners).all() or (np.abs(corners) > (180, 90)).any():
        return "does not lie on the globe"
    if np.ptp(corners[:, 0]) > 180:
        return "crosses the antimeridian"
    return None if shape.envelope.area > 0 else "encloses nothing"


def _apart(
    shapes: Sequence[shapely.Geometry], label: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Shapes without what areas of other zones claim, blocks of those that overlapped, and what was taken away."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    whole = np.array(shapes, dtype=object)
    one, other = shapely.STRtree(whole).query(whole, predicate="intersects")
    one, other = one[one < other], other[one < other]
    common = [_polygons(each) for each in shapely.intersection(whole[one], whole[other])]
    geod = pyproj.Geod(ellps="WGS84")
    m2 = np.array([abs(geod.geometry_area_perimeter(each)[0]) for each in common])
    met = m2 >= LEAST_M2
    links = coo_array((np.ones(met.sum()), (one[met], other[met])), (len(whole), len(whole)))
    block = connected_components(links, directed=False)[1]
    torn = (m2 > 0) & (label[one] != label[other])
    out = whole.copy()
    for number in np.unique([one[torn], other[torn]]):
        claims = np.concatenate([other[torn & (one == number)], one[torn & (other == number)]])
        out[number] = _polygons(shapely.difference(whole[number], shapely.union_all(whole[claims])))
    lost = shapely.union_all([each for each, counts in zip(common, torn & met, strict=True) if counts])
    overlaps = {
        "pairs": int((torn & met).sum()),
        "km2": abs(geod.geometry_area_perimeter(lost)[0]) / 1e6,
        "vanished": [name for name, each in zip(names, out, strict=True) if each.is_empty],
    }
    return out, block, overlaps


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape without the points and lines in it."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
    parts += [each for part in shapely.get_parts(shape) if part.geom_type == "MultiPolygon" for each in part.geoms]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _listed(what: Sequence[str]) -> str:
    rest = len(what) - _NAMED
    return "; ".join(what[:_NAMED]) + (f"; and {rest} more" if rest > 0 else "")


@contextmanager
def _as_fusion_errors(path: Path) -> Iterator[None]:
    """What readers of districts say, about training areas."""
    try:
        yield
    except PydanticCustomError as error:
        about = error.context or {}
        raise FusionError(f"the training areas {about['found']}", about["expected"], about["remedy"]) from None
    except Problems as error:
        raise as_error(path.name, error.problems) from None
