"""The work of export operations: images as GeoTIFF shards, tables as CSV or GeoJSON, written to a bucket.

An image larger than one file is split: by `fileDimensions` where given, else into squares below the largest file.
Shards are named after the row and column of their first pixel, `prefix0000000000-0000000512.tif`, ten digits each.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine.buckets import Buckets
from fusion_assets.loopbacks.earth_engine.coercion import coerce
from fusion_assets.loopbacks.earth_engine.encoding import encode, geometry
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import request_cache
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid
from fusion_assets.loopbacks.earth_engine.operation import Operation
from fusion_assets.loopbacks.earth_engine.rendering import filled, geotiff, natural_grid, one_type, render
from fusion_assets.loopbacks.earth_engine.values import Image

DEFAULT_MAX_PIXELS = 10**8
LARGEST_FILE = 2 << 30
Evaluate = Callable[[dict[str, Any]], Any]


def check_image_export(body: dict[str, Any]) -> None:
    """Refuse at once what the real service refuses at once.

    Raises:
        ServiceError: other destinations or formats than this service knows, or impossible file dimensions.
    """
    options = body.get("fileExportOptions") or {}
    if "cloudStorageDestination" not in options:
        raise ServiceError("image:export: this loopback service knows Cloud Storage destinations only.")
    if options.get("fileFormat") != "GEO_TIFF":
        raise ServiceError(f"image:export: this loopback service does not know the format {options.get('fileFormat')}.")
    tiff = options.get("geoTiffOptions") or {}
    size = int((tiff.get("tileSize") or {}).get("value", 256))
    dimensions = tiff.get("tileDimensions") or {}
    if any(int(edge) % size for edge in dimensions.values()):
        raise ServiceError(
            f"fileDimensions must be a multiple of the shardSize ({size}). Found {list(dimensions.values())}."
        )


def export(operation: Operation, evaluate: Evaluate, buckets: Buckets | None) -> None:
    """Do what an operation asks for.

    Raises:
        ServiceError: the expression, the size or the bucket is not as it must be.
    """
    options = operation.request["fileExportOptions"]
    destination = options["cloudStorageDestination"]
    if buckets is None:
        raise ServiceError("This loopback service was started without a storage emulator.")
    bucket, prefix = destination["bucket"], destination.get("filenamePrefix") or operation.description
    value = evaluate(operation.request["expression"])
    fault = (operation.fault or {}).get("kind")
    operation.objects = []
    if operation.type == "EXPORT_IMAGE":
        files, kind = _image_files(coerce(value, "Image", "Export"), operation.request, prefix), "image/tiff"
    else:
        files, kind = _table_files(value, options["fileFormat"], prefix, operation.request), "text/plain"
    for number, (name, content) in enumerate(files):
        last = number == len(files) - 1
        operation.objects.append(name)
        if fault == "missing_shard" and last:
            continue
        if fault == "truncated_shard" and last:
            content = content[: len(content) // 2]
        buckets.write(bucket, name, content, kind)
    folder = prefix.rpartition("/")[0]
    operation.uris = [
        f"https://console.developers.google.com/storage/browser/{bucket}/{folder + '/' if folder else ''}"
    ]


def _image_files(image: Image, body: dict[str, Any], prefix: str) -> list[tuple[str, bytes]]:
    options = body["fileExportOptions"].get("geoTiffOptions") or {}
    if not image.bands:
        raise ServiceError("Export.image: The image has no bands.")
    grid = natural_grid(image)
    allowed = int((body.get("maxPixels") or {}).get("value", DEFAULT_MAX_PIXELS))
    if grid.width * grid.height > allowed:
        raise ServiceError(
            f"Export too large: specified {grid.width * grid.height} pixels (max: {allowed}). Specify higher maxPixels "
            "value if you intend to export a large area."
        )
    dtype = one_type(image.bands)
    given = options.get("noData")
    nodata = None if given is None else float(given.get("floatValue", given.get("integerValue", 0)))
    blank = nodata if nodata is not None else (math.nan if dtype.kind == "f" else 0)
    with request_cache():
        arrays = [filled(render(band, grid), blank) for band in image.bands]
    names, files = [band.name for band in image.bands], []
    height, width = _file_size(grid, len(names) * dtype.itemsize, options)
    single = height >= grid.height and width >= grid.width
    for row in range(0, grid.height, height):
        for col in range(0, grid.width, width):
            part = grid.window(row, col, min(height, grid.height - row), min(width, grid.width - col))
            cut = [array[row : row + part.height, col : col + part.width] for array in arrays]
            if options.get("skipEmptyFiles") and all(_blank(array, blank) for array in cut):
                continue
            suffix = "" if single else f"{row:010d}-{col:010d}"
            files.append((f"{prefix}{suffix}.tif", geotiff(cut, names, part, nodata)))
    return files


def _blank(array: np.ndarray, blank: float) -> bool:
    return bool(np.isnan(array).all() if math.isnan(blank) else (array == blank).all())


def _file_size(grid: PixelGrid, bytes_a_pixel: int, options: dict[str, Any]) -> tuple[int, int]:
    """Height and width of a file, multiples of the tile size unless one file is enough."""
    dimensions = options.get("tileDimensions")
    if dimensions:
        return int(dimensions["height"]), int(dimensions["width"])
    if grid.width * grid.height * bytes_a_pixel <= LARGEST_FILE:
        return grid.height, grid.width
    tile = int((options.get("tileSize") or {}).get("value", 256))
    edge = max(tile, int(math.sqrt(LARGEST_FILE / bytes_a_pixel)) // tile * tile)
    return edge, edge


def _table_files(value: Any, kind: str, prefix: str, body: dict[str, Any]) -> list[tuple[str, bytes]]:
    collection = coerce(value, "FeatureCollection", "Export")
    rows = [dict(f.properties) for f in collection.elements]
    names = body.get("selectors") or [
        "system:index",
        *sorted({n for row in rows for n in row if n != "system:index"}),
        ".geo",
    ]
    if kind == "GEO_JSON":
        text = json.dumps({"type": "FeatureCollection", "features": [encode(f) for f in collection.elements]})
        return [(f"{prefix}.geojson", text.encode())]
    if kind != "CSV":
        raise ServiceError(f"table:export: this loopback service does not know the format {kind}.")
    file = io.StringIO()
    writer = csv.DictWriter(file, names, extrasaction="ignore")
    writer.writeheader()
    for feature, row in zip(collection.elements, rows, strict=True):
        writer.writerow({**row, ".geo": json.dumps(geometry(feature.geometry))})
    return [(f"{prefix}.csv", file.getvalue().encode())]
