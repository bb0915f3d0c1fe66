"""Dataclasses from stored JSON: whether they are what was written, and of a version that is known here."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError


def check_types(item: Any) -> None:
    """Refuse a dataclass whose fields are not of their declared types; fields that are dataclasses are not looked into.

    Raises:
        ValueError: names the field.
    """
    for name, adapter in _adapters(item.__class__).items():
        try:
            adapter.validate_python(getattr(item, name), strict=True)
        except ValidationError as error:
            raise ValueError(f"{name} is {str(getattr(item, name))[:40]!r}: {error.errors()[0]['msg']}") from None


def check_same(stored: Mapping[str, Any], restored: Mapping[str, Any]) -> None:
    """Refuse what has become something else by being restored, as a text does that is taken for a list.

    Raises:
        ValueError: names the key.
    """
    for key, value in stored.items():
        if isinstance(value, Mapping) and isinstance(restored.get(key), Mapping):
            check_same(value, restored[key])
        elif restored.get(key, _MISSING) != value:
            raise ValueError(f"{key} is {str(value)[:40]!r}")


def check_times(*moments: str | None) -> None:
    """Refuse what are no moments with a time zone; None is no moment yet.

    Raises:
        ValueError: one of them is something else.
    """
    for moment in moments:
        if moment is not None and dt.datetime.fromisoformat(moment).tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone")


_MISSING = object()


@functools.cache
def _adapters(kind: Any) -> dict[str, TypeAdapter[Any]]:
    hints = typing.get_type_hints(kind)
    plain = (each.name for each in dataclasses.fields(kind) if not dataclasses.is_dataclass(hints[each.name]))
    return {name: TypeAdapter(hints[name]) for name in plain}
