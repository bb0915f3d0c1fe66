"""References: what a study says of a finer sensor's raster, and what its file holds."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, StrictInt, ValidationInfo, field_validator

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice, is_geographic, outline_window, project_points
from fusion_assets.redaction import public_url
from fusion_assets.study.mistakes import as_date, place_of, shown, wrong
from fusion_assets.study.regions import Name, Section
from fusion_assets.systems.night_radiance.cells import STEP
from fusion_assets.systems.night_radiance.sensor import METRES_PER_DEGREE, pixel_metres

_LONGEST_UNIT = 60
_LEAST_COVERED = 0.05
"""Share of a region's map that a reference lies over, to be one of it."""
_LUOJIA_MICROMETRES = 0.52
"""Width of LuoJia1-01's band, 460 to 980 nm."""
UNITS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "nw/cm2/sr": lambda numbers: numbers,
    # A W/m2 is 1e9 nW on 1e4 cm2.
    "w/m2/sr": lambda numbers: numbers * 1e5,
    # W/m2/sr/um = DN^1.5 x 1e-10, as the product's manual has it.
    "luojia_dn": lambda numbers: np.maximum(numbers, 0.0) ** 1.5 * (1e-10 * _LUOJIA_MICROMETRES * 1e5),
}
"""To nW/cm2/sr, by units that are known; all others are taken as proportional to radiance."""


class Reference(Section):
    """A raster of a finer sensor's night lights: maps are compared with it, and nothing is learnt from it.

    Attributes:
        path: of a GeoTIFF on any grid and in any CRS, relative to the study file, or its address.
        unit: nW/cm2/sr, W/m2/sr or luojia_dn, which are converted; any other is taken as proportional to radiance.
        date: on which it was seen; maps of the nearest year are compared with it.
        region: that it is compared in; None: every one that it covers.
        band: counted from 1; needed where the raster has several.
    """

    path: str = Field(description="path or address of a GeoTIFF", examples=["sdgsat.tif"])
    unit: str = Field(description="unit of its numbers", examples=["nW/cm2/sr"])
    date: dt.date = Field(description="day, YYYY-MM-DD", examples=["2022-11-05"])
    region: Name | None = Field(None, description="name of a region", examples=["nairobi"])
    band: StrictInt | None = Field(None, ge=1, description="band, from 1 on", examples=[1])

    @field_validator("path", mode="before")
    @classmethod
    def _path(cls, value: object, info: ValidationInfo) -> str:
        if not isinstance(value, str) or not value.strip():
            raise wrong(f"is {shown(value)}", "the path or address of a GeoTIFF", "write for example sdgsat.tif")
        return place_of(value, (info.context or {}).get("folder", Path()))

    @field_validator("unit", mode="before")
    @classmethod
    def _unit(cls, value: object) -> str:
        form = "nW/cm2/sr, W/m2/sr, luojia_dn, or another unit that is proportional to radiance"
        if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_UNIT or not value.isprintable():
            raise wrong(f"is {shown(value)}", form, "write for example nW/cm2/sr, or DN")
        if "luojia" in value.casefold() and value.casefold() != "luojia_dn":
            raise wrong(f"is {shown(value)}", form, "write luojia_dn where they are digital numbers as delivered")
        return value.strip()

    @field_validator("date", mode="before")
    @classmethod
    def _date(cls, value: object) -> dt.date:
        day = as_date(value)
        if day is None:
            raise wrong(f"is {shown(value)}", "a day as YYYY-MM-DD", "write for example 2022-11-05")
        return day


@dataclass(frozen=True)
class Plane:
    """A part of a raster.

    Attributes:
        values: (height, width) float64, as `UNITS` makes them; NaN where nothing is known.
        grid: of them.
    """

    values: np.ndarray
    grid: Grid


def lattice_of(reference: Reference) -> Grid:
    """The grid of a reference's raster, from its header.

    Raises:
        FusionError: no such file or none of GeoTIFF, without CRS, of pixels that are not square and north-up, with
            coordinates that its CRS has not, or without the band.
    """
    with _opened(reference) as source:
        grid = Grid.of(source) if source.crs is not None else None
        bands = source.count
    named = name_of(reference)
    if grid is None:
        raise FusionError(
            f"{shown} has no CRS", "a raster that says where it lies", "gdal_edit.py -a_srs EPSG:... FILE"
        )
    west, south, east, north = grid.bounds
    if is_geographic(grid.crs) and (max(abs(south), abs(north)) > 91 or west < -361 or east > 361):
        raise FusionError(
            f"{named} reaches from {west:g}, {south:g} to {east:g}, {north:g}, which are no degrees",
            f"coordinates of its CRS, {grid.crs}",
            "correct the CRS: gdal_edit.py -a_srs EPSG:... FILE",
        )
    if (reference.band or 1) > bands or (bands > 1 and reference.band is None):
        raise FusionError(
            f"{named} has {bands} bands, and the study names {reference.band or 'none of them'}",
            f"a band from 1 to {bands}",
            "write for example `band: 1` beside its path",
        )
    return grid


def _touches(lattice: Grid, fine: Grid) -> bool:
    """Whether a raster lies over more of a region's map than its edge."""
    x, y = np.meshgrid(*(np.linspace(*ends, 30) for ends in (fine.bounds[::2], fine.bounds[1::2])))
    x, y = project_points(x, y, fine.crs, lattice.crs)
    west, south, east, north = lattice.bounds
    return float(((x >= west) & (x <= east) & (y >= south) & (y <= north)).mean()) >= _LEAST_COVERED


def covered(reference: Reference, fine: Mapping[str, Grid]) -> list[str]:
    """Regions that a reference has pixels of, from its header.

    Args:
        reference: of a study.
        fine: grids of the regions that it may be of, by name.

    Raises:
        FusionError: what `lattice_of` refuses, a raster that covers none, or pixels coarser than the product's cells.
    """
    lattice, named = lattice_of(reference), name_of(reference)
    metres, edge = math.sqrt(math.prod(pixel_metres(lattice))), STEP * METRES_PER_DEGREE
    if metres >= edge:
        raise FusionError(
            f"{named} has pixels of {metres:.0f} m",
            f"pixels finer than the cells of the product, {edge:.0f} m",
            "remove it: only a finer sensor can tell how light lies within cells",
        )
    names = [name for name, grid in fine.items() if _touches(lattice, grid)]
    if fine and not names:
        bounds = ", ".join(f"{edge:g}" for edge in lattice.bounds)
        raise FusionError(
            f"{named} ({bounds} in {lattice.crs}) covers nothing of {', '.join(list(fine)[:8])}",
            "a raster over a region of the study, in the CRS that it says",
            "correct its CRS (gdal_edit.py -a_srs), or remove it from night_radiance.references",
        )
    return names


def plane_of(reference: Reference, fine: Grid, beyond: float) -> Plane:
    """What a reference has around a region's map, in the unit that `UNITS` makes of its own.

    Args:
        reference: that covers the map.
        fine: of the map.
        beyond: how far around it is read, metres.

    Raises:
        FusionError: nothing is known there, or it is too much for the memory.
    """
    from rasterio.windows import Window

    from fusion_assets.storage.raster_files import check_window

    lattice = lattice_of(reference)
    margin = math.ceil(beyond / fine.resolution)
    around = fine.window(-margin, -margin, fine.height + 2 * margin, fine.width + 2 * margin)
    window = outline_window(Lattice(lattice.crs, lattice.transform, *lattice.shape), around)
    assert window is not None
    row, column, height, width = window
    check_window(name_of(reference), height, width, 8)
    with _opened(reference) as source:
        read = source.read(reference.band or 1, window=Window(column, row, width, height), masked=True)
    values = np.asarray(read.astype(np.float64).filled(np.nan))
    values = UNITS.get(reference.unit.casefold(), lambda numbers: numbers)(
        np.where(np.isfinite(values), values, np.nan)
    )
    known = values[np.isfinite(values)]
    if not known.size or known.min() == known.max():
        what = f"all is {known[0]:g}" if known.size else "all is no data"
        raise FusionError(
            f"{name_of(reference)} knows nothing over the region: {what}",
            "pixels with light and without any",
            "correct its no-data value, name the region that it is of (`region`), or remove it from the study",
        )
    return Plane(values, lattice.window(row, column, height, width))


def name_of(reference: Reference) -> str:
    """Address of a reference without login, for people."""
    return public_url(reference.path)


def short_name(reference: Reference) -> str:
    """The file's name alone."""
    return name_of(reference).rsplit("/", 1)[-1]


def _opened(reference: Reference) -> Any:
    """The open raster; raises FusionError."""
    from fusion_assets.storage.addresses import local_copy
    from fusion_assets.storage.raster_files import GDAL_ERRORS, open_file
    from fusion_assets.storage.raster_places import UnfitFile

    expected, remedy = "a GeoTIFF of night lights", "correct its path in night_radiance.references, or remove it"
    try:
        return open_file(local_copy(reference.path))
    except UnfitFile:
        raise
    except FusionError as error:
        raise FusionError(f"reference {name_of(reference)}: {error.found}", expected, remedy) from None
    except (*GDAL_ERRORS, OSError) as error:
        raise FusionError(f"{name_of(reference)} cannot be read as a raster: {error}", expected, remedy) from None
