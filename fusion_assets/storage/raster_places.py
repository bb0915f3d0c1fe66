"""Where raster files may lie: on a disk of this machine, or on the web. GDAL knows other places, and reads them all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fusion_assets.errors import FusionError
from fusion_assets.redaction import public_url

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
_ZARR = (".zgroup", ".zarray", ".zmetadata", "zarr.json")
"""Files that make a folder a Zarr."""
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


def gdal_name(href: str) -> str:
    """GDAL's name of a file, on the web or on this machine.

    Raises:
        UnfitFile: another kind of place than files lie in.
        OSError: there is no such file on this machine.
    """
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
    if stat.S_ISDIR(mode):
        _check_folder(path, href)
    elif os.path.basename(path) in _ZARR:  # which stands for its folder
        _check_folder(os.path.dirname(path) or ".", href)
    return path


def _is_zarr(folder: str) -> bool:
    return any(Path(folder, name).is_file() for name in _ZARR)


def _check_folder(folder: str, href: str) -> None:
    """Refuse a folder that is read as one file, but whose parts lie elsewhere, or are no files."""
    whole, waiting = os.path.realpath(folder), [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                within = not entry.is_symlink() or Path(os.path.realpath(entry.path)).is_relative_to(whole)
                if not within or not (entry.is_file() or entry.is_dir()):
                    part, wrong = os.path.relpath(entry.path, folder)[:60], "is no file" if within else "lies elsewhere"
                    raise UnfitFile(
                        href,
                        f"its {part} {wrong}",
                        "a folder that holds its own files",
                        "copy it whole: cp -rL",
                    )
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
