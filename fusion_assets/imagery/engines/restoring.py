"""Dataclasses to stored JSON and back: whether they are what was written, and of a version that is known here."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

_T = TypeVar("_T")


def fields_of(item: Any) -> dict[str, Any]:
    """Values of a dataclass by name, as they are: those of inner ones are not taken apart."""
    return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}


def restored(kind: type[_T], stored: Mapping[str, Any], **made: Any) -> _T:
    """A dataclass from stored values; what is no field of it is left out.

    Args:
        kind: the dataclass.
        stored: values by name.
        made: those that JSON holds in another form.
    """
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{**{name: value for name, value in stored.items() if name in names}, **made})


def check_restored(item: Any, stored: Mapping[str, Any], *parts: Any, times: Iterable[str | None] = ()) -> None:
    """Refuse a dataclass that is not what was stored.

    Args:
        item: restored.
        stored: what its `to_dict` must give.
        parts: dataclasses in it.
        times: moments in it.

    Raises:
        ValueError: says what.
    """
    for each in (item, *parts):
        check_types(each)
    check_same(stored, item.to_dict())
    check_times(*times)


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
