"""Joins of two collections."""

from __future__ import annotations

from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.filters import field
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Collection, Feature, Filter, Join


@algorithm("Join.simple")
def simple() -> Join:
    """Primaries that match anything."""
    return Join("simple", {})


@algorithm("Join.inverted")
def inverted() -> Join:
    """Primaries that match nothing."""
    return Join("inverted", {})


@algorithm("Join.inner")
def inner(primary: str, secondary: str, measure: str | None) -> Join:
    """A feature for each pair that matches."""
    return Join("inner", {"primary": primary, "secondary": secondary, **_without_measure(measure)})


@algorithm("Join.saveAll")
def save_all(key: str, ordering: str | None, ascending: bool, measure: str | None, outer: bool) -> Join:
    """Primaries with all their matches as a property."""
    return Join(
        "all", {"key": key, "ordering": ordering, "ascending": ascending, "outer": outer, **_without_measure(measure)}
    )


@algorithm("Join.saveFirst")
def save_first(key: str, ordering: str | None, ascending: bool, measure: str | None, outer: bool) -> Join:
    """Primaries with their first match as a property."""
    return Join(
        "first", {"key": key, "ordering": ordering, "ascending": ascending, "outer": outer, **_without_measure(measure)}
    )


def _without_measure(measure: str | None) -> dict[str, Any]:
    if measure is not None:
        raise ServiceError("Join: this loopback service knows no measures.")
    return {}


@algorithm("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Filter) -> Collection:
    """The joined collection, in the order of the primaries."""
    facts, results = join.parameters, []
    for element in primary.elements:
        matches = [other for other in secondary.elements if condition.test(element, other)]
        if facts.get("ordering"):
            matches.sort(key=lambda other: field(other, facts["ordering"]), reverse=not facts["ascending"])
        if join.kind in ("simple", "inverted"):
            results += [element] if bool(matches) == (join.kind == "simple") else []
        elif join.kind == "inner":
            names = (facts["primary"], facts["secondary"])
            results += [Feature(dict(zip(names, (element, other), strict=True))) for other in matches]
        elif matches or facts["outer"]:
            saved = matches if join.kind == "all" else (matches[0] if matches else None)
            results.append(element.with_properties({**element.properties, facts["key"]: saved}))
    return Collection(tuple(results), "FeatureCollection" if join.kind == "inner" else primary.kind)
