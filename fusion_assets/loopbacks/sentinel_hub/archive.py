"""The STAC archive behind the service: which scenes there are, and one band of one scene on a lattice of points."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pystac
import rasterio

COLLECTIONS = ("sentinel-2-l2a", "sentinel-1-grd")
_SPELLINGS = {
    "B02": ("B02", "blue"), "B03": ("B03", "green"), "B04": ("B04", "red"), "B08": ("B08", "nir"),
    "SCL": ("SCL", "scl"), "VV": ("vv",), "VH": ("vh",),
}  # fmt: skip
_NOT_TOLD = ("sat:relative_orbit", "sat:absolute_orbit")


@dataclass(frozen=True, eq=False)
class Scene:
    """One item.

    Attributes:
        item: as the archive has it.
        start: when it was taken, UTC.
    """

    item: pystac.Item
    start: dt.datetime

    def feature(self) -> dict[str, Any]:
        """As the catalog answers it."""
        facts = {name: value for name, value in self.item.properties.items() if name not in _NOT_TOLD}
        facts["datetime"] = self.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.item.collection_id == "sentinel-1-grd":
            facts |= {"sar:instrument_mode": "IW", "s1:polarization": "DV", "s1:resolution": "HIGH"}
        geometry = {"type": "Feature", "stac_version": "1.0.0", "id": self.item.id, "geometry": self.item.geometry}
        return {**geometry, "bbox": self.item.bbox, "collection": self.item.collection_id, "properties": facts}

    def physical(self, band: str, unit: str, x: np.ndarray, y: np.ndarray, crs: str) -> tuple[np.ndarray, np.ndarray]:
        """Values of a band and whether there are any, at points: the pixel that contains each (nearest neighbour)."""
        key = next(key for key in _SPELLINGS.get(band, (band,)) if key in self.item.assets)
        declared = (self.item.assets[key].extra_fields.get("raster:bands") or [{}])[0]
        stored, valid = _at(self.item.assets[key].get_absolute_href() or "", x, y, crs)
        nodata = declared.get("nodata")
        if nodata is not None and nodata != "nan":
            valid = valid & (stored != nodata)
        values = stored.astype(np.float64)
        valid = valid & np.isfinite(values)
        if unit == "REFLECTANCE":
            values = values * float(declared.get("scale", 1e-4)) + float(declared.get("offset", 0))
        if unit == "LINEAR_POWER" and declared.get("unit") == "dB":
            values = 10 ** (values / 10)
        return np.where(valid, values, 0), valid


class Archive:
    """All scenes of a catalog.

    Args:
        catalog: path of catalog.json.
        prefix: of the items' ids, to serve one place of many.
    """

    def __init__(self, catalog: str | Path, prefix: str = "") -> None:
        items = pystac.Catalog.from_file(str(catalog)).get_items(recursive=True)
        chosen = [item for item in items if item.collection_id in COLLECTIONS and item.id.startswith(prefix)]
        self.scenes = sorted((Scene(item, _start(item)) for item in chosen), key=lambda s: (s.start, s.item.id))

    def find(
        self, collection: str, first: dt.datetime, last: dt.datetime, bbox: tuple[float, float, float, float]
    ) -> list[Scene]:
        """Scenes of a collection in a time and a box of degrees, oldest first."""
        west, south, east, north = bbox
        scenes = []
        for scene in self.scenes:
            w, s, e, n = scene.item.bbox or (0, 0, 0, 0)
            touches = w < east and west < e and s < north and south < n
            if scene.item.collection_id == collection and first <= scene.start <= last and touches:
                scenes.append(scene)
        return scenes


def _start(item: pystac.Item) -> dt.datetime:
    moment = item.common_metadata.start_datetime or item.datetime
    assert moment is not None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@functools.lru_cache(maxsize=512)
def _file(path: str) -> tuple[np.ndarray, Any, str]:
    with rasterio.open(path, driver="GTiff") as file:
        return file.read(1), ~file.transform, file.crs.to_string()


def _at(path: str, x: np.ndarray, y: np.ndarray, crs: str) -> tuple[np.ndarray, np.ndarray]:
    values, inverse, stored_crs = _file(path)
    if stored_crs != crs:
        x, y = pyproj.Transformer.from_crs(crs, stored_crs, always_xy=True).transform(x, y)
    col, row = inverse * (np.asarray(x), np.asarray(y))
    col, row = np.floor(col).astype(int), np.floor(row).astype(int)
    inside = (row >= 0) & (row < values.shape[0]) & (col >= 0) & (col < values.shape[1])
    return values[row.clip(0, values.shape[0] - 1), col.clip(0, values.shape[1] - 1)], inside
