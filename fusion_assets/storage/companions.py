"""What lies beside an artifact under a name of its own, `<artifact>-<time>-<random><ending>`: a store, a folder.

It becomes the artifact when the artifact's small JSON names it. Whatever a killed process leaves is named by nothing,
and swept away a day later.
"""

from __future__ import annotations

import datetime as dt
import uuid

from fusion_assets.storage.leftovers import STALE_AFTER_S
from fusion_assets.storage.root import Storage

CUBE, FOLDER = ".zarr", ".files"
"""Endings of a series and of a folder of files."""
_STAMP = "%Y%m%dT%H%M%S"


def new_name(path: str, ending: str) -> str:
    """A name that nothing has yet, for what is to lie beside the artifact at `path`."""
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return f"{stem}-{dt.datetime.now(dt.UTC):{_STAMP}}-{uuid.uuid4().hex[:8]}{ending}"


def beside(path: str, name: str) -> str:
    """Path of what is called `name` and lies beside the artifact at `path`."""
    return f"{path.rsplit('/', 1)[0]}/{name}"


def tidy(storage: Storage, path: str, ending: str, keep: tuple[str | None, ...], gone: str | None) -> None:
    """Remove the companion before the last one, and what killed processes left more than a day ago.

    Args:
        storage: root.
        path: of the artifact.
        ending: of the names.
        keep: names that stay: what has just been placed, and what it replaces, which may be being read.
        gone: the one before that.
    """
    folder, stem = path.rsplit("/", 1)
    oldest = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=STALE_AFTER_S)
    for name in storage.directories(folder):
        if name.startswith(f"{stem.rsplit('.', 1)[0]}-") and name.endswith(ending) and name not in keep:
            try:
                begun = dt.datetime.strptime(name.split("-")[-2], _STAMP).replace(tzinfo=dt.UTC)
            except (ValueError, IndexError):
                continue
            if name == gone or begun < oldest:
                storage.remove_directory(f"{folder}/{name}")
