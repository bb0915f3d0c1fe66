"""From an image to arrays and files on a requested grid, within the limits of the real service.

Masked pixels are 0 in arrays and files, unless an export names a no-data number; in float exports without one they are
NaN. All bands of a GeoTIFF must have one type.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from fusion_assets.loopbacks.earth_engine.algorithms.bands import chosen
from fusion_assets.loopbacks.earth_engine.algorithms.projections import grid_around
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of, request_cache
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid, Projection, crs_name
from fusion_assets.loopbacks.earth_engine.values import Band, Image, Pixels

LARGEST_REQUEST = 48 << 20
LARGEST_EDGE = 32768
_TILE = 512
_GDAL_NAMES = {"uint8": "Byte", "int8": "Int8", "float32": "Float32", "float64": "Float64"}


def compute_pixels(image: Image, body: dict[str, Any]) -> tuple[bytes, str]:
    """Answer of `image:computePixels`: the file and its content type.

    Raises:
        ServiceError: a request that is too large, or in a format that this service does not know.
    """
    if body.get("visualizationOptions"):
        raise ServiceError("computePixels: this loopback service does not know visualizationOptions.")
    if body.get("bandIds"):
        image = image.with_bands(chosen(image, body["bandIds"], "Image.select"))
    if not image.bands:
        raise ServiceError("Image has no bands.")
    grid = _requested_grid(image, body.get("grid") or {})
    if max(grid.width, grid.height) > LARGEST_EDGE:
        raise ServiceError(
            f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal to {LARGEST_EDGE}."
        )
    size = grid.width * grid.height * sum(band.type.dtype.itemsize for band in image.bands)
    if size > LARGEST_REQUEST:
        raise ServiceError(f"Total request size ({size} bytes) must be less than or equal to {LARGEST_REQUEST} bytes.")
    kind = body.get("fileFormat", "AUTO_JPEG_PNG")
    if kind not in ("NPY", "GEO_TIFF"):
        raise ServiceError(f"computePixels: this loopback service does not know the file format {kind}.")
    if kind == "GEO_TIFF":
        one_type(image.bands)
    with request_cache():
        arrays = [filled(render(band, grid), 0) for band in image.bands]
    if kind == "GEO_TIFF":
        return geotiff(arrays, [band.name for band in image.bands], grid, None), "image/tiff"
    structure = np.zeros((grid.height, grid.width), [(b.name, b.type.dtype) for b in image.bands])
    for band, array in zip(image.bands, arrays, strict=True):
        structure[band.name] = array
    file = io.BytesIO()
    np.save(file, structure)
    return file.getvalue(), "application/octet-stream"


def _requested_grid(image: Image, request: dict[str, Any]) -> PixelGrid:
    base = image.projection
    if "crsCode" in request or "crsWkt" in request:
        base = Projection(crs_name(request.get("crsCode") or request["crsWkt"]), base.transform, base.fixed)
    terms = request.get("affineTransform")
    if terms:
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        base = Projection(base.crs, tuple(float(terms.get(name, 0)) for name in names))
    dimensions = request.get("dimensions")
    if dimensions:
        return PixelGrid(base, int(dimensions["width"]), int(dimensions["height"]))
    return natural_grid(image, base)


def natural_grid(image: Image, projection: Projection | None = None) -> PixelGrid:
    """The grid that an image asks for itself: around its footprint, in its default projection.

    Raises:
        ServiceError: the image has no end.
    """
    if image.grid is not None:
        return image.grid
    if image.geometry is None or image.geometry.shape is None:
        raise ServiceError("Unable to export unbounded image.")
    return grid_around(image.geometry, projection or image.projection)


def render(band: Band, grid: PixelGrid) -> Pixels:
    """Pixels of a band, tile by tile."""
    values = np.zeros((grid.height, grid.width), band.type.dtype)
    valid = np.zeros(values.shape, bool)
    for row in range(0, grid.height, _TILE):
        for col in range(0, grid.width, _TILE):
            height, width = min(_TILE, grid.height - row), min(_TILE, grid.width - col)
            tile = pixels_of(band, grid.window(row, col, height, width))
            values[row : row + height, col : col + width] = tile.values
            valid[row : row + height, col : col + width] = tile.valid
    return Pixels(values, valid)


def filled(pixels: Pixels, nodata: float) -> np.ndarray:
    """Values with a number where masked."""
    return np.where(pixels.valid, pixels.values, np.asarray(nodata).astype(pixels.values.dtype))


def one_type(bands: Sequence[Band]) -> np.dtype:
    """The type that all bands share.

    Raises:
        ServiceError: they have several.
    """
    kinds = list(dict.fromkeys(band.type.dtype for band in bands))
    if len(kinds) > 1:
        names = " and ".join(
            _GDAL_NAMES.get(kind.name, kind.name.replace("uint", "UInt").replace("int", "Int")) for kind in kinds[:2]
        )
        raise ServiceError(f"Exported bands must have compatible data types; found inconsistent types: {names}.")
    return kinds[0]


def geotiff(arrays: Sequence[np.ndarray], names: Sequence[str], grid: PixelGrid, nodata: float | None) -> bytes:
    """A GeoTIFF with named bands."""
    blocks = {"tiled": True, "blockxsize": 256, "blockysize": 256} if min(grid.width, grid.height) >= 256 else {}
    dtype = arrays[0].dtype
    profile: dict[str, Any] = {
        "driver": "GTiff", "width": grid.width, "height": grid.height, "count": len(arrays), "dtype": dtype.name,
        "crs": grid.crs, "transform": Affine(*grid.projection.transform), "compress": "lzw", "nodata": nodata,
    }  # fmt: skip
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile, **blocks) as file:
            for number, (array, name) in enumerate(zip(arrays, names, strict=True), 1):
                file.write(array, number)
                file.set_band_description(number, name)
        return memory.read()
