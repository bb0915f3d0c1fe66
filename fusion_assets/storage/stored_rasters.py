"""Rasters on a storage root: the files of one are placed together, read together and compared together.

The main file lies at the raster's path and is placed last: it holds the digests of the others, without which it is not
read.
"""

from __future__ import annotations

import xarray as xr

from fusion_assets.errors import Replaced
from fusion_assets.storage.raster_classes import beside, named_classes, side_files
from fusion_assets.storage.raster_contents import CLASSES_KEY, content_digest, digest_of_all, file_tags
from fusion_assets.storage.raster_reading import Unmatched, open_raster, said_classes
from fusion_assets.storage.raster_writing import RasterFile
from fusion_assets.storage.root import Storage

MAP = "map"


def place_raster(storage: Storage, raster: RasterFile, path: str) -> list[str]:
    """Place all files of a raster; returns the paths of those that hold pixels.

    Args:
        storage: root.
        raster: that has been written.
        path: of the main file, as the storage gives it.
    """
    main = next(name for name in raster.bands if name not in raster.classes)
    for band, file in raster.classes.items():
        storage.put_file(file, beside(path, band))
    for band in (main, *raster.classes):
        place, classes = path if band == main else beside(path, band), named_classes(band, raster.palettes)
        for name, text in side_files(place, classes).items():
            if classes:
                storage.write_bytes(text.encode(), name)
            else:  # of what lay there before
                storage.remove(name)
    storage.put_file(raster.path, path)
    return [path, *(beside(path, band) for band in raster.classes)]


def open_stored(storage: Storage, path: str) -> xr.Dataset:
    """Open a stored raster lazily, with all its bands; see `open_raster`.

    Raises:
        Replaced: its files do not belong together, and one was placed a moment ago.
        FusionError: they do not, or one is missing or damaged.
    """
    try:
        return open_raster(path, local=storage.open_local)
    except Unmatched as error:
        if any(storage.just_changed(each) for each in raster_paths(storage, path).values()):
            raise Replaced(error.found, error.expected, error.remedy) from None
        raise


def raster_paths(storage: Storage, path: str) -> dict[str, str]:
    """Paths of the files of a stored raster: `map`, which the others lie beside, and those by band.

    Raises:
        FusionError: the main file is damaged.
    """
    return {MAP: path} | {band: beside(path, band) for band in _digests(storage, path)}


def pixel_digest(storage: Storage, path: str) -> str:
    """The content digest of a stored raster, computed from all its pixels.

    Raises:
        FusionError: it cannot be read.
    """

    def of(place: str) -> str:
        return content_digest(storage.open_local(place), place)

    return digest_of_all(of(path), {band: of(beside(path, band)) for band in _digests(storage, path)})


def _digests(storage: Storage, path: str) -> dict[str, str]:
    return said_classes(file_tags(storage.open_local(path)).get(CLASSES_KEY, ""), path)
