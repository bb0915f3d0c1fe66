"""A tiny STAC archive of both sensors, written in a few milliseconds; nothing is imported from what is tested.

Sentinel-2: 1 July 2018 (one scene, a corner without data), 6 July (two granules of one pass, 20 s apart, which
overlap), 11 July (numbers shifted by 1000, some reflectances negative, cloudy). Sentinel-1: 2 July descending and, the
same day, ascending, in decibels, one pixel without data; 8 July ascending, as powers, some of them zero or below.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
import shapely
from affine import Affine
from rasterio.warp import transform_bounds

CRS, WEST, NORTH, HEIGHT, WIDTH = "EPSG:32631", 500000.0, 5600000.0, 20, 24


def write(folder: Path) -> str:
    """Write the archive; returns the catalog's path."""
    extent = pystac.Extent(pystac.SpatialExtent([-180, -90, 180, 90]), pystac.TemporalExtent([None, None]))
    optics = pystac.Collection("sentinel-2-l2a", "Tiny optics.", extent)
    radar = pystac.Collection("sentinel-1-grd", "Tiny radar.", extent)
    random = np.random.default_rng(1)

    def granule(name: str, moment: str, shift: int, cloud: float, col: int, width: int) -> None:
        bands: dict[str, Any] = {}
        for band in ("B04", "B08"):
            numbers = random.integers(900 if shift else 1, 4000, (HEIGHT, width)).astype(np.uint16)
            if name == "S2_A":
                numbers[0, 0] = 0
            bands[band] = (numbers, 10, {"nodata": 0, "scale": 1e-4, "offset": -shift * 1e-4})
        bands["SCL"] = (random.integers(1, 12, (HEIGHT // 2, width // 2)).astype(np.uint8), 20, {"nodata": 0})
        facts = {"platform": "sentinel-2a", "eo:cloud_cover": cloud}
        optics.add_item(_item(folder, name, moment, bands, facts, col))

    def sweep(name: str, moment: str, orbit: str, decibels: bool) -> None:
        bands = {}
        for band in ("vv", "vh"):
            power = random.normal(-12, 3, (HEIGHT, WIDTH)).astype(np.float32)
            power[3, 4] = np.nan
            if not decibels:
                power = (10 ** (power / 10)).astype(np.float32)
                power[0, :2] = 0, -1e-5
            bands[band] = (power, 10, {"nodata": "nan", **({"unit": "dB"} if decibels else {})})
        radar.add_item(_item(folder, name, moment, bands, {"platform": "sentinel-1a", "sat:orbit_state": orbit}, 0))

    granule("S2_A", "2018-07-01T10:50:00", 0, 5, 0, WIDTH)
    granule("S2_B1", "2018-07-06T10:50:00", 0, 20, 0, 14)
    granule("S2_B2", "2018-07-06T10:50:20", 0, 10, 10, 14)
    granule("S2_C", "2018-07-11T10:50:00", 1000, 90, 0, WIDTH)
    sweep("S1_A", "2018-07-02T05:50:00", "descending", True)
    sweep("S1_B", "2018-07-02T17:30:00", "ascending", True)
    sweep("S1_C", "2018-07-08T17:30:00", "ascending", False)
    catalog = pystac.Catalog("tiny", "A tiny archive.")
    catalog.add_children([optics, radar])
    catalog.normalize_and_save(str(folder), pystac.CatalogType.SELF_CONTAINED)
    return str(folder / "catalog.json")


def path(folder: Path, name: str, band: str) -> Path:
    """Of one band of one scene."""
    return folder / "files" / f"{name}_{band}.tif"


def _item(folder: Path, name: str, moment: str, bands: dict[str, Any], facts: dict[str, Any], col: int) -> pystac.Item:
    assets, box = {}, (0.0, 0.0, 0.0, 0.0)
    for band, (array, size, declared) in bands.items():
        file = path(folder, name, band)
        file.parent.mkdir(parents=True, exist_ok=True)
        transform = Affine(size, 0, WEST + 10 * col, 0, -size, NORTH)
        profile = {"driver": "GTiff", "count": 1, "dtype": array.dtype.name, "crs": CRS, "transform": transform}
        with rasterio.open(file, "w", height=array.shape[0], width=array.shape[1], **profile) as written:
            written.write(array, 1)
            box = transform_bounds(CRS, "EPSG:4326", *written.bounds)
        assets[band] = pystac.Asset(str(file), extra_fields={"raster:bands": [declared]})
    when = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
    outline = shapely.geometry.mapping(shapely.box(*box))
    return pystac.Item(name, outline, list(box), when, facts, assets=assets)
