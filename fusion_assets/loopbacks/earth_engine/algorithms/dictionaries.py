"""Dictionaries."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.coercion import constant_image
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Array, Function, Image


def _filled(given: dict) -> dict:
    return {key: value for key, value in given.items() if value is not None}


@algorithm("Dictionary")
def dictionary(given: Any) -> dict:
    """A dictionary from another, or from a list of keys and values in turn."""
    if given is None or isinstance(given, dict):
        return dict(given or {})
    if isinstance(given, list) and len(given) % 2 == 0 and all(isinstance(key, str) for key in given[::2]):
        return dict(zip(given[::2], given[1::2], strict=True))
    raise ServiceError(f"Dictionary, argument 'input': Invalid type.\nActual value: {given!r}"[:500])


@algorithm("Dictionary.fromLists")
def from_lists(keys: list, values: list) -> dict:
    """A dictionary from keys and values."""
    if len(keys) != len(values):
        raise ServiceError(f"Dictionary.fromLists: {len(keys)} keys and {len(values)} values; there must be as many.")
    return dict(zip(keys, values, strict=True))


@algorithm(
    "Dictionary.get", "Dictionary.getNumber", "Dictionary.getString", "Dictionary.getGeometry", "Dictionary.getArray"
)
def value_of(given: dict, key: str, default: Any = None) -> Any:
    """A value by key, or the default."""
    if key in given:
        return given[key]
    if default is None:
        raise ServiceError(f"Dictionary.get: Dictionary does not contain key: '{key}'.")
    return default


@algorithm("Dictionary.map")
def mapped(given: dict, function: Function) -> dict:
    """A function of every key and value; keys for which it gives nothing are dropped."""
    return _filled({key: function.call(key, value) for key, value in given.items()})


def _matching(given: dict, selectors: list[str], ignore: bool, where: str) -> list[str]:
    """Keys that selectors name, as themselves or as regular expressions."""
    found = []
    for selector in selectors:
        keys = [selector] if selector in given else [key for key in sorted(given) if re.fullmatch(selector, key)]
        if not keys and not ignore:
            raise ServiceError(f"{where}: Dictionary does not contain key: '{selector}'.")
        found += keys
    return found


@algorithm("Dictionary.select")
def select(given: dict, selectors: list[str], ignore: bool) -> dict:
    """Some keys, by name or regular expression."""
    return {key: given[key] for key in _matching(given, selectors, ignore, "Dictionary.select")}


@algorithm("Dictionary.remove")
def remove(given: dict, selectors: list[str], ignore: bool) -> dict:
    """All keys but some."""
    gone = _matching(given, selectors, ignore, "Dictionary.remove")
    return {key: value for key, value in given.items() if key not in gone}


@algorithm("Dictionary.rename")
def rename(given: dict, old: list[str], new: list[str], overwrite: bool) -> dict:
    """Other names for some keys."""
    names = from_lists(old, new)
    missing = [name for name in names if name not in given]
    kept = {key: value for key, value in given.items() if key not in names}
    taken = sorted(set(new) & set(kept))
    if missing or (taken and not overwrite) or len(set(new)) < len(new):
        raise ServiceError(f"Dictionary.rename: cannot rename: missing {missing}, already there {taken}.")
    return {**kept, **{target: given[source] for source, target in names.items()}}


@algorithm("Dictionary.toImage")
def to_image(given: dict, names: list[str] | None) -> Image:
    """A constant band a key, in the order of the names or of the alphabet."""
    keys = names or sorted(given)
    values = [value_of(given, key) for key in keys]
    if not all(isinstance(value, int | float) for value in values):
        raise ServiceError("Dictionary.toImage: this loopback service knows numbers only.")
    return constant_image(values, keys)


@algorithm("Dictionary.toArray", refuses=("axis",))
def to_array(given: dict, names: list[str] | None, axis: int) -> Array:
    """Numbers of the keys, in the order of the names or of the alphabet."""
    return Array(np.array([value_of(given, key) for key in (names or sorted(given))]))


ALGORITHMS.update(
    {
        "Dictionary.keys": lambda given: sorted(given),
        "Dictionary.values": lambda given, keys: [value_of(given, key) for key in (keys or sorted(given))],
        "Dictionary.set": lambda given, key, value: {**given, key: value},
        "Dictionary.size": len,
        "Dictionary.contains": lambda given, key: key in given,
        "Dictionary.combine": lambda one, other, over: _filled({**one, **other} if over else {**other, **one}),
    }
)
