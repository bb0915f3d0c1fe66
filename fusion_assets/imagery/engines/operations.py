"""The list of operations that engines keep beside the artifacts, one JSON file each: what finished when.

A file that has not changed since it was settled is not read again by this process, so that a look costs one listing
of the directory however long the list has become.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.storage.root import Storage

OPERATIONS = "_operations"
_OVERLAP = dt.timedelta(minutes=5)
_AT_ONCE = 16
_CHUNK = 512
# By storage root: name -> fingerprint of the file and when the operation in it finished, settled ones only.
_settled: dict[str, dict[str, tuple[int, str]]] = {}


def utc_now() -> dt.datetime:
    """The present moment; the one clock of exports and of the sensor that watches them."""
    return dt.datetime.now(dt.UTC)


def now() -> str:
    """The present moment as exports write it."""
    return utc_now().isoformat(timespec="microseconds")


def renewed(export: Export) -> Export:
    """A finished export that is asked for once more: told again to whoever looks from now on.

    What was made of it may have been replaced by another operation's pixels in the meantime.
    """
    return dataclasses.replace(export, finished=now())


def since(cursor: str | None) -> str:
    """Five minutes before a cursor; the beginning of time for none, or for one that makes no sense.

    A cursor is the moment of the last look. Several processes look and write, and their clocks differ: what was told
    within those minutes is told again. A cursor that lies in the future was written by a clock that was wrong.
    """
    try:
        moment = dt.datetime.fromisoformat(cursor or "")
        return (moment - _OVERLAP).isoformat() if moment <= utc_now() + _OVERLAP else ""
    except (ValueError, OverflowError, TypeError):
        return ""


def recent(storage: Storage, since: str) -> Iterator[dict[str, Any]]:
    """Contents of the files whose operation is open, or finished at `since` or later.

    Args:
        storage: that holds them.
        since: ISO 8601, UTC; empty for all.
    """
    stamps = storage.stamps(OPERATIONS)
    settled = _settled.setdefault(storage.root, {})
    for gone in settled.keys() - stamps.keys():
        settled.pop(gone, None)
    wanted = [name for name, stamp in stamps.items() if not _is_old(settled.get(name), stamp, since)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Threads help where each read is a journey.
        each = map if storage.is_local else pool.map
        for start in range(0, len(wanted), _CHUNK):
            names = wanted[start : start + _CHUNK]
            for name, facts in zip(names, each(lambda name: read(storage, name), names), strict=True):
                if facts is None or facts["state"] in ("PENDING", "RUNNING"):
                    settled.pop(name, None)
                else:
                    settled[name] = (stamps[name], facts["finished"] or "")
                if facts is not None and (name not in settled or settled[name][1] >= since):
                    yield facts


def read(storage: Storage, export_id: str) -> dict[str, Any] | None:
    """Content of the file of one operation, if there is one.

    Raises:
        FusionError: it is not what engines write.
    """
    path = file_of(storage, export_id)
    content = storage.read_bytes(path) if storage.exists(path) else None
    try:
        return None if content is None else json.loads(content)
    except ValueError:
        raise FusionError(
            f"{path} is damaged", "an operation, as JSON", "remove it, and materialize its export again"
        ) from None


def file_of(storage: Storage, export_id: str) -> str:
    """Where the file of an operation lies."""
    return storage.path(OPERATIONS, export_id, None, "json")


def forget() -> None:
    """Read every file again, as a new process does."""
    _settled.clear()


def in_order(exports: Iterable[Export]) -> list[Export]:
    """Finished exports, oldest first."""
    return sorted(exports, key=lambda export: (export.finished or "", export.id))


def _is_old(record: tuple[int, str] | None, stamp: int, since: str) -> bool:
    return record is not None and record[0] == stamp and record[1] < since
