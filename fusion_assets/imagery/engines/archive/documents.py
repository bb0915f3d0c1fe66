"""STAC's JSON, before it is STAC: read from disk within limits, and parsed so that nothing in it is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion_assets.errors import FusionError

_MOST_DIGITS = 300


def read_file(path: str, most_bytes: int) -> str:
    """Text of a file on disk.

    Raises:
        FusionError: it is no file (a folder, a device, a pipe), or is too large.
        OSError: it cannot be read.
    """
    place = Path(path)
    if place.exists() and not place.is_file():
        raise FusionError(f"{path} is no file", "a JSON file", "correct the link, or remove it from the catalog")
    if (size := place.stat().st_size) > most_bytes:
        raise FusionError(
            f"{path} has {size:,} bytes", f"a STAC object of at most {most_bytes:,}", "remove its link from the catalog"
        )
    return place.read_text("utf-8")


def parsed(text: str) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        ValueError: it is none, is nested too deeply, or says one thing twice.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_int=_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError(f"no object but a {type(content).__name__}")
    return content


def _number(digits: str) -> int | float:
    """Whole numbers that no float can hold are infinite, as all that reads them further on would have it."""
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless it has a key twice: readers differ in which of them they believe."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:40]!r} is there twice")
    return made
