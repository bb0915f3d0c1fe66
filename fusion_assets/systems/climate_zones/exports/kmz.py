"""A map as KMZ for Google Earth: a picture draped over the ground, and a legend on the screen.

OGC KML 2.2 (https://www.ogc.org/standard/kml/): a GroundOverlay in degrees of WGS84, and a ScreenOverlay.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from fusion_assets.publishing.figure_files import made_beside
from fusion_assets.storage.raster_classes import named_classes
from fusion_assets.systems.climate_zones.exports.map_codes import BAND, MapCodes, codes_of, in_degrees
from fusion_assets.systems.climate_zones.legend import PALETTES

if TYPE_CHECKING:
    import xarray as xr

MOST_PIXELS = 4096
"""Along an edge of the picture; graphics cards of ten years ago take no more."""
_NAMESPACE = "http://www.opengis.net/kml/2.2"
_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""Of the time that ZIP knows: the same map makes the same file."""
_LINE, _SWATCH, _WIDTH = 18, 22, 250


def write_kmz(target: Path, raster: xr.Dataset, title: str, about: str = "") -> None:
    """Write the map, its picture by nearest neighbour and no larger than `MOST_PIXELS`.

    Args:
        target: `.kmz`, replaced.
        raster: with the band `lcz`, as for `codes_of`.
        title: of the map.
        about: what it rests on, for people: sources, licences, year.

    Raises:
        FusionError: no map of zones, or a place that cannot be written to.
    """
    codes = in_degrees(codes_of(raster), MOST_PIXELS)
    contents = {"doc.kml": _document(codes, title, about), "zones.png": _picture(codes.codes), "legend.png": _legend()}
    with made_beside(target) as folder:
        partial = folder / target.name
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(zipfile.ZipInfo(name, _BEGINNING), content, zipfile.ZIP_DEFLATED)
        partial.replace(target)


def _document(codes: MapCodes, title: str, about: str) -> bytes:
    root = ElementTree.Element("kml", xmlns=_NAMESPACE)
    document = _child(root, "Document")
    _child(document, "name", title)
    if about:
        _child(document, "description", about)
    ground = _child(document, "GroundOverlay")
    _child(ground, "name", "Local climate zones")
    _child(_child(ground, "Icon"), "href", "zones.png")
    box = _child(ground, "LatLonBox")
    west, south, east, north = codes.bounds
    for name, value in (("north", north), ("south", south), ("east", east), ("west", west)):
        _child(box, name, f"{value:.9f}")
    legend = _child(document, "ScreenOverlay")
    _child(legend, "name", "Legend")
    _child(_child(legend, "Icon"), "href", "legend.png")
    for name in ("overlayXY", "screenXY"):
        _child(legend, name).attrib.update(x="0", y="1", xunits="fraction", yunits="fraction")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _child(parent: ElementTree.Element, tag: str, text: str = "") -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    # Of what XML cannot hold, control characters above all, nothing is printable.
    element.text = "".join(each for each in text if each.isprintable() or each == "\n") or None
    return element


def _picture(codes: np.ndarray) -> bytes:
    """Zones as PNG, no data transparent."""
    from PIL import Image

    picture = Image.fromarray(codes, mode="P")
    colours = np.zeros((256, 3), "uint8")
    for code, each in named_classes(BAND, PALETTES).items():
        colours[code] = each.colour
    picture.putpalette(colours.tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=0, optimize=True)
    return out.getvalue()


def _legend() -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    classes = named_classes(BAND, PALETTES)
    picture = Image.new("RGB", (_WIDTH, _LINE * len(classes) + 8), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    for line, each in enumerate(classes.values()):
        top = 4 + _LINE * line
        draw.rectangle((6, top + 2, 6 + _SWATCH, top + _LINE - 3), fill=each.colour, outline="#777777")
        draw.text((14 + _SWATCH, top + 2), each.title, fill="black", font=font)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
