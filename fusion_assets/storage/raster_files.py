"""Opening raster files: by the formats they are meant to be in, from the places they may lie in, of sizes that fit.

Files come from elsewhere. GDAL opens far more than rasters: texts that name other files of this machine, parts of
archives, services. It believes what a file says of its own size, and takes the memory for it.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from rasterio._err import CPLE_BaseError
from rasterio.enums import Interleaving
from rasterio.env import ensure_env_with_credentials
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from fusion_assets.grids.grid import rows_and_columns
from fusion_assets.storage.raster_places import UnfitFile, gdal_name

GEOTIFF = ("GTiff",)
"""What is stored here, and what services answer with; cloud-optimized ones are such."""
SCENE_FORMATS = (*GEOTIFF, "JP2OpenJPEG", "netCDF", "Zarr")
"""What archives keep scenes in."""
LARGEST_BYTES = 256 << 20
"""Of pixels that are taken into memory at once: a block of a file, which is always decoded whole, or a window."""
MOST_BANDS = 4096
GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""What reading a damaged file raises, with OSError: some of GDAL's own errors are none of rasterio's."""
GDAL_OPTIONS = {
    # Nothing beside a file says what is in it, and nothing is looked for there at every block.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
}

# Who needs a place refuses files without one, and parts of files are read without asking for it again.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module=r"fusion_assets\.storage\.raster_files$")


def open_file(href: str | Path, formats: Collection[str] = GEOTIFF, **options: Any) -> DatasetReader:
    """Open a raster for reading; nothing of its pixels is read yet.

    Args:
        href: local path or address on the web.
        formats: GDAL's names of those that it may be in.
        options: of GDAL's driver.

    Raises:
        UnfitFile: another kind of place than files lie in, declared sizes beyond what is read here, or pixels that lie
            in other files.
        RasterioError: not a file of these formats.
        OSError: there is none.
    """
    opened = _opened(str(href), driver=list(formats), **options)
    try:
        _check_overviews(opened, str(href))
        check_sizes(opened, str(href))
        if opened.driver == "netCDF":
            _check_self_contained(str(href))
    except BaseException:
        opened.close()
        raise
    return opened


@ensure_env_with_credentials
def _opened(href: str, **options: Any) -> DatasetReader:
    # Not rasterio.open, which takes one driver or all.
    return DatasetReader(gdal_name(href), **options)


def _check_overviews(source: DatasetReader, href: str) -> None:
    """Refuse a file whose tags name its overviews: GDAL opens whatever they name, of any format and in any place.

    Asked for first, as this alone opens nothing; an overview answers with the tags of its file.
    """
    if source.tags(ns="OVERVIEWS"):
        raise UnfitFile(
            href,
            "its tags name another file as its overviews",
            "a file that holds its own overviews",
            "write it anew: gdal_translate -of COG",
        )


def check_sizes(source: DatasetReader, href: str) -> None:
    """Refuse a file before its own word on its size is believed.

    Args:
        source: the open file.
        href: its address, for errors.

    Raises:
        UnfitFile: too many bands, or blocks larger than `LARGEST_BYTES`.
    """
    if source.count > MOST_BANDS:
        raise UnfitFile(
            href,
            f"it has {source.count} bands",
            f"at most {MOST_BANDS}",
            "write the bands that are needed to a file of their own: gdal_translate -b",
        )
    if not source.count:
        return
    height, width = max(source.block_shapes, key=math.prod)
    # Blocks of files that keep the bands of a pixel together hold all of them.
    together = source.count if source.interleaving == Interleaving.pixel else 1
    needed = height * width * max(number_type(name).itemsize for name in set(source.dtypes)) * together
    if needed > LARGEST_BYTES:
        raise UnfitFile(
            href,
            f"it is compressed in blocks of {rows_and_columns(height, width)}, {needed >> 20} MiB each",
            f"blocks of at most {LARGEST_BYTES >> 20} MiB",
            "write it in smaller blocks: gdal_translate -of COG",
        )


def check_window(href: str, height: int, width: int, pixel_bytes: int) -> None:
    """Refuse a part of a file that does not fit into memory.

    Args:
        href: address of the file, for errors.
        height: of the part, pixels.
        width: see `height`.
        pixel_bytes: of one pixel.

    Raises:
        UnfitFile: it is larger than `LARGEST_BYTES`.
    """
    needed = height * width * pixel_bytes
    if needed > LARGEST_BYTES:
        raise UnfitFile(
            href,
            f"{rows_and_columns(height, width)} of it, {needed >> 20} MiB, are needed at once",
            f"at most {LARGEST_BYTES >> 20} MiB",
            "use files whose pixels are not so much finer than the working grid: gdalwarp -tr, gdal_translate -of COG",
        )


def number_type(name: str) -> np.dtype:
    """The type that numbers are read as; GDAL has one that numpy has not."""
    return np.dtype("complex64" if name == "complex_int16" else name)


def _check_self_contained(href: str) -> None:
    """Refuse a netCDF whose numbers lie in other files: HDF5 opens any that it names."""
    path = href.removeprefix("file://")
    if not os.path.isfile(path):
        raise UnfitFile(href, "it is netCDF on the web", "netCDF on a disk of this machine", "copy it to a disk first")
    import h5py

    if not h5py.is_hdf5(path):
        return
    foreign: list[str] = []

    def look_at_link(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            foreign.append(name)

    def look_at_part(name: str, part: object) -> None:
        if isinstance(part, h5py.Dataset) and (part.external or part.is_virtual):
            foreign.append(name)

    try:
        with h5py.File(path, "r") as file:
            file.visititems_links(look_at_link)
            file.visititems(look_at_part)
    except Exception as error:  # of h5py's many kinds
        raise OSError(f"what it holds cannot be listed ({type(error).__name__})") from None
    if foreign:
        raise UnfitFile(
            href,
            f"its {foreign[0][:60]} lies in another file",
            "a file that holds its own numbers",
            "write it whole: nccopy, or gdal_translate",
        )
