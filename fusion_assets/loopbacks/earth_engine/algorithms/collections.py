"""Collections: filtering, ordering, mapping, merging, and what is aggregated from their properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shapely

from fusion_assets.loopbacks.earth_engine.algorithms.filters import field
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.coercion import coerce, type_name
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.reducing import output_names, reduced_list
from fusion_assets.loopbacks.earth_engine.values import (
    Collection,
    Element,
    Feature,
    Filter,
    Function,
    Geometry,
    Image,
    Reducer,
)


@algorithm("Collection")
def collection(features: list) -> Collection:
    """A collection of the features, or collections, in a list; features without an index get their position."""
    given = [item if isinstance(item, Collection) else coerce(item, "Feature", "Collection") for item in features]
    indexed = tuple(_indexed(item, str(number)) for number, item in enumerate(given))
    first = next(iter(indexed), None)
    facts = first.properties if isinstance(first, Feature) else {}
    return Collection(indexed, columns={name: type_name(facts[name]) for name in sorted(facts)})


def _indexed(item: Element | Collection, index: str) -> Element | Collection:
    if isinstance(item, Collection):
        return item
    return item.with_properties({"system:index": index, **item.properties})


@algorithm("Collection.filter")
def filtered(given: Collection, condition: Any) -> Collection:
    """Elements that pass."""
    if not isinstance(condition, Filter):
        raise ServiceError("Collection.filter, argument 'filter': Invalid type.\nExpected type: Filter.")
    return given.of(item for item in given.elements if condition.test(item, None))


@algorithm("Collection.limit")
def limit(given: Collection, number: int | None, key: str | None, ascending: bool) -> Collection:
    """Ordered by a property, then cut; elements without the property come last."""
    elements = list(given.elements)
    if key is not None:
        there = [item for item in elements if field(item, key) is not None]
        rest = [item for item in elements if field(item, key) is None]
        elements = sorted(there, key=lambda item: field(item, key), reverse=not ascending) + rest
    return given.of(elements[:number])


@algorithm("Collection.map")
def mapped(given: Collection, function: Function, drop: bool) -> Collection:
    """A function of every element."""
    results = []
    for item in given.elements:
        result = function.call(item)
        if result is None and drop:
            continue
        if not isinstance(result, Element | Collection):
            raise ServiceError("Collection.map: A mapped algorithm must return a Feature or Image.")
        index = item.properties.get("system:index")
        results.append(result if index is None else _indexed(result, index))
    images = bool(results) and all(isinstance(item, Image) for item in results)
    return Collection(
        tuple(results), "ImageCollection" if images or given.kind == "ImageCollection" else "FeatureCollection"
    )


@algorithm("Collection.iterate")
def iterate(given: Collection, function: Function, first: Any) -> Any:
    """A function of every element and of what came before."""
    for item in given.elements:
        first = function.call(item, first)
    return first


@algorithm("Collection.size")
def size(given: Collection) -> int:
    """Number of elements."""
    return len(given.elements)


@algorithm("Collection.first")
def first(given: Collection) -> Element | None:
    """The first element, or nothing."""
    return given.elements[0] if given.elements else None


@algorithm("Collection.toList")
def to_list(given: Collection, count: int, offset: int) -> list:
    """Some elements as a list."""
    return list(given.elements[offset : offset + count])


@algorithm("Collection.merge", "ImageCollection.merge")
def merge(one: Collection, other: Collection) -> Collection:
    """Both collections; indices are told apart by 1_ and 2_."""
    merged = []
    for number, given in ((1, one), (2, other)):
        for item in given.elements:
            index = f"{number}_{item.properties.get('system:index')}"
            merged.append(item.with_properties({**item.properties, "system:index": index}))
    return Collection(tuple(merged), one.kind)


@algorithm("Collection.flatten")
def flatten(given: Collection) -> Collection:
    """Collections of collections in one."""
    return given.of(
        item for part in given.elements for item in (part.elements if isinstance(part, Collection) else [part])
    )


@algorithm("Collection.distinct")
def distinct(given: Collection, names: Any) -> Collection:
    """The first element of each combination of properties."""
    keys = [names] if isinstance(names, str) else names
    firsts: dict[str, Any] = {}
    for item in given.elements:
        firsts.setdefault(repr([_comparable(field(item, key)) for key in keys]), item)
    return given.of(firsts.values())


def _comparable(value: Any) -> Any:
    return value.shape.wkt if isinstance(value, Geometry) and value.shape is not None else value


@algorithm("Collection.geometry")
def geometry(given: Collection, error: Any = None) -> Geometry:
    """All geometries as one."""
    return Geometry(shapely.union_all([item.geometry.lonlat for item in given.elements if item.geometry is not None]))


@algorithm("Collection.bounds", refuses=("proj",))
def bounds(given: Collection, error: Any, proj: Any) -> Geometry:
    """The box around all geometries."""
    return Geometry(shapely.box(*geometry(given).lonlat.bounds), geodesic=False)


@algorithm("Collection.union")
def union(given: Collection, error: Any) -> Collection:
    """One feature with all geometries as one."""
    return Collection((Feature({"system:index": "union_result"}, geometry(given)),))


@algorithm("Collection.reduceColumns")
def reduce_columns(
    given: Collection, reducer: Reducer, selectors: list[str], weights: list[str] | None
) -> dict[str, Any]:
    """A reducer over one property of all elements, or a list of the values of several."""
    if weights:
        raise ServiceError(
            "Collection.reduceColumns: this loopback service does not know the argument 'weightSelectors'."
        )
    if reducer.name == "toList":
        return {"list": _rows(given, reducer, selectors)}
    if reducer.name == "group":
        return {"groups": _groups(given, reducer, selectors)}
    if reducer.name == "repeat" and len(selectors) == reducer.parameters["count"]:
        each = [reduced_list(reducer.parts[0], _numbers(given, name)) for name in selectors]
        return {name: [one[name] for one in each] for name in output_names(reducer)}
    if len(selectors) != 1:
        raise ServiceError("Collection.reduceColumns: this loopback service knows one selector for one reducer only.")
    return reduced_list(reducer, _numbers(given, selectors[0]))


def _groups(given: Collection, reducer: Reducer, selectors: list[str]) -> list[dict[str, Any]]:
    """A reducer's outputs for each value of one selector, in its order; the reducer sees the other selectors."""
    key = selectors[reducer.parameters["field"]]
    rest = [name for name in selectors if name != key]
    members: dict[Any, list[Element]] = {}
    for item in given.elements:
        members.setdefault(field(item, key), []).append(item)
    members.pop(None, None)
    return [
        {reducer.parameters["name"]: value, **reduce_columns(given.of(members[value]), reducer.parts[0], rest, None)}
        for value in sorted(members)
    ]


def _rows(given: Collection, reducer: Reducer, selectors: list[str]) -> list:
    """Values of the selectors, element by element; those without a value that is not optional are left out."""
    size, optional = reducer.parameters["size"], reducer.parameters["optional"]
    if (size or 1) != len(selectors):
        raise ServiceError(
            f"Collection.reduceColumns: Need {size or 1} inputs for Reducer.toList, got {len(selectors)}."
        )
    rows = [[field(item, name) for name in selectors] for item in given.elements]
    kept = [row for row in rows if all(value is not None for value in row[: len(row) - optional])]
    return kept if size is not None else [row[0] for row in kept]


def _numbers(given: Collection, name: str) -> list:
    return [field(item, name) for item in given.elements if field(item, name) is not None]


_AGGREGATES: dict[str, Callable[[list], Any]] = {
    "array": list,
    "first": lambda values: values[0] if values else None,
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "sum": sum,
    "mean": lambda values: sum(values) / len(values) if values else None,
    "histogram": lambda values: {str(value): values.count(value) for value in sorted(set(values), key=str)},
}
for _name, _aggregate in _AGGREGATES.items():
    ALGORITHMS[f"AggregateFeatureCollection.{_name}"] = lambda given, name, _a=_aggregate: _a(_numbers(given, name))
