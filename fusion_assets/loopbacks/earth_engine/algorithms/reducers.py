"""Reducer constructors. What they do is in `reducing.py`."""

from __future__ import annotations

import dataclasses

from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.reducing import output_names
from fusion_assets.loopbacks.earth_engine.values import Reducer

_NAMES = (
    "count", "countDistinct", "countDistinctNonNull", "sum", "product", "mean", "median", "mode", "min", "max",
    "minMax", "first", "last", "firstNonNull", "lastNonNull", "stdDev", "sampleStdDev", "variance", "sampleVariance",
    "allNonZero", "anyNonZero", "frequencyHistogram",
)  # fmt: skip
_BUCKETS = ("maxBuckets", "minBucketWidth")


def _simple(name: str) -> None:
    @algorithm(f"Reducer.{name}", refuses=("numInputs", *_BUCKETS))
    def make(*parameters: object) -> Reducer:
        # The last of a median's and a mode's is how many values are taken as they are before buckets are made.
        return Reducer(name, {"raw": parameters[-1]} if name in ("median", "mode") else {})


for _name in _NAMES:
    _simple(_name)


@algorithm("Reducer.toList")
def to_list(size: int | None, optional: int) -> Reducer:
    """The values themselves; known to `reduceColumns` only."""
    return Reducer("toList", {"size": size, "optional": optional})


@algorithm("Reducer.percentile", refuses=(*_BUCKETS, "maxRaw"))
def percentile(shares: list, names: list | None, *buckets: object) -> Reducer:
    """Percentiles, where the rules that answers are known to follow agree."""
    return Reducer("percentile", {"percentiles": shares, "names": names or [f"p{share:g}" for share in shares]})


@algorithm("Reducer.combine")
def combine(one: Reducer, other: Reducer, prefix: str, shared: bool) -> Reducer:
    """Two reducers on the same inputs."""
    if prefix or not shared:
        raise ServiceError("Reducer.combine: this loopback service knows sharedInputs without outputPrefix only.")
    return Reducer("combine", parts=(one, other))


@algorithm("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """The same reducer with all weights equal."""
    return dataclasses.replace(reducer, parameters={**reducer.parameters, "unweighted": True})


@algorithm("Reducer.setOutputs")
def set_outputs(reducer: Reducer, outputs: list) -> Reducer:
    """The same reducer with another name for its output."""
    if len(outputs) != 1 or reducer.parts or reducer.name in ("percentile", "minMax"):
        raise ServiceError("Reducer.setOutputs: this loopback service knows one output only.")
    return dataclasses.replace(reducer, parameters={**reducer.parameters, "output": outputs[0]})


@algorithm("Reducer.getOutputs")
def get_outputs(reducer: Reducer) -> list[str]:
    """Names of the outputs."""
    return output_names(reducer)


@algorithm("Reducer.group")
def group(reducer: Reducer, field: int, name: str) -> Reducer:
    """The reducer for each value of one of the inputs; known to `reduceColumns` only."""
    return Reducer("group", {"field": field, "name": name}, (reducer,))


@algorithm("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """The reducer for each of several inputs, outputs as lists; known to `reduceColumns` only."""
    return Reducer("repeat", {"count": count}, (reducer,))
