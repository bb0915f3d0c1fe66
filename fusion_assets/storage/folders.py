"""Folders of files as one artifact on any storage root: whole or not at all.

The files are put under a name of their own beside the artifact, `<year>-<time>-<random>.files`, and become the artifact
when a small JSON names the folder and the sha256 of every file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.storage.companions import FOLDER, beside, new_name
from fusion_assets.storage.disk_space import temporary_folder
from fusion_assets.storage.root import Storage, sha256_of


@dataclass(frozen=True)
class Folder:
    """A folder that has been written and is to be placed.

    Attributes:
        name: of the folder, beside the artifact.
        files: sha256 of each file by name, with the folders below that it lies in.
        size: bytes of all of them.
        facts: what it says of itself.
        about: what else the JSON says.
    """

    name: str
    files: Mapping[str, str]
    size: int
    facts: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Twelve hex digits over all names and contents."""
        return hashlib.sha256(repr(sorted(self.files.items())).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """What is recorded of it."""
        record = {"folder": self.name, "digest": self.digest, "size": self.size, "files": dict(self.files)}
        return {**self.about, **record}


def write_folder(
    storage: Storage,
    path: str,
    fill: Callable[[Path], Any],
    *,
    facts: Mapping[str, str],
    about: Mapping[str, Any] | None = None,
) -> Folder:
    """Put files into a folder that nothing names yet; the IO manager places it by naming it.

    Args:
        storage: root.
        path: of the artifact, as the storage gives it; extension `json`.
        fill: writes the files, in folders below where it likes, into a local folder that is gone afterwards.
        facts: digests.
        about: what else the JSON is to say.

    Raises:
        FusionError: a root that cannot be written, or a disk that is full.
    """
    name = new_name(path, FOLDER)
    place = beside(path, name)
    with temporary_folder() as local:
        fill(local)
        files = {file.relative_to(local).as_posix(): file for file in sorted(local.rglob("*")) if file.is_file()}
        try:
            for each, file in files.items():
                storage.put_file(file, f"{place}/{each}")
        except BaseException:
            storage.remove_directory(place)
            raise
        digests = {each: sha256_of(file) for each, file in files.items()}
        size = sum(file.stat().st_size for file in files.values())
        return Folder(name, digests, size, dict(facts), dict(about or {}))


def paths_of(storage: Storage, path: str, record: Mapping[str, Any], command: str) -> dict[str, str]:
    """Path of every file of the folder that an artifact's JSON names, by name; their bytes are not read.

    Raises:
        FusionError: it names no folder beside it, or other files lie there.
    """
    remedy = f"make it anew: {command}"
    name, files = str(record.get("folder")), record.get("files")
    if "/" in name or not name.endswith(FOLDER) or not isinstance(files, dict):
        raise FusionError(f"{path} names the folder {name[:80]!r}", "one beside it", remedy)
    place = beside(path, name)
    sizes = storage.sizes(place)
    if set(sizes) != set(files) or sum(sizes.values()) != record.get("size"):
        raise FusionError(
            f"{place} has {number_of(len(sizes), 'file')} of {sum(sizes.values()):,} bytes",
            f"{number_of(len(files), 'file')} of {record.get('size')} bytes, as they were written",
            remedy,
        )
    return {each: f"{place}/{each}" for each in sorted(files)}


def changed_files(storage: Storage, path: str, record: Mapping[str, Any]) -> list[str]:
    """Names of the files that are not what was written, or not there; all of them are read."""
    place = beside(path, str(record.get("folder")))
    there = storage.sizes(place)
    return [
        name
        for name, digest in record.get("files", {}).items()
        if name not in there or sha256_of(storage.open_local(f"{place}/{name}")) != digest
    ]
