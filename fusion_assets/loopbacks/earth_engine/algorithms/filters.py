"""Filters: tests of one element, or of a pair in a join.

A filter compares a left operand with a right one; each is a field of an element or a value. In a join the left field
is of the primary, the right field of the secondary element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shapely

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.coercion import coerce, date_of, type_name
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Date, DateRange, Element, Filter, Geometry

_GEOMETRIES = (".all", ".geo")


def field(element: Any, name: str) -> Any:
    """A property of an element, or its geometry; None where it has none."""
    if name in _GEOMETRIES:
        return element.geometry
    if not isinstance(element, Element):
        return element if name == "item" else None
    return element.properties.get(name)


def _operands(
    left: str | None, right_value: Any, right: str | None, left_value: Any
) -> Callable[[Any, Any], tuple[Any, Any]]:
    if (left is None) == (left_value is None) or (right is None) == (right_value is None):
        raise ServiceError("Filter: Each operand must be specified by a field or a value, not both.")

    def fetch(one: Any, other: Any) -> tuple[Any, Any]:
        # A filter of single elements finds both fields in the one element.
        second = one if other is None else other
        return (
            field(one, left) if left is not None else left_value,
            field(second, right) if right is not None else right_value,
        )

    return fetch


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(one: Any, other: Any) -> bool:
        if one is None or other is None:
            return False
        one, other = (value.millis if isinstance(value, Date) else value for value in (one, other))
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return bool((numbers or type(one) is type(other)) and test(one, other))

    return compare


def _shapes(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(one: Any, other: Any) -> bool:
        shapes = [coerce(value, "Geometry", "Filter") for value in (one, other) if value is not None]
        if len(shapes) < 2:
            return False
        unbounded = [shape.shape is None for shape in shapes]
        return True if any(unbounded) else bool(test(shapes[0].lonlat, shapes[1].lonlat))

    return compare


def _in_range(one: Any, other: Any) -> bool:
    if not isinstance(one, DateRange) or other is None:
        return False
    date = date_of(other)
    return date is not None and one.start <= date.millis < one.end


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _ordered(lambda a, b: a == b),
    "neq": lambda a, b: a is not None and not _ordered(lambda x, y: x == y)(a, b),
    "lt": _ordered(lambda a, b: a < b),
    "lte": _ordered(lambda a, b: a <= b),
    "gt": _ordered(lambda a, b: a > b),
    "gte": _ordered(lambda a, b: a >= b),
    "stringStartsWith": _ordered(lambda a, b: a.startswith(b)),
    "stringEndsWith": _ordered(lambda a, b: a.endswith(b)),
    "stringContains": _ordered(lambda a, b: b in a),
    "listContains": lambda a, b: isinstance(a, list) and b in a,
    "intersects": _shapes(shapely.intersects),
    "disjoint": _shapes(shapely.disjoint),
    "contains": _shapes(shapely.contains),
    "isContained": _shapes(shapely.within),
    "dateRangeContains": _in_range,
}
_SPELLINGS = {
    "eq": "equals", "neq": "notEquals", "lt": "lessThan", "lte": "lessThanOrEquals", "gt": "greaterThan",
    "gte": "greaterThanOrEquals",
}  # fmt: skip


def _comparison(test: Callable[[Any, Any], bool]) -> Callable[..., Filter]:
    def make(left: Any, right_value: Any, right: Any, left_value: Any, *error: Any) -> Filter:
        fetch = _operands(left, right_value, right, left_value)
        return Filter(lambda one, other: test(*fetch(one, other)))

    return make


for _name, _test in _TESTS.items():
    for _spelling in (_name, *([_SPELLINGS[_name]] if _name in _SPELLINGS else [])):
        ALGORITHMS[f"Filter.{_spelling}"] = _comparison(_test)


@algorithm("Filter.maxDifference")
def max_difference(limit: float, left: Any, right_value: Any, right: Any, left_value: Any) -> Filter:
    """The operands differ by at most a number."""
    fetch = _operands(left, right_value, right, left_value)

    def test(one: Any, other: Any) -> bool:
        a, b = fetch(one, other)
        return a is not None and b is not None and abs(a - b) <= limit

    return Filter(test)


@algorithm("Filter.and")
def all_of(filters: list[Filter]) -> Filter:
    """Every filter passes."""
    return Filter(lambda one, other: all(f.test(one, other) for f in filters))


@algorithm("Filter.or")
def any_of(filters: list[Filter]) -> Filter:
    """One filter passes."""
    return Filter(lambda one, other: any(f.test(one, other) for f in filters))


@algorithm("Filter.not")
def negated(given: Filter) -> Filter:
    """The filter does not pass."""
    return Filter(lambda one, other: not given.test(one, other))


@algorithm("Filter.always")
def always() -> Filter:
    """Everything passes."""
    return Filter(lambda one, other: True)


@algorithm("Filter.never")
def never() -> Filter:
    """Nothing passes."""
    return Filter(lambda one, other: False)


@algorithm("Filter.notNull")
def not_null(names: list[str]) -> Filter:
    """All the properties are there."""
    return Filter(lambda one, other: all(field(one, name) is not None for name in names))


@algorithm("Filter.rangeContains")
def range_contains(name: str, low: Any, high: Any) -> Filter:
    """A property lies between two values, both included."""
    return Filter(lambda one, other: field(one, name) is not None and low <= field(one, name) <= high)


@algorithm("Filter.calendarRange")
def calendar_range(start: int, end: int | None, name: str) -> Filter:
    """The start time's year, month or day of the year lies in a range, which may wrap."""
    last = start if end is None else end
    read = {
        "year": lambda m: m.year,
        "month": lambda m: m.month,
        "day_of_year": lambda m: m.timetuple().tm_yday,
        "day_of_month": lambda m: m.day,
        "hour": lambda m: m.hour,
    }
    if name not in read:
        raise ServiceError(f"Filter.calendarRange: this loopback service does not know '{name}'.")

    def test(one: Any, other: Any) -> bool:
        value = read[name](Date(one.properties["system:time_start"]).moment)
        return start <= value <= last if start <= last else value >= start or value <= last

    return Filter(test)


@algorithm("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """The start time's day of the year is at least `start` and below `end`."""
    return calendar_range(start, end - 1, "day_of_year")


def _kind(one: Any, other: Any) -> bool:
    """Whether a value has a type, by the name that `ObjectType` gives or, of a geometry, by that of its kind."""
    if one is None or not isinstance(other, str):
        return False
    names = [type_name(one)]
    if isinstance(one, Geometry) and one.shape is not None:
        names.append(one.shape.geom_type)
    return other in names


ALGORITHMS["Filter.hasType"] = _comparison(_kind)
ALGORITHMS["Filter.inList"] = _comparison(lambda a, b: a is not None and isinstance(b, list) and a in b)
ALGORITHMS["Filter.hasGeometry"] = lambda: Filter(lambda one, other: one.geometry is not None)
