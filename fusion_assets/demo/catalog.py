"""How the demo archive is written down: COGs, STAC items, collections and a catalog, all named synthetic.

JSON follows STAC 1.1.0 with the extensions projection 2.0.0, raster 1.1.0, eo 1.1.0, view 1.0.0, sat 1.0.0, sar
1.0.0 and grid 1.1.0 (https://stac-extensions.github.io).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import Transformer

LICENSE = "CC0-1.0"
NOTICE = "SYNTHETIC: simulated by fusion_assets from a random seed; no satellite measured it, no place looks like this."
_STAC = "1.1.0"
_EXTENSIONS = {
    "proj:": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster:": "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "view:": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
    "sat:": "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
    "sar:": "https://stac-extensions.github.io/sar/v1.0.0/schema.json",
    "grid:": "https://stac-extensions.github.io/grid/v1.1.0/schema.json",
}


@dataclass(frozen=True)
class Layer:
    """One asset to be written.

    Attributes:
        key: asset key and file name.
        values: 2-D array.
        nodata: stored number without meaning, or None.
        unit: of the physical value, or empty.
        scale: physical value = stored number x scale + offset; None where the number is a class or count.
        role: `data` or `data-mask`.
        extra: further asset fields.
        offset: of the physical value.
    """

    key: str
    values: npt.NDArray
    nodata: float | None = None
    unit: str = ""
    scale: float | None = None
    role: str = "data"
    extra: Mapping[str, Any] | None = None
    offset: float = 0


def write_cog(path: Path, layer: Layer, crs: str, transform: Affine) -> None:
    """Write one band as a cloud-optimised GeoTIFF whose tags say that it is synthetic."""
    tags = {
        "TIFFTAG_IMAGEDESCRIPTION": f"{NOTICE} {layer.key}",
        "TIFFTAG_SOFTWARE": "fusion_assets.demo",
        "TIFFTAG_COPYRIGHT": LICENSE,
        "synthetic": "yes",
    }
    kind = layer.values.dtype
    options = {
        "compress": "DEFLATE",
        "predictor": "FLOATING_POINT" if kind.kind == "f" else "STANDARD" if kind.itemsize > 1 else "NO",
        "blocksize": 512,
        "overview_resampling": "NEAREST" if layer.scale is None else "AVERAGE",
    }
    rows, cols = layer.values.shape
    with rasterio.open(
        path, "w", driver="COG", width=cols, height=rows, count=1, dtype=kind.name, crs=crs, transform=transform,
        nodata=layer.nodata, **options,
    ) as file:  # fmt: skip
        file.write(layer.values, 1)
        file.set_band_description(1, layer.key)
        if layer.unit:
            file.set_band_unit(1, layer.unit)
        file.update_tags(**tags)


def footprint(crs: str, corners: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """GeoJSON polygon (lon, lat) through projected corners, given counter-clockwise; edges get intermediate points."""
    points = []
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        points += [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in np.linspace(0, 1, 5)[:-1]]
    x, y = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*np.array(points).T)
    ring = [[round(float(a), 6), round(float(b), 6)] for a, b in zip(x, y, strict=True)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def rectangle(transform: Affine, shape: tuple[int, int]) -> list[tuple[float, float]]:
    """Corners of a raster in its own CRS, counter-clockwise."""
    rows, cols = shape
    return [transform @ corner for corner in ((0, rows), (cols, rows), (cols, 0), (0, 0))]


def bounding_box(geometry: Mapping[str, Any]) -> list[float]:
    """West, south, east, north of a polygon's ring."""
    lon, lat = zip(*geometry["coordinates"][0], strict=True)
    return [min(lon), min(lat), max(lon), max(lat)]


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def interval(start: dt.date, end: dt.date) -> dict[str, str]:
    """Date fields of something that covers whole days, both ends included."""
    midnight = dt.time(tzinfo=dt.UTC)
    first = timestamp(dt.datetime.combine(start, midnight))
    last = timestamp(dt.datetime.combine(end, dt.time(23, 59, 59, tzinfo=dt.UTC)))
    return {"datetime": first, "start_datetime": first, "end_datetime": last}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write one JSON document."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _asset(layer: Layer, transform: Affine) -> dict[str, Any]:
    """STAC asset of a written layer."""
    band: dict[str, Any] = {"data_type": layer.values.dtype.name}
    if layer.nodata is not None:
        band["nodata"] = "nan" if np.isnan(layer.nodata) else layer.nodata
    if layer.scale is not None:
        band |= {"scale": layer.scale, "offset": layer.offset}
    if layer.unit:
        band["unit"] = layer.unit
    return {
        "href": f"./{layer.key}.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": f"SYNTHETIC {layer.key}",
        "roles": [layer.role],
        "proj:shape": list(layer.values.shape),
        "proj:transform": [float(v) for v in transform[:6]],
        "raster:bands": [band],
        **(layer.extra or {}),
    }


def _prefixes(document: Mapping[str, Any]) -> list[str]:
    """Extensions in use, by the prefix of field names."""
    text = json.dumps(document)
    return [url for prefix, url in _EXTENSIONS.items() if f'"{prefix}' in text]


def write_item(
    root: Path,
    collection: str,
    identifier: str,
    properties: Mapping[str, Any],
    crs: str,
    rasters: Iterable[tuple[Affine, Layer]],
    corners: Sequence[tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Write the rasters and the STAC item of one scene, and return the item.

    Args:
        root: of the archive.
        collection: collection id, also the folder.
        identifier: item id, also the folder.
        properties: of the item; the synthetic notice, licence and `proj:code` are added.
        crs: of every raster.
        rasters: transform and layer of each asset.
        corners: of the footprint in `crs`, counter-clockwise; the first raster's rectangle when left out.
    """
    folder = root / collection / identifier
    folder.mkdir(parents=True)
    rasters = list(rasters)
    for transform, layer in rasters:
        write_cog(folder / f"{layer.key}.tif", layer, crs, transform)
    geometry = footprint(crs, corners or rectangle(rasters[0][0], rasters[0][1].values.shape))
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": _STAC,
        "stac_extensions": [],
        "id": identifier,
        "collection": collection,
        "geometry": geometry,
        "bbox": bounding_box(geometry),
        "properties": {**properties, "description": NOTICE, "synthetic": True, "license": LICENSE, "proj:code": crs},
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../collection.json", "type": "application/json"},
            {"rel": "collection", "href": "../collection.json", "type": "application/json"},
        ],
        "assets": {layer.key: _asset(layer, transform) for transform, layer in rasters},
    }
    item["stac_extensions"] = _prefixes(item)
    write_json(folder / f"{identifier}.json", item)
    return item


def write_collection(root: Path, identifier: str, title: str, text: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Write the collection document over its items, which are sorted by id."""
    boxes = np.array([item["bbox"] for item in items])
    starts = sorted(item["properties"].get("start_datetime") or item["properties"]["datetime"] for item in items)
    ends = sorted(item["properties"].get("end_datetime") or item["properties"]["datetime"] for item in items)
    box = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    links = [{"rel": rel, "href": "../catalog.json", "type": "application/json"} for rel in ("root", "parent")]
    for name in sorted(item["id"] for item in items):
        links.append({"rel": "item", "href": f"./{name}/{name}.json", "type": "application/geo+json"})
    write_json(
        root / identifier / "collection.json",
        {
            "type": "Collection",
            "stac_version": _STAC,
            "stac_extensions": [],
            "id": identifier,
            "title": f"SYNTHETIC {title}",
            "description": f"{NOTICE} {text}",
            "keywords": ["synthetic", "simulated", "demo"],
            "license": LICENSE,
            "providers": [{"name": "fusion_assets demo generator", "roles": ["producer"]}],
            "extent": {"spatial": {"bbox": [box]}, "temporal": {"interval": [[starts[0], ends[-1]]]}},
            "links": links,
        },
    )


def write_catalog(root: Path, identifier: str, title: str, collections: Iterable[str]) -> None:
    """Write the root document."""
    links = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    links += [{"rel": "child", "href": f"./{name}/collection.json", "type": "application/json"} for name in collections]
    write_json(
        root / "catalog.json",
        {
            "type": "Catalog",
            "stac_version": _STAC,
            "id": identifier,
            "title": title,
            "description": f"{NOTICE} Licence {LICENSE}.",
            "links": links,
        },
    )
