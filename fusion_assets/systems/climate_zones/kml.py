"""Polygons of KML and KMZ: placemarks with the folders they lie in, as people draw them in Google Earth.

OGC KML 2.2 (https://www.ogc.org/standard/kml/), of which Placemark, Folder, Polygon, MultiGeometry, ExtendedData and
atom:author are read. Nothing that a file points to is opened, and no entity is expanded.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.storage.local_files import content_of

MOST_BYTES = 60_000_000
_FORM = "KML with polygons, as Google Earth saves it"
_SAVE = "open it in Google Earth, and save it again as KML"


class Placemark(NamedTuple):
    """A placemark with polygons.

    Attributes:
        name: as it is shown; empty where it has none.
        folders: names of the folders around it, the innermost first.
        data: its ExtendedData.
        author: of the placemark, or of what is around it; empty where none is named.
        shape: degrees; may be invalid. None where the placemark is no area.
    """

    name: str
    folders: tuple[str, ...]
    data: dict[str, str]
    author: str
    shape: shapely.Geometry | None


class _Plain(ElementTree.TreeBuilder):
    """Builds elements of documents that declare no types and entities of their own."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ElementTree.ParseError("it declares a document type")


def placemarks(path: Path) -> list[Placemark]:
    """All placemarks of a file, in its order.

    Args:
        path: `.kml`, or `.kmz` with one KML inside.

    Raises:
        FusionError: no such file, no KML, or coordinates that are no numbers.
    """
    try:
        content = content_of(path, MOST_BYTES)
    except OSError as error:
        raise FusionError(f"{path} cannot be read: {error.strerror}", _FORM, "correct the path") from None
    if path.suffix.lower() == ".kmz":
        content = _unpacked(content, path)
    try:
        root = ElementTree.fromstring(content, ElementTree.XMLParser(target=_Plain()))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise FusionError(f"{path} is no KML: {error}", _FORM, _SAVE) from None
    return list(_walked(root, path))


def _unpacked(content: bytes, path: Path) -> bytes:
    """The KML of a KMZ, by the standard its first; files beside it are of no use here."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
            if not names:
                raise FusionError(f"{path} has no .kml inside", _FORM, _SAVE)
            with archive.open(names[0]) as file:
                inner = file.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise FusionError(f"{path} is no KMZ: {error}", _FORM, _SAVE) from None
    if len(inner) > MOST_BYTES:
        raise FusionError(f"{path} unpacks to more than {MOST_BYTES / 1e6:g} MB", _FORM, "give a smaller file")
    return inner


def _walked(root: ElementTree.Element, path: Path) -> Iterator[Placemark]:
    waiting: list[tuple[ElementTree.Element, tuple[str, ...], str]] = [(root, (), "")]
    while waiting:
        element, folders, author = waiting.pop()
        author = _author(element) or author
        if _tag(element) == "Placemark":
            name = _text(element, "name")
            yield Placemark(name, folders, _data(element), author, _shape(element, name, path))
            continue
        if _tag(element) in ("Folder", "Document"):
            folders = (_text(element, "name"), *folders)
        waiting += [(child, folders, author) for child in reversed(element)]


def _tag(element: ElementTree.Element) -> str:
    """Without the namespace, which differs between versions."""
    return str(element.tag).rpartition("}")[2]


def _text(element: ElementTree.Element, tag: str) -> str:
    found = next((child for child in element if _tag(child) == tag), None)
    return " ".join((found.text or "").split()) if found is not None else ""


def _author(element: ElementTree.Element) -> str:
    found = next((child for child in element if _tag(child) == "author"), None)
    return _text(found, "name") if found is not None else ""


def _data(element: ElementTree.Element) -> dict[str, str]:
    out = {}
    for each in element.iter():
        if _tag(each) == "Data":
            out[each.get("name", "")] = _text(each, "value")
        elif _tag(each) == "SimpleData":
            out[each.get("name", "")] = " ".join((each.text or "").split())
    return out


def _shape(element: ElementTree.Element, name: str, path: Path) -> shapely.Geometry | None:
    """All polygons of a placemark."""
    try:
        parts = [_polygon(each) for each in element.iter() if _tag(each) == "Polygon"]
    except (ValueError, IndexError, shapely.errors.ShapelyError) as error:
        raise FusionError(
            f"{path}: the polygon {name or 'without a name'!r} cannot be read ({error})",
            "rings of at least three corners, each `longitude,latitude`",
            "draw it again, or remove it",
        ) from None
    return None if not parts else parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _polygon(element: ElementTree.Element) -> shapely.Polygon:
    rings: dict[str, list[np.ndarray]] = {"outerBoundaryIs": [], "innerBoundaryIs": []}
    for boundary in element:
        if _tag(boundary) in rings:
            for each in boundary.iter():
                if _tag(each) == "coordinates":
                    corners = [corner.split(",") for corner in (each.text or "").split()]
                    rings[_tag(boundary)].append(np.array([(float(c[0]), float(c[1])) for c in corners]))
    if len(rings["outerBoundaryIs"]) != 1:
        raise ValueError(f"it has {len(rings['outerBoundaryIs'])} outer rings")
    return shapely.Polygon(rings["outerBoundaryIs"][0], rings["innerBoundaryIs"])
