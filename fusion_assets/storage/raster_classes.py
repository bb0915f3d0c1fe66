"""Bands whose numbers are names: their names and colours, and what other programs are told of them.

A GeoTIFF has one type, one no-data number and one colour table, so a class band with names lies in a file of its own:
bytes with 255 for no data and its colours inside. What TIFF has no place for, the names, lies beside that file: as GDAL
looks for it (`.tif.aux.xml`) and as a style that QGIS takes when it opens the file (`.qml`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

NO_CLASS = 255
BESIDE = "~"
"""Between the name of a raster and that of a class band, in the name of the band's file; no region's name has it."""
Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


class Class(NamedTuple):
    """What a code stands for.

    Attributes:
        title: for people.
        colour: on maps.
    """

    title: str
    colour: Colour


Palettes = Mapping[str, str | Mapping[int, Class]]
"""By band: matplotlib's name of the colours of a quantity; for classes each code's name and colour, as far as it has
them. Classes are never averaged, in overviews or previews."""


def is_class(band: str, palettes: Palettes) -> bool:
    """Whether a band's numbers are names."""
    return not isinstance(palettes.get(band, ""), str)


def named_classes(band: str, palettes: Palettes) -> Mapping[int, Class]:
    """Names and colours by code; empty for a quantity, and for classes that have none."""
    palette = palettes.get(band, "")
    return {} if isinstance(palette, str) else palette


def beside(path: str, band: str) -> str:
    """Where a class band of the raster at `path` lies: a path or an address, `<name>~<band>.tif`."""
    name, dot, rest = path.rpartition(".tif")
    return f"{name}{BESIDE}{band}{dot}{rest}" if dot else f"{path}{BESIDE}{band}"


def side_files(path: str, classes: Mapping[int, Class]) -> dict[str, str]:
    """Texts that lie beside a file of named classes, by path; without names, what must not lie beside a file.

    Args:
        path: of the file.
        classes: what its codes stand for.
    """
    return {f"{path}.aux.xml": _category_names(classes), f"{path.removesuffix('.tif')}.qml": _style(classes)}


def _category_names(classes: Mapping[int, Class]) -> str:
    """GDAL's list of names, from code 0 on."""
    titles = [classes[code].title if code in classes else "" for code in range(max(classes, default=-1) + 1)]
    names = "".join(f"      <Category>{escape(title)}</Category>\n" for title in titles)
    return (
        f'<PAMDataset>\n  <PAMRasterBand band="1">\n    <CategoryNames>\n{names}    </CategoryNames>\n'
        "  </PAMRasterBand>\n</PAMDataset>\n"
    )


def _style(classes: Mapping[int, Class]) -> str:
    """A style of QGIS: every code in its colour, under its name."""
    entries = "".join(
        f'        <paletteEntry value="{code}" color="#{bytes(colour).hex()}" alpha="255" label={quoteattr(title)}/>\n'
        for code, (title, colour) in classes.items()
    )
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.0" styleCategories="Symbology">\n  <pipe>\n'
        '    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">\n'
        f"      <rasterTransparency/>\n      <colorPalette>\n{entries}      </colorPalette>\n"
        "    </rasterrenderer>\n  </pipe>\n  <blendMode>0</blendMode>\n</qgis>\n"
    )


def short_name(title: str) -> str:
    """A title as a machine-readable name: lower case, words joined by `_`."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
