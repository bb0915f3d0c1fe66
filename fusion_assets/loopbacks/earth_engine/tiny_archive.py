"""A tiny STAC archive whose every number can be worked out by hand; written in a few milliseconds.

All scenes lie in EPSG:32631 around (500000, 5600000). Nothing is imported from the package that is tested.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
import shapely
from affine import Affine
from rasterio.warp import transform_bounds

CRS, WEST, NORTH = "EPSG:32631", 500000.0, 5600000.0
EDGE = 8
"""Pixels of 10 m along the edge of a scene."""


def values(number: int) -> np.ndarray:
    """Reflectance numbers of scene `number` as a harmonised collection has them; 0 is no data, top left in scene 1."""
    numbers = (np.arange(EDGE * EDGE).reshape(EDGE, EDGE) + 1000 * (number + 1)).astype(np.uint16)
    if number == 1:
        numbers[0, 0] = 0
    return numbers


def scl(number: int) -> np.ndarray:
    """Scene classes at 20 m: vegetation, in scene 2 cloud in the left half."""
    classes = np.full((EDGE // 2, EDGE // 2), 4, np.uint8)
    if number == 2:
        classes[:, : EDGE // 4] = 9
    return classes


def qa60() -> np.ndarray:
    """Bits at 10 m: cloud in the first row, cirrus in the second, clear below."""
    bits = np.zeros((EDGE, EDGE), np.uint16)
    bits[0], bits[1] = 1 << 10, 1 << 11
    return bits


def lights(month: int) -> np.ndarray:
    """Radiance on 4 x 4 pixels of 40 m around the scenes: rows rise by 4, months by 100; one NaN at (0, 3)."""
    radiance = (np.arange(16).reshape(4, 4) + 100 * month).astype(np.float32)
    radiance[0, 3] = np.nan
    return radiance


def write(folder: Path) -> str:
    """Write the archive; returns the catalog's path."""
    catalog = pystac.Catalog("tiny", "A tiny archive.")
    optics, raw = _collection("sentinel-2-l2a"), _collection("sentinel-2-l1c")
    nights, smod = _collection("viirs-dnb-monthly"), _collection("ghsl-smod-p2016")
    catalog.add_children([optics, raw, nights, smod])
    for number, baseline in enumerate(("02.04", "05.09", "02.04")):
        day = dt.datetime(2018, 7, 1 + number, 10, 30, tzinfo=dt.UTC)
        facts = {"platform": "sentinel-2a", "eo:cloud_cover": 10.0 * number, "s2:processing_baseline": baseline}
        stored = np.where(values(number) > 0, values(number) + (1000 if baseline >= "04" else 0), 0).astype(np.uint16)
        bands = {"blue": (stored, 10, 0), "scl": (scl(number), 20, None)}
        optics.add_item(_item(folder, f"L2A_{number}", day, day, bands, facts))
    facts = {"platform": "sentinel-2a", "s2:processing_baseline": "02.04"}
    # Two granules of one pass: the second starts 20 seconds later and lies 40 m further east.
    for number in (0, 1):
        day = dt.datetime(2018, 7, 5, 10, 30, 20 * number, tzinfo=dt.UTC)
        bands = {"blue": (values(number), 10, 0), "qa60": (qa60(), 10, None)}
        raw.add_item(_item(folder, f"L1C_{number}", day, day, bands, facts, east=40 * number))
    for month in (1, 2):
        start, last = (
            dt.datetime(2018, month, 1, tzinfo=dt.UTC),
            dt.datetime(2018, month, 28, 23, 59, 59, tzinfo=dt.UTC),
        )
        bands = {"avg_rad": (lights(month), 40, None), "cf_cvg": (np.full((4, 4), month - 1, np.uint16), 40, None)}
        nights.add_item(_item(folder, f"VIIRS_{month}", start, last, bands, {}, east=-40, north=40))
    code = np.array([[1, 1], [2, 3]], np.uint8)
    year = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    smod.add_item(_item(folder, "SMOD_2015", year, year.replace(month=12, day=31), {"smod": (code, 40, None)}, {}))
    catalog.normalize_and_save(str(folder), pystac.CatalogType.SELF_CONTAINED)
    return str(folder / "catalog.json")


def _collection(name: str) -> pystac.Collection:
    extent = pystac.Extent(pystac.SpatialExtent([-180, -90, 180, 90]), pystac.TemporalExtent([None, None]))
    return pystac.Collection(name, "Tiny scenes.", extent)


def _item(
    folder: Path,
    name: str,
    start: dt.datetime,
    end: dt.datetime,
    bands: Mapping[str, tuple[np.ndarray, float, float | None]],
    facts: dict[str, Any],
    east: float = 0,
    north: float = 0,
) -> pystac.Item:
    assets, box = {}, None
    for band, (array, size, nodata) in bands.items():
        path = folder / "files" / f"{name}_{band}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        transform = Affine(size, 0, WEST + east, 0, -size, NORTH + north)
        height, width = array.shape
        profile = {"driver": "GTiff", "count": 1, "dtype": array.dtype.name, "crs": CRS, "transform": transform}
        with rasterio.open(path, "w", height=height, width=width, nodata=nodata, **profile) as file:
            file.write(array, 1)
            box = transform_bounds(CRS, "EPSG:4326", *file.bounds)
        declared = {"data_type": array.dtype.name, **({} if nodata is None else {"nodata": nodata})}
        lattice = {"proj:code": CRS, "proj:shape": [height, width], "proj:transform": list(transform[:6])}
        assets[band] = pystac.Asset(str(path), extra_fields={**lattice, "raster:bands": [declared]})
    assert box is not None
    item = pystac.Item(name, shapely.geometry.mapping(shapely.box(*box)), list(box), start, facts)
    if start != end:
        item.common_metadata.start_datetime, item.common_metadata.end_datetime = start, end
    item.assets = assets
    return item
