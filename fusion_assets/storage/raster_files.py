"""Opening raster files: by the formats they are meant to be in, from the places they may lie in, of sizes that fit.

Files come from elsewhere. GDAL opens far more than rasters: texts that name other files of this machine, parts of
archives, services. It believes what a file says of its own size, and takes the memory for it.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import Interleaving
from rasterio.env import ensure_env_with_credentials
from rasterio.io import DatasetReader

from fusion_assets.errors import FusionError
from fusion_assets.storage.addresses import public_url

GEOTIFF = ("GTiff",)
"""What is stored here, and what services answer with; cloud-optimized ones are such."""
SCENE_FORMATS = (*GEOTIFF, "JP2OpenJPEG", "netCDF", "Zarr")
"""What archives keep scenes in."""
LARGEST_BYTES = 256 << 20
"""Of pixels that are taken into memory at once: a block of a file, which is always decoded whole, or a window."""
MOST_BANDS = 4096
GDAL_OPTIONS = {
    # Nothing beside a file says what is in it, and nothing is looked for there at every block.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
}
_WEB = {
    "http://": "/vsicurl/http://",
    "https://": "/vsicurl/https://",
    "s3://": "/vsis3/",
    "gs://": "/vsigs/",
    "az://": "/vsiaz/",
    "oss://": "/vsioss/",
    "/vsicurl/http://": "/vsicurl/http://",
    "/vsicurl/https://": "/vsicurl/https://",
    **{f"/vsi{store}/": f"/vsi{store}/" for store in ("s3", "gs", "az", "adls", "oss", "swift")},
}
"""How addresses on the web begin, and GDAL's name of each."""
_PLACES = "a path, or an address that begins with http://, https://, s3://, gs://, az:// or oss://"


class UnfitFile(FusionError):
    """A file that is not opened, whatever is in it. `reason`, without the file's name, says why."""

    def __init__(self, href: str, reason: str, expected: str, remedy: str) -> None:
        self.href, self.reason = href, reason
        super().__init__(f"{public_url(href)}: {reason}", expected, remedy)

    def __reduce__(self) -> tuple:
        """Rebuild from its parts, so that it crosses process boundaries."""
        return type(self), (self.href, self.reason, self.expected, self.remedy)


def is_on_web(href: str) -> bool:
    """Whether an address leads away from this machine."""
    return href.startswith(tuple(_WEB))


def open_file(href: str | Path, formats: Collection[str] = GEOTIFF, **options: Any) -> DatasetReader:
    """Open a raster for reading; nothing of its pixels is read yet.

    Args:
        href: local path or address on the web.
        formats: GDAL's names of those that it may be in.
        options: of GDAL's driver.

    Raises:
        UnfitFile: another kind of place than files lie in, or declared sizes beyond what is read here.
        RasterioError: not a file of these formats.
        OSError: there is none.
    """
    opened = _opened(str(href), driver=list(formats), **options)
    try:
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
    return DatasetReader(_place(href), **options)


def _place(href: str) -> str:
    """GDAL's name of a file."""
    for beginning, name in _WEB.items():
        if href.startswith(beginning):
            return name + href.removeprefix(beginning)
    path = href.removeprefix("file://")
    if path.startswith("/vsi") or "://" in path:
        kind = path.split("://")[0] + "://" if "://" in path else "/" + path.split("/")[1].split("?")[0] + "/"
        raise UnfitFile(href, f"addresses of the kind {kind[:20]} are not read", _PLACES, "copy it to such a place")
    # Devices and pipes answer without end, or never.
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not (stat.S_ISDIR(mode) and _is_zarr(path)):
        raise UnfitFile(href, "it is no regular file", "a raster file", "correct the address")
    return path


def _is_zarr(folder: str) -> bool:
    return any(Path(folder, name).is_file() for name in (".zgroup", ".zarray", ".zmetadata", "zarr.json"))


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
    needed = height * width * max(map(item_bytes, source.dtypes)) * together
    if needed > LARGEST_BYTES:
        raise UnfitFile(
            href,
            f"it is compressed in blocks of {height} x {width} pixels, {needed >> 20} MiB each",
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
            f"{height} x {width} of its pixels, {needed >> 20} MiB, are needed at once",
            f"at most {LARGEST_BYTES >> 20} MiB",
            "use files whose pixels are not so much finer than the working grid: gdalwarp -tr, gdal_translate -of COG",
        )


def item_bytes(dtype: str) -> int:
    """Bytes of one number; GDAL has one kind that numpy has not."""
    return 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize


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
