"""A map of zones as one GeoTIFF: bytes, 0 for no data, its colours inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.publishing.figure_files import made_beside
from fusion_assets.storage.raster_files import GDAL_ERRORS
from fusion_assets.systems.climate_zones.exports.map_codes import BAND, NO_DATA, MapCodes
from fusion_assets.systems.climate_zones.legend import PALETTES


def write_geotiff(
    target: Path, codes: MapCodes, tags: Mapping[str, str], renumbered: Callable[[int], int] = lambda code: code
) -> None:
    """Write a map of codes, whole or not at all.

    Args:
        target: the file, replaced.
        codes: of the map.
        tags: of the file; what it is, of what and by whom.
        renumbered: code by our code, for tools that number zones otherwise.

    Raises:
        FusionError: the file's name, or a place that cannot be written to.
    """
    import rasterio

    if target.suffix != ".tif":
        raise FusionError(f"{target.name} as a GeoTIFF", "a name that ends in .tif", "rename it")
    palette = PALETTES[BAND]
    assert not isinstance(palette, str)
    numbers = np.zeros(256, "uint8")
    numbers[list(palette)] = [renumbered(code) for code in palette]
    colours = {0: (0, 0, 0, 0)} | {renumbered(code): (*each.colour, 255) for code, each in palette.items()}
    height, width = codes.codes.shape
    profile = {
        "driver": "GTiff", "dtype": "uint8", "count": 1, "height": height, "width": width, "nodata": NO_DATA,
        "crs": codes.crs, "transform": codes.transform, "compress": "deflate", "tiled": True,
    }  # fmt: skip
    with made_beside(target) as folder:
        partial = folder / target.name
        try:
            with rasterio.open(partial, "w", **profile) as file:
                file.write_colormap(1, colours)
                file.set_band_description(1, BAND)
                file.update_tags(**tags)
                file.write(numbers[codes.codes], 1)
        except GDAL_ERRORS as error:
            raise FusionError(f"{target} cannot be written: {error}", "a writable folder", "choose another") from None
        partial.replace(target)
