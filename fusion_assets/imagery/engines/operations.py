"""The list of operations that engines keep beside the artifacts, one JSON file each: what finished when.

A file that has not changed since it was settled is not read again by this process, so that a look costs one listing
of the directory however long the list has become.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.storage.json_objects import read_object
from fusion_assets.storage.root import Storage

OPERATIONS = "_operations"
_OVERLAP = dt.timedelta(minutes=5)
_AT_ONCE = 16
_CHUNK = 512
_SHOWN = 40
# By storage root and folder: name -> fingerprint of the file and when the operation in it finished, settled ones only.
_settled: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
# By storage root and folder: name -> what is wrong with a file that was left out when last looked at.
_odd: dict[tuple[str, str], dict[str, FusionError]] = {}
T = TypeVar("T")


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


def recent(
    storage: Storage, since: str, restore: Callable[[dict[str, Any]], T | None], folder: str = OPERATIONS
) -> Iterator[T]:
    """What the files hold whose operation is open, or finished at `since` or later.

    A file that holds something else keeps no other waiting: `odd` tells of it, and it is told when it has been mended.

    Args:
        storage: that holds them.
        since: ISO 8601, UTC; empty for all.
        restore: a file's content to the operation; None for one of another engine. Raises a FusionError where it is
            no operation.
        folder: of the files.
    """
    stamps, place = storage.stamps(folder), (storage.root, folder)
    settled, odd = _settled.setdefault(place, {}), _odd.setdefault(place, {})
    for known in (settled, odd):
        for gone in known.keys() - stamps.keys():
            known.pop(gone, None)
    wanted = [name for name, stamp in stamps.items() if not _is_old(settled.get(name), stamp, since)]

    def look(name: str) -> tuple[dict[str, Any], T | None] | FusionError | None:
        try:
            facts = read(storage, name, folder)
            return None if facts is None else (facts, restore(facts))
        except FusionError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Threads help where each read is a journey.
        each = map if storage.is_local else pool.map
        for start in range(0, len(wanted), _CHUNK):
            names = wanted[start : start + _CHUNK]
            for name, found in zip(names, each(look, names), strict=True):
                if isinstance(found, FusionError):
                    odd[name] = found
                    continue
                mended = odd.pop(name, None) is not None
                if found is None or found[0]["state"] in ("PENDING", "RUNNING"):
                    settled.pop(name, None)
                else:
                    settled[name] = (stamps[name], found[0]["finished"] or "")
                told = mended or name not in settled or settled[name][1] >= since
                if told and found is not None and found[1] is not None:
                    yield found[1]


def odd(folder: str = OPERATIONS) -> list[FusionError]:
    """What is wrong with the files that were left out when this process last looked."""
    return [error for (_, name), files in _odd.items() if name == folder for error in files.values()]


def read(storage: Storage, export_id: str, folder: str = OPERATIONS) -> dict[str, Any] | None:
    """Content of the file of one operation, if there is one.

    Raises:
        FusionError: it is not what engines write.
    """
    path = file_of(storage, export_id, folder)
    remedy = "remove it, and materialize its export again"
    if not storage.exists(path):
        if storage.names_something(path):
            raise FusionError(f"{path} is no file", "an operation, as JSON", remedy)
        return None
    facts = read_object(storage, path, remedy)
    texts = {key: facts.get(key) for key in ("id", "engine", "state")}
    if texts["id"] != export_id or not all(isinstance(text, str) for text in texts.values()) or "finished" not in facts:
        shown = ", ".join(f"{key} {str(value)[:_SHOWN]!r}" for key, value in texts.items())
        raise FusionError(f"{path} has {shown}", f"the operation {export_id}", remedy)
    return facts


def file_of(storage: Storage, export_id: str, folder: str = OPERATIONS) -> str:
    """Where the file of an operation lies."""
    return storage.path(folder, export_id, None, "json")


def forget() -> None:
    """Read every file again, as a new process does."""
    _settled.clear()
    _odd.clear()


def in_order(exports: Iterable[Export]) -> list[Export]:
    """Finished exports, oldest first."""
    return sorted(exports, key=lambda export: (export.finished or "", export.id))


def _is_old(record: tuple[int, str] | None, stamp: int, since: str) -> bool:
    return record is not None and record[0] == stamp and record[1] < since
