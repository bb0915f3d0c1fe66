"""What is in a raster file: content digest, statistics and a small version of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_files import GDAL_ERRORS, open_file

TILE = 512
PREVIEW_PIXELS = 512
TAG_PREFIX = "FUSION_"
DIGEST_TAG = f"{TAG_PREFIX}CONTENT_DIGEST"
DTYPE_TAG = f"{TAG_PREFIX}DTYPE"
Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Palettes = Mapping[str, str | Mapping[int, Colour]]
"""By band: matplotlib's name of the colours of a quantity; for classes the colour of each code, as far as it has one.
Classes are numbers that are names: never averaged, in overviews or previews."""


def contents(
    source: rasterio.io.DatasetReader,
    grid: Grid,
    names: tuple[str, ...],
    units: Mapping[str, str],
    region: BaseGeometry | None,
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return content digest and statistics, tile by tile in row order: the same bits for any chunks the data came in.

    Args:
        source: the open file.
        grid: its grid.
        names: its bands.
        units: per band, part of the digest.
        region: polygon in degrees that valid shares refer to; None for all pixels.

    Returns:
        sha256 as 64 hex digits, and per band `units`, `valid_share` (0..1), `min`, `max`, `mean` (None without pixels).
    """
    nodata = source.nodata
    header = [names, [units[name] for name in names], source.dtypes[0], str(nodata), grid.digest]
    digest = hashlib.sha256(json.dumps(header).encode())
    bands = len(names)
    pixels, counts, sums = 0, np.zeros(bands, np.int64), np.zeros(bands)
    within = np.zeros(bands, np.int64)
    lows, highs = np.full(bands, np.inf), np.full(bands, -np.inf)
    for row, col in product(range(0, grid.height, TILE), range(0, grid.width, TILE)):
        height, width = min(TILE, grid.height - row), min(TILE, grid.width - col)
        values = source.read(window=Window(col, row, width, height))
        valid = values != nodata
        if np.issubdtype(values.dtype, np.floating):
            missing = np.isnan(values)
            values += 0  # one spelling of zero ...
            values[missing] = np.nan  # ... and of NaN
            valid &= ~missing
        digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
        inside = grid.window(row, col, height, width).inside(region) if region is not None else None
        pixels += int(inside.sum()) if inside is not None else height * width
        for band in range(bands):
            present = values[band][valid[band]].astype(np.float64)
            within[band] += int((valid[band] & inside).sum()) if inside is not None else present.size
            if present.size:
                counts[band] += present.size
                sums[band] += present.sum()
                lows[band], highs[band] = min(lows[band], present.min()), max(highs[band], present.max())
    stats = {}
    for band, name in enumerate(names):
        some = bool(counts[band])
        stats[name] = {
            "units": units[name],
            "valid_share": float(within[band] / pixels) if pixels else 0.0,
            "min": float(lows[band]) if some else None,
            "max": float(highs[band]) if some else None,
            "mean": float(sums[band] / counts[band]) if some else None,
        }
    return digest.hexdigest(), stats


def said_digest(path: Path) -> str:
    """The content digest in a raster's tags; empty where there is none, or no raster."""
    try:
        with open_file(path) as source:
            return str(source.tags().get(DIGEST_TAG, ""))
    except GDAL_ERRORS:
        return ""


def content_digest(path: Path, shown: str) -> str:
    """The digest of a stored raster, computed from its pixels as `contents` did when it was written.

    Raises:
        FusionError: it cannot be read.
    """
    try:
        with open_file(path) as source:
            crs = source.tags().get(f"{TAG_PREFIX}CRS") or source.crs.to_wkt()
            names = tuple(str(text) for text in source.descriptions)
            units = {name: unit or "" for name, unit in zip(names, source.units, strict=True)}
            grid = Grid(crs, source.transform, *source.shape)
            return contents(source, grid, names, units, None)[0]
    except (*GDAL_ERRORS, OSError, AttributeError) as error:
        raise FusionError(
            f"{shown} cannot be read as a raster: {error.__cause__ or error}", "a whole GeoTIFF", "make it anew"
        ) from None


def gdal_statistics(stats: Mapping[str, Any]) -> dict[str, str]:
    """Return a band's statistics under the names GDAL and QGIS look for."""
    keys = {"STATISTICS_MINIMUM": "min", "STATISTICS_MAXIMUM": "max", "STATISTICS_MEAN": "mean"}
    return {tag: repr(stats[key]) for tag, key in keys.items() if stats[key] is not None}


def is_class(band: str, palettes: Palettes) -> bool:
    """Whether a band's numbers are names."""
    return not isinstance(palettes.get(band, ""), str)


def preview(cog: Path, names: Collection[str], palettes: Palettes) -> dict[str, np.ndarray]:
    """Return every band shrunk to at most 512 pixels a side: float32, NaN for no data, classes by nearest pixel."""
    with open_file(cog) as source:
        factor = max(1.0, max(source.shape) / PREVIEW_PIXELS)
        shape = tuple(max(1, round(size / factor)) for size in source.shape)
        small = {}
        for index, name in enumerate(names, start=1):
            how = Resampling.nearest if is_class(name, palettes) else Resampling.average
            values = source.read(index, out_shape=shape, resampling=how, masked=True)
            small[name] = np.ma.filled(values.astype(np.float32), np.nan)
    return small
