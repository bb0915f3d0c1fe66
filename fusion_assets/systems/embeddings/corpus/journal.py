"""A journal of patches that have been fetched: what is in it is not fetched again, whatever happened to its writer.

One file that only grows. It begins with a line of JSON that says what it belongs to; then record follows record:

    magic (4 bytes) | patch (int64) | length of the payload (uint64) | sha256 of patch, length and payload (32 bytes) |
    payload

A payload begins with the length of a JSON (uint32) and the JSON, which gives either a reason for which the patch is
missing for good, or its offset; the arrays of its layout follow, one after the other. The tail that a killed process
leaves is no record, and is cut off when the file is opened.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.storage.disk_space import full, why_full
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.reading import Pixels

_MAGIC = b"PTCH"
_HEAD = struct.Struct("<4sqQ32s")
_JSON = struct.Struct("<I")
_LONGEST_JSON = 1 << 16
ENDING = ".journal"


@dataclass
class Journal:
    """An open journal. One thread writes.

    Attributes:
        path: of its file.
        layout: of its patches.
        places: (first byte, length) of each payload by patch.
        reasons: why patches are missing for good.
    """

    path: Path
    layout: Layout
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    _file: BinaryIO = field(repr=False, kw_only=True)
    _end: int = field(default=0, kw_only=True)

    def __contains__(self, patch: int) -> bool:
        """Whether a patch has been fetched, or is missing for good."""
        return patch in self.places

    def add(self, patch: int, found: Pixels | str) -> None:
        """Keep a patch, or the reason for which it is missing for good; it is safe once `flush` has returned.

        Raises:
            FusionError: arrays that are not of the layout, or a disk that is full.
        """
        payload = _payload(self.layout, found)
        head = _HEAD.pack(_MAGIC, patch, len(payload), _sum(patch, payload))
        try:
            self._file.seek(self._end)
            self._file.write(head + payload)
        except OSError as error:
            raise self._failed(error, len(payload)) from None
        self.places[patch] = self._end + len(head), len(payload)
        self._end += len(head) + len(payload)
        if isinstance(found, str):
            self.reasons[patch] = found

    def flush(self) -> None:
        """Bring what was added to the disk.

        Raises:
            FusionError: it is full.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error, None) from None

    def _failed(self, error: OSError, needed: int | None) -> Exception:
        if why := why_full(error):
            return full(self.path.parent, why, needed, "give the working folder a larger disk")
        return error

    def read(self, patch: int) -> Pixels | str:
        """What was kept of a patch: its pixels, or why it is missing; KeyError where there is neither.

        Raises:
            FusionError: the disk gives back other bytes than were written.
        """
        start, length = self.places[patch]
        self._file.seek(start - _HEAD.size)
        head, payload = self._file.read(_HEAD.size), self._file.read(length)
        if len(payload) != length or head != _HEAD.pack(_MAGIC, patch, length, _sum(patch, payload)):
            raise FusionError(
                f"{self.path} gives back other bytes of patch {patch} than were written",
                "the bytes that were written",
                "check the disk; remove the file, and fetch the patches again",
            )
        return _unpacked(self.layout, payload)

    def reason(self, patch: int) -> str | None:
        """Why a patch is missing for good; None where its pixels are here."""
        return self.reasons.get(patch)


@contextmanager
def open_journal(folder: Path, name: str, request: str, layout: Layout) -> Iterator[Journal]:
    """The journal of a shard, for one process alone; what it holds of another request is dropped.

    Args:
        folder: working folder that outlives a run, on a disk of this machine.
        name: of the shard.
        request: digest of everything that its patches depend on.
        layout: of them.

    Raises:
        FusionError: another process is at it, or the folder cannot be written.
    """
    path = folder / f"{name}{ENDING}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FusionError(
            f"{path} cannot be written ({error.strerror})", "a working folder on this machine", "choose another folder"
        ) from None
    with open(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FusionError(
                f"another process is fetching the patches of shard {name}: it holds {path}",
                "one process for a shard",
                "wait for it, or end it",
            ) from None
        yield _opened(path, file, request, layout)


def remove_journal(folder: Path, name: str) -> None:
    """Remove the journal of a shard whose store has been placed; nothing happens where there is none."""
    (folder / f"{name}{ENDING}").unlink(missing_ok=True)


def _opened(path: Path, file: BinaryIO, request: str, layout: Layout) -> Journal:
    title = json.dumps({"request": request, "layout": layout.to_dict()}, sort_keys=True).encode() + b"\n"
    journal = Journal(path, layout, _file=file)
    if file.read(len(title)) != title:
        file.seek(0)
        file.truncate()
        file.write(title)
        file.flush()
        os.fsync(file.fileno())
        journal._end = len(title)
        return journal
    journal._end = len(title)
    largest = layout.bytes + _JSON.size + _LONGEST_JSON
    while True:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            break
        magic, patch, length, digest = _HEAD.unpack(head)
        if magic != _MAGIC or length > largest:
            break
        payload = file.read(length)
        if len(payload) != length or _sum(patch, payload) != digest:
            break
        journal.places[patch] = journal._end + _HEAD.size, length
        journal._end += _HEAD.size + length
        if length < layout.bytes and isinstance(found := _unpacked(layout, payload), str):
            journal.reasons[patch] = found
    file.truncate(journal._end)
    return journal


def _sum(patch: int, payload: bytes) -> bytes:
    return hashlib.sha256(struct.pack("<qQ", patch, len(payload)) + payload).digest()


def _payload(layout: Layout, found: Pixels | str) -> bytes:
    if isinstance(found, str):
        return _with_json({"missing": found[: _LONGEST_JSON // 8]}, [])
    arrays = []
    for part in layout.parts:
        array = found.arrays[part.name]
        if array.shape != part.shape or array.dtype != part.dtype:
            raise FusionError(
                f"{part.name} is {array.dtype} of {array.shape}",
                f"{part.dtype} of {part.shape}",
                "correct what reads the patches",
            )
        arrays.append(np.ascontiguousarray(array).tobytes())
    return _with_json({"offset": found.offset}, arrays)


def _with_json(said: Mapping[str, object], arrays: list[bytes]) -> bytes:
    text = json.dumps(said).encode()
    return b"".join([_JSON.pack(len(text)), text, *arrays])


def _unpacked(layout: Layout, payload: bytes) -> Pixels | str:
    (length,) = _JSON.unpack_from(payload)
    said = json.loads(payload[_JSON.size : _JSON.size + length])
    if "missing" in said:
        return str(said["missing"])
    arrays, at = {}, _JSON.size + length
    for part in layout.parts:
        array = np.frombuffer(payload, part.dtype, int(np.prod(part.shape)), at)
        arrays[part.name], at = array.reshape(part.shape), at + part.bytes
    return Pixels(arrays, float(said["offset"]))
