"""Features and what all elements share: properties, ids, geometries; conditions and types."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.coercion import is_true, type_name
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Element, Feature, Geometry


@algorithm("Feature", refuses=("geometryKey",))
def feature(geometry: Geometry | None, properties: dict, key: str | None) -> Feature:
    """A geometry with properties."""
    return Feature(dict(properties or {}), geometry)


@algorithm("Element.get")
def get(element: Element, name: str) -> Any:
    """A property, or nothing."""
    return element.properties.get(name)


@algorithm("Element.getNumber", "Element.getString")
def get_typed(element: Element, name: str) -> Any:
    """A property, or nothing."""
    return element.properties.get(name)


@algorithm("Element.set")
def set_property(element: Element, key: str, value: Any) -> Element:
    """One property changed; nothing removes it."""
    changed = {**element.properties, key: value}
    return element.with_properties({name: item for name, item in changed.items() if item is not None})


@algorithm("Element.setMulti")
def set_many(element: Element, values: dict) -> Element:
    """Several properties changed."""
    return element.with_properties({**element.properties, **values})


@algorithm("Element.propertyNames")
def names(element: Element) -> list[str]:
    """Names of all properties."""
    return sorted(element.properties)


@algorithm("Element.toDictionary")
def to_dictionary(element: Element, wanted: list[str] | None) -> dict[str, Any]:
    """Properties without the system's, or those asked for."""
    kept = wanted if wanted is not None else [n for n in element.properties if not n.startswith("system:")]
    return {name: element.properties[name] for name in kept if name in element.properties}


@algorithm("Element.copyProperties", "Image.copyProperties")
def copy_properties(target: Element, source: Element, wanted: list | None, exclude: list | None) -> Element:
    """Properties of another element; without a list, all but the system's."""
    kept = wanted if wanted is not None else [n for n in source.properties if not n.startswith("system:")]
    copied = {n: source.properties[n] for n in kept if n in source.properties and n not in (exclude or [])}
    return target.with_properties({**target.properties, **copied})


@algorithm("Feature.id", "Image.id")
def element_id(element: Element) -> str | None:
    """The index, or the id of an asset."""
    return element.properties.get("system:index") or element.id


@algorithm("Element.geometry", "Feature.geometry", "Image.geometry", refuses=("proj", "geodesics"))
def geometry(element: Element, *options: Any) -> Geometry:
    """Geometry or footprint; unbounded where there is none."""
    return element.geometry if element.geometry is not None else Geometry(None)


@algorithm("Feature.setGeometry")
def set_geometry(element: Element, geometry: Geometry | None) -> Element:
    """Another geometry."""
    return dataclasses.replace(element, geometry=geometry)


@algorithm("If")
def choose(condition: Any, yes: Any, no: Any) -> Any:
    """One of two values; the evaluator looks at no more than the one."""
    return yes if is_true(condition) else no


@algorithm("IsEqual")
def is_equal(left: Any, right: Any) -> bool:
    """Whether two plain values are equal."""
    if isinstance(left, Element) or isinstance(right, Element):
        raise ServiceError("IsEqual: this loopback service compares plain values only.")
    return left == right


@algorithm("ObjectType")
def object_type(value: Any) -> str:
    """Name of a value's type."""
    return type_name(value)


@algorithm("Feature.select")
def select(element: Element, selectors: list[str], names: list[str] | None, keep: bool) -> Element:
    """Some properties, by name or regular expression, perhaps renamed."""
    found = [name for pattern in selectors for name in element.properties if re.fullmatch(pattern, name)]
    if names is not None and len(names) != len(found):
        raise ServiceError(f"Feature.select: {len(found)} properties are selected, but {len(names)} names are given.")
    kept = {new: element.properties[old] for new, old in zip(names or found, found, strict=True)}
    if "system:index" in element.properties:
        kept.setdefault("system:index", element.properties["system:index"])
    return dataclasses.replace(element, properties=kept, geometry=element.geometry if keep else None)
