"""What a downloaded raster holds, looked at before it enters a catalog: place, type, no data, possible numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.io import DatasetReader
from rasterio.windows import Window

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import normal_crs, to_lonlat
from fusion_assets.grids.placement import same_crs
from fusion_assets.imagery.file_catalogs.names import FileName, unit_of
from fusion_assets.imagery.recipe import Product
from fusion_assets.storage.raster_files import GDAL_ERRORS, GDAL_OPTIONS, GEOTIFF, open_file

_PACKED = {".zip": "unzip", ".gz": "gunzip", ".tgz": "tar xzf", ".tar": "tar xf"}
_WINDOWS, _SIDE = 5, 256


@dataclass(frozen=True)
class Raster:
    """What a file says of itself.

    Attributes:
        crs: normal form.
        transform: six numbers.
        shape: rows and columns.
        corners: longitude and latitude along the edge, counter-clockwise, closed.
        dtype: of the stored numbers.
        nodata: the file's tag; the product's where it has none; None where neither says.
    """

    crs: str
    transform: tuple[float, ...]
    shape: tuple[int, int]
    corners: tuple[tuple[float, float], ...]
    dtype: str
    nodata: float | None


def check_file(path: Path) -> None:
    """Find out whether there is a file, and none that holds others.

    Raises:
        FusionError: there is none, or it is to be unpacked first.
    """
    if not path.is_file():
        raise FusionError(f"there is no file {path}", "the path of a downloaded GeoTIFF", "check the path")
    if path.suffix.lower() in _PACKED:
        command = _PACKED[path.suffix.lower()]
        raise FusionError(f"{path} is packed", "a GeoTIFF", f"unpack it first: {command} {path.name}")


def look(path: Path, product: Product, name: FileName) -> Raster:
    """Look at a file, and at a few of its pixels.

    Args:
        path: of it.
        product: that it is meant to be of.
        name: what its name says.

    Raises:
        FusionError: it is no raster of one band with a place on Earth, or one of sizes that do not fit into memory; its
            CRS or pixels are others than its name says; its unit or its numbers are others than the product's.
    """
    formats = ("JP2OpenJPEG",) if path.suffix.lower() == ".jp2" else GEOTIFF
    try:
        with rasterio.Env(**GDAL_OPTIONS), open_file(path, formats) as source:
            return _look(source, path, product, name)
    except (*GDAL_ERRORS, OSError) as error:
        raise FusionError(
            f"{path} cannot be read as a raster ({type(error).__name__})", "a GeoTIFF or JPEG 2000", "download it again"
        ) from None


def _look(source: DatasetReader, path: Path, product: Product, name: FileName) -> Raster:
    if source.crs is None or source.transform.is_identity:
        raise FusionError(f"{path} has no place on Earth", "a CRS and a transform in the file", "download it again")
    if source.count != 1:
        raise FusionError(
            f"{path} has {source.count} bands", "one band a file", "split it, with `gdal_translate -b N` for each"
        )
    if name.crs and not same_crs(normal_crs(source.crs), name.crs):
        raise FusionError(
            f"{path} lies in {normal_crs(source.crs)}", f"{name.crs}, as its name says", "download it again"
        )
    if name.cell and not np.isclose(abs(source.transform.a), name.cell, rtol=1e-3):
        raise FusionError(
            f"{path} has pixels of {abs(source.transform.a):g}", f"{name.cell:g}, as its name says", "download it again"
        )
    if product.label == "fraction" and source.crs.is_geographic:
        raise FusionError(
            f"{path} has cells in degrees, which are of different areas",
            "a map of equal areas",
            "download the one in Mollweide (54009)",
        )
    unit, expected = (source.units[0] or "").strip(), unit_of(product, name.asset)
    if unit and expected not in ("class", "1") and _plain(unit) != _plain(expected):
        raise FusionError(f"{path} is in {unit!r}", f"{expected!r}", f"choose a product in {unit!r}")
    nodata = source.nodata if source.nodata is not None else product.source_nodata
    _check_numbers(source, path, product, name, nodata)
    return Raster(
        normal_crs(source.crs), tuple(source.transform[:6]), source.shape, _corners(source), source.dtypes[0], nodata
    )


def _check_numbers(source: DatasetReader, path: Path, product: Product, name: FileName, nodata: float | None) -> None:
    """A few windows from all over the file: anything that the product cannot hold is another product."""
    band = next((band for band in product.bands if name.asset in band.assets), None)
    if band is None or product.stored_as:
        return  # masks, and reflectance or radar, whose items say what the numbers mean
    least, most = band.valid_range
    if product.label == "fraction":
        most = abs(source.transform.a * source.transform.e) * 1.001
    for window in _windows(source):
        values = source.read(1, window=window)
        valid = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
        if nodata is not None:
            valid &= values != nodata
        if product.label == "code" and (broken := valid & (values != np.rint(values))).any():
            raise FusionError(
                f"{path} holds {values[broken].ravel()[0]:g}",
                "classes, which are whole numbers",
                "choose the product that the file is of",
            )
        outside = valid & ((values < least) | (values > most))
        # Flares and the noise of dark nights lie outside; whole maps do not.
        if outside.sum() > (0.01 * valid.sum() if product.label is None else 0):
            raise FusionError(
                f"{path} holds {values[outside].ravel()[0]:g}",
                f"{least:g} to {most:g} {product.unit}, or no data ({'none' if nodata is None else f'{nodata:g}'})",
                "choose the product that the file is of, or correct its no-data tag with gdal_edit.py -a_nodata",
            )


def _windows(source: DatasetReader) -> list[Window]:
    rows, cols = (np.linspace(0, max(size - _SIDE, 0), _WINDOWS).astype(int) for size in source.shape)
    places = sorted({(int(row), int(col)) for row in rows for col in cols})
    return [Window(col, row, min(_SIDE, source.width - col), min(_SIDE, source.height - row)) for row, col in places]


def _corners(source: DatasetReader) -> tuple[tuple[float, float], ...]:
    left, bottom, right, top = source.bounds
    steps = np.linspace(0, 1, 9)[:-1]
    ring = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    points = np.array(
        [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for (x0, y0), (x1, y1) in pairwise(ring)
         for t in steps]
    )  # fmt: skip
    lon, lat = to_lonlat(normal_crs(source.crs)).transform(*points.T)
    inside = np.isfinite(lon) & np.isfinite(lat)
    if not inside.all():
        return ()  # a map of the whole world, whose corners lie off the Earth
    ring_degrees = [(round(float(x), 6), round(float(y), 6)) for x, y in zip(lon, lat, strict=True)]
    return (*ring_degrees, ring_degrees[0])


def _plain(unit: str) -> str:
    text: Any = unit.lower().replace("*", "").replace("^", "").replace("²", "2").replace(" ", "").replace("/", "")
    return str(text).replace("-", "").replace("·", "")
