"""JSON that is read back: the one door for all of it, whoever has written it and whatever has become of it since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.storage.root import Storage

MAX_BYTES = 256 * 2**20
"""Of a file that is read into memory; far more than anything that is stored as JSON."""
MAX_PARTS = 10_000_000
"""Values and containers in a file; each takes some 60 bytes of memory, however short it is written."""
_SHOWN, _MOST = 60, 200


def read_object(storage: Storage, path: str, remedy: str) -> dict[str, Any]:
    """Return the object in a stored file, which is not read where it is too large.

    Raises:
        FusionError: see `json_object`; or the storage cannot be read.
    """
    size = storage.size(path)
    if size > MAX_BYTES:
        raise _unusable(path, f"it has {size:,} bytes", remedy)
    return json_object(storage.read_bytes(path), path, remedy)


def json_object(content: bytes, path: str, remedy: str) -> dict[str, Any]:
    """Return the object that a file's content is.

    Args:
        content: of the file.
        path: of the file, for the message.
        remedy: what to do where it is something else.

    Raises:
        FusionError: too large, no UTF-8, no JSON, nested too deeply, with numbers or texts that are none, or no object.
    """
    try:
        parts = sum(content.count(mark) for mark in (b",", b"[", b"{"))
        if len(content) > MAX_BYTES or parts > MAX_PARTS:
            raise ValueError(f"it has {len(content):,} bytes, {parts:,} values")
        document = json.loads(content, parse_constant=_refuse)
        if not isinstance(document, dict):
            raise ValueError(f"it is {json.dumps(document)[:_SHOWN]}")
        if rb"\ud" in content.lower():
            json.dumps(document, ensure_ascii=False).encode()  # halves of characters cannot be written anywhere
    except RecursionError:
        raise _unusable(path, "it is nested too deeply", remedy) from None
    except ValueError as error:
        raise _unusable(path, str(error), remedy) from None
    return document


@contextmanager
def as_written(what: str, remedy: str) -> Iterator[None]:
    """Turn whatever is raised by using what was read back into a `FusionError`.

    Odd content breaks at any place, with any error: at a key, a type, a time, a projection, a shape.

    Args:
        what: is used, in words.
        remedy: what to do.
    """
    try:
        yield
    except Replaced:
        raise
    except Exception as error:
        why = error.found if isinstance(error, FusionError) else f"{type(error).__name__}: {error}"
        raise FusionError(
            f"{what} cannot be used: {why[:_MOST]}", "what this version of fusion_assets writes", remedy
        ) from None


def _refuse(name: str) -> None:
    raise ValueError(f"it holds {name}")


def _unusable(path: str, why: str, remedy: str) -> FusionError:
    return FusionError(f"{path} cannot be read: {why}", "a JSON object", remedy)
