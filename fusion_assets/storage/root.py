"""Where artifacts lie: one directory or bucket prefix, reached through fsspec."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from fusion_assets.errors import FusionError
from fusion_assets.redaction import public_url
from fusion_assets.storage.addresses import downloaded, file_system, io_errors
from fusion_assets.storage.disk_space import full, temporary_files, why_full
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX, WORK_PREFIX, sweep

_JUST_NOW_S = 10
_LARGER = "point FUSION_STORAGE at a larger disk"


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a local file as 64 hex digits, read piece by piece."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Storage:
    """A root for artifacts on any fsspec file system.

    Paths handed out are absolute: plain paths for local roots, URLs without credentials for the others.

    Args:
        root: directory, or URL such as `file:///data`, `memory://name`, `gs://bucket/prefix`, `s3://bucket/prefix`.
    """

    def __init__(self, root: str | Path) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self._fs, self._root = file_system(str(root))
        self._root = self._root.rstrip("/")
        self.is_local = isinstance(self._fs, LocalFileSystem)

    def __repr__(self) -> str:
        """Name the root, without credentials."""
        return f"Storage({self.root!r})"

    @property
    def root(self) -> str:
        """The root as a path or URL, without credentials."""
        return self._root if self.is_local else public_url(self._fs.unstrip_protocol(self._root))

    def path(self, asset: str, region: str | None, year: str | int | None, ext: str, others: Iterable[str] = ()) -> str:
        """Return where an artifact lies, whether or not it exists.

        Args:
            asset: asset name; `a/b` for keys of several parts.
            region: region name, or None for an asset of no region.
            year: year, or None for an asset of no year.
            ext: extension without the dot.
            others: what else its partition says.

        Returns:
            `<root>/<asset>/<region>/<others>/<year>.<ext>`, or the same without what there is not.
        """
        parts = [*asset.split("/"), *(str(part) for part in (region, *others, year) if part is not None)]
        for part in parts:
            if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
                raise FusionError(f"{part!r} cannot be part of a file name", "a plain name", "rename it in the study")
        return "/".join([self.root, *parts]) + f".{ext}"

    def exists(self, path: str) -> bool:
        """Say whether a whole artifact lies at path; unfinished ones never do."""
        with self._reading(path):
            return bool(self._fs.isfile(self._inner(path)))

    def names_something(self, path: str) -> bool:
        """Say whether anything lies at path: an artifact, a directory, or what cannot be read at all."""
        with self._reading(path):
            return os.path.lexists(path) if self.is_local else bool(self._fs.exists(self._inner(path)))

    def names(self, asset: str) -> list[str]:
        """Return the names, without extension, of the artifacts directly under an asset's directory, sorted."""
        return sorted(self.stamps(asset))

    def stamps(self, asset: str) -> dict[str, int]:
        """Return the same names, each with a fingerprint that changes when the artifact is replaced (one listing)."""
        directory = self._inner(f"{self.root}/{asset}")
        with self._reading(directory):
            listed = self._fs.ls(directory, detail=True) if self._fs.isdir(directory) else []
        entries = ((str(entry["name"]).rstrip("/").rsplit("/", 1)[-1], entry) for entry in listed)
        return {name.rsplit(".", 1)[0]: hash(str(entry)) for name, entry in entries if not name.startswith(".")}

    def size(self, path: str) -> int:
        """Return the size of an artifact in bytes."""
        with self._reading(path):
            return int(self._fs.size(self._inner(path)))

    def changed(self, path: str) -> float | None:
        """Return when a file, or the newest file of a directory, was changed: seconds since 1970.

        None where there is nothing, or where the file system does not know.
        """
        inner = self._inner(path)
        with self._reading(path):
            if not self._fs.exists(inner):
                return None
            files = self._fs.find(inner, detail=True) if self._fs.isdir(inner) else {inner: self._fs.info(inner)}
        times = [moment for about in files.values() if (moment := _changed(about)) is not None]
        return max(times, default=None)

    def just_changed(self, path: str) -> bool:
        """Say whether a file was changed so shortly ago that the run which did it may not have ended yet."""
        changed = self.changed(path)
        return changed is not None and abs(time.time() - changed) < _JUST_NOW_S

    def read_bytes(self, path: str) -> bytes:
        """Return a whole artifact."""
        with self._reading(path):
            return bytes(self._fs.cat_file(self._inner(path)))

    def open_local(self, path: str) -> Path:
        """Return a local file with the artifact's content (the artifact itself on a local root)."""
        if self.is_local:
            return Path(path)
        return downloaded(self._fs, self._inner(path))  # through the root's own file system, which may hold a login

    def remove(self, path: str) -> None:
        """Remove an artifact; nothing happens where there is none."""
        with self._writing(path):
            if self._fs.isfile(self._inner(path)):
                self._fs.rm_file(self._inner(path))

    def write_bytes(self, content: bytes, path: str) -> None:
        """Place content at path, whole or not at all."""
        with temporary_files(tempfile.gettempdir()), tempfile.NamedTemporaryFile(prefix=WORK_PREFIX) as file:
            file.write(content)
            file.flush()
            self.put_file(file.name, path)

    def put_file(self, local: str | Path, path: str) -> None:
        """Place a copy of a local file at path, whole or not at all, replacing what was there.

        Local roots get a hidden file beside the target, flushed to disk and renamed; object stores get one put.
        Readers that have the old file open keep it.

        Args:
            local: the finished file.
            path: a path from `path()`.

        Raises:
            FusionError: the root is read-only, full or unreachable.
        """
        with self._writing(path):
            if self.is_local:
                target = Path(self._inner(path))
                try:
                    _place_locally(Path(local), target)
                except OSError as error:
                    if why := why_full(error):
                        raise full(target.parent, why, Path(local).stat().st_size, _LARGER) from None
                    if target.is_dir():
                        raise FusionError(f"{target} is a directory", "a file, or nothing", "remove it") from None
                    raise
            else:
                self._fs.put_file(str(local), self._inner(path))

    def refused(self, error: OSError, path: str) -> FusionError:
        """The error of a place below the root that could not be written by others than this class."""
        if why := why_full(error):
            return full(path, why, None, _LARGER) if self.is_local else FusionError(f"{path} {why}", "space", _LARGER)
        try:
            with self._writing(path):
                raise error
        except FusionError as told:
            return told

    def directory(self, path: str) -> str | MutableMapping:
        """Return a directory as Zarr reads and writes it: a local path, or a mapping from names to bytes."""
        if self.is_local:
            return path
        with self._writing(path):
            return self._fs.get_mapper(self._inner(path))

    def sizes(self, path: str) -> dict[str, int]:
        """Return the size in bytes of every file under a directory, by its path below it; empty where there is none."""
        inner = self._inner(path).rstrip("/")
        with self._reading(path):
            files = self._fs.find(inner, detail=True) if self._fs.isdir(inner) else {}
        return {name.removeprefix(inner).lstrip("/"): int(about["size"]) for name, about in files.items()}

    def directories(self, path: str) -> list[str]:
        """Return the names of the directories directly under a directory, sorted."""
        inner = self._inner(path)
        with self._reading(path):
            listed = self._fs.ls(inner, detail=True) if self._fs.isdir(inner) else []
        return sorted(
            str(entry["name"]).rstrip("/").rsplit("/", 1)[-1] for entry in listed if entry["type"] == "directory"
        )

    def remove_directory(self, path: str) -> None:
        """Remove a directory and all that is in it; nothing happens where there is none."""
        with self._writing(path):
            if self._fs.isdir(self._inner(path)):
                self._fs.rm(self._inner(path), recursive=True)

    def check_writable(self) -> None:
        """Write and remove a small file, to find out before anything is computed.

        Raises:
            FusionError: the root is read-only or unreachable.
        """
        probe = f"{self.root}/.fusion-{uuid.uuid4().hex}{PARTIAL_SUFFIX}"
        with self._writing(self.root):
            if self.is_local:
                Path(self._root).mkdir(parents=True, exist_ok=True)
                sweep(self._root, f".*{PARTIAL_SUFFIX}")
            self._fs.pipe_file(self._inner(probe), b"probe")
            self._fs.rm_file(self._inner(probe))

    def _inner(self, path: str) -> str:
        return path if self.is_local else str(self._fs._strip_protocol(path))

    def _reading(self, path: str) -> AbstractContextManager[None]:
        return io_errors("read", path, "a readable storage root", "check FUSION_STORAGE and your credentials")

    def _writing(self, path: str) -> AbstractContextManager[None]:
        remedy = "point FUSION_STORAGE at a place you may write to, with free space, and check your credentials"
        return io_errors("write to", path, "a writable storage root", remedy)


def _changed(about: Mapping[str, Any]) -> float | None:
    """When a file was changed, by the words of one of the object stores."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        moment = about.get(key)
        if isinstance(moment, str):
            moment = dt.datetime.fromisoformat(moment)
        if isinstance(moment, dt.datetime):
            moment = moment.timestamp()
        if isinstance(moment, int | float):
            return float(moment)
    return None


def _place_locally(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, f".*{PARTIAL_SUFFIX}")
    partial = target.parent / f".{target.name}.{uuid.uuid4().hex}{PARTIAL_SUFFIX}"
    try:
        shutil.copyfile(source, partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    directory = os.open(target.parent, os.O_RDONLY)  # the rename itself must survive a power cut too
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
