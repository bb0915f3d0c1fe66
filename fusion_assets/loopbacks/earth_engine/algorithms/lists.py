"""Lists."""

from __future__ import annotations

from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.reducing import reduced_list
from fusion_assets.loopbacks.earth_engine.values import Filter, Function, Reducer


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


@algorithm("List.get", "List.getNumber", "List.getString", "List.getGeometry", "List.getArray")
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
        "List.containsAll": lambda items, other: all(item in items for item in other),
        "List.equals": lambda items, other: items == other,
        "List.frequency": lambda items, item: items.count(item),
        "List.distinct": lambda items: [item for i, item in enumerate(items) if item not in items[:i]],
        "List.flatten": _flat,
        "List.reverse": lambda items: items[::-1],
        "List.repeat": lambda item, count: [item] * count,
        "List.removeAll": lambda items, gone: [item for item in items if item not in gone],
        "List.zip": _zip,
    }
)


@algorithm("List.reduce")
def reduced(items: list, reducer: Reducer) -> Any:
    """A reducer's output, or a dictionary of several."""
    outputs = reduced_list(reducer, items)
    return outputs if len(outputs) > 1 else next(iter(outputs.values()))


@algorithm("List.splice")
def spliced(items: list, start: int, count: int, other: list | None) -> list:
    """Some items taken out, others put in their place."""
    first = start if start >= 0 else len(items) + start
    if not 0 <= first <= len(items) or count < 0:
        raise ServiceError(f"List.splice: this loopback service does not know a start of {start} and {count} items.")
    return [*items[:first], *(other or []), *items[first + count :]]


@algorithm("List.insert")
def inserted(items: list, index: int, item: Any) -> list:
    """One item more, before a position."""
    if not 0 <= index <= len(items):
        raise ServiceError(f"List.insert: this loopback service does not know the position {index}.")
    return [*items[:index], item, *items[index:]]


@algorithm("List.set")
def exchanged(items: list, index: int, item: Any) -> list:
    """One item exchanged."""
    get(items, index)
    place = index % len(items)
    return [*items[:place], item, *items[place + 1 :]]


@algorithm("List.swap")
def swapped(items: list, one: int, other: int) -> list:
    """Two items changed about."""
    return exchanged(exchanged(items, one, get(items, other)), other, get(items, one))


@algorithm("List.replace")
def replaced(items: list, old: Any, new: Any) -> list:
    """The first item that is equal exchanged."""
    place = position(items, old)
    return items if place < 0 else exchanged(items, place, new)


@algorithm("List.replaceAll")
def replaced_all(items: list, old: Any, new: Any) -> list:
    """All items that are equal exchanged."""
    return [new if item == old else item for item in items]


@algorithm("List.rotate")
def rotated(items: list, distance: int) -> list:
    """Moved to the left, the first following the last."""
    step = distance % len(items) if items else 0
    return items[step:] + items[:step]


@algorithm("List.indexOfSublist")
def position_of_part(items: list, wanted: list) -> int:
    """Where a list is first found in another, or -1."""
    return next((i for i in range(len(items) - len(wanted) + 1) if items[i : i + len(wanted)] == wanted), -1)


@algorithm("List.lastIndexOfSubList")
def last_position_of_part(items: list, wanted: list) -> int:
    """Where a list is last found in another, or -1."""
    places = range(len(items) - len(wanted), -1, -1)
    return next((i for i in places if items[i : i + len(wanted)] == wanted), -1)


@algorithm("List.unzip")
def unzipped(items: list) -> list:
    """A list of lists turned."""
    if len({len(item) for item in items}) > 1:
        raise ServiceError("List.unzip: this loopback service knows lists of one length only.")
    return [list(column) for column in zip(*items, strict=True)]
