"""Lists, dictionaries, strings: the few functions that expressions of maps need."""

from __future__ import annotations

from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Filter, Function


@algorithm("List.map")
def mapped(items: list, function: Function, drop: bool) -> list:
    """A function of every item."""
    results = [function.call(item) for item in items]
    return [item for item in results if item is not None] if drop else results


@algorithm("List.iterate")
def iterate(items: list, function: Function, first: Any) -> Any:
    """A function of every item and of what came before."""
    for item in items:
        first = function.call(item, first)
    return first


@algorithm("List.get", "List.getNumber", "List.getString", "List.getGeometry")
def get(items: list, index: int) -> Any:
    """An item by position, from the end where negative."""
    if not -len(items) <= index < len(items):
        raise ServiceError(
            f"List.get: List index must be between 0 and {len(items) - 1}, or -1 and {-len(items)}. Found {index}."
        )
    return items[index]


@algorithm("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list:
    """Numbers from one to another, both included."""
    if count is not None:
        width = (end - start) / (count - 1) if end is not None and count > 1 else step
        return [start + i * width for i in range(count)]
    if end is None:
        raise ServiceError("List.sequence: 'end' or 'count' must be given.")
    number = int((end - start) / step + 1e-9) + 1
    return [start + i * step for i in range(max(number, 0))]


@algorithm("List.sort")
def ordered(items: list, keys: list | None) -> list:
    """Sorted, perhaps by another list."""
    if keys is None:
        return sorted(items)
    return [item for _, item in sorted(zip(keys, items, strict=True), key=lambda pair: pair[0])]


@algorithm("List.filter")
def filtered(items: list, condition: Filter) -> list:
    """Items that pass; plain values are the field `item`."""
    return [item for item in items if condition.test(item, None)]


@algorithm("List.slice")
def part(items: list, start: int, end: int | None, step: int | None) -> list:
    """Some items."""
    return items[start:end:step]


@algorithm("List.join")
def joined(items: list, separator: str) -> str:
    """Items as one text."""
    return separator.join(map(str, items))


@algorithm("List.indexOf")
def position(items: list, wanted: Any) -> int:
    """Where an item is first found, or -1."""
    return items.index(wanted) if wanted in items else -1


@algorithm("List.remove")
def removed(items: list, gone: Any) -> list:
    """Without the first item that is equal."""
    place = position(items, gone)
    return items if place < 0 else items[:place] + items[place + 1 :]


def _filled(given: dict) -> dict:
    return {key: value for key, value in given.items() if value is not None}


def _flat(items: list) -> list:
    return [item for part in items for item in (_flat(part) if isinstance(part, list) else [part])]


def _zip(items: list, other: list) -> list:
    return [list(pair) for pair in zip(items, other, strict=False)]


ALGORITHMS.update(
    {
        "List.size": len,
        "List.length": len,
        "List.add": lambda items, item: [*items, item],
        "List.cat": lambda items, other: [*items, *other],
        "List.contains": lambda items, item: item in items,
        "List.distinct": lambda items: [item for i, item in enumerate(items) if item not in items[:i]],
        "List.flatten": _flat,
        "List.reverse": lambda items: items[::-1],
        "List.repeat": lambda item, count: [item] * count,
        "List.removeAll": lambda items, gone: [item for item in items if item not in gone],
        "List.zip": _zip,
        "Dictionary": lambda given: dict(given or {}),
        "Dictionary.fromLists": lambda keys, values: dict(zip(keys, values, strict=True)),
        "Dictionary.keys": lambda given: sorted(given),
        "Dictionary.values": lambda given, keys: [given[key] for key in (keys or sorted(given))],
        "Dictionary.set": lambda given, key, value: {**given, key: value},
        "Dictionary.size": len,
        "Dictionary.contains": lambda given, key: key in given,
        "Dictionary.combine": lambda one, other, over: _filled({**one, **other} if over else {**other, **one}),
        "String": lambda value: value if isinstance(value, str) else str(value),
        "String.cat": lambda one, other: one + other,
        "String.equals": lambda one, other: one == other,
        "String.length": len,
        "String.slice": lambda text, start, end: text[start:end],
        "String.toLowerCase": str.lower,
        "String.toUpperCase": str.upper,
    }
)


@algorithm("Dictionary.get", "Dictionary.getNumber", "Dictionary.getString", "Dictionary.getGeometry")
def value_of(given: dict, key: str, default: Any = None) -> Any:
    """A value by key, or the default."""
    if key in given:
        return given[key]
    if default is None:
        raise ServiceError(f"Dictionary.get: Dictionary does not contain key: '{key}'.")
    return default


@algorithm("Dictionary.map")
def mapped_values(given: dict, function: Function) -> dict:
    """A function of every key and value; keys for which it gives nothing are dropped."""
    return _filled({key: function.call(key, value) for key, value in given.items()})


@algorithm("Number.format")
def number_text(number: float, pattern: str) -> str:
    """A number as text."""
    return pattern % number


@algorithm("Number.parse")
def number_of(text: str, radix: int) -> float:
    """A number from text."""
    return int(text, radix) if text.lstrip("-").isdigit() or radix != 10 else float(text)
