"""Reducer constructors. What they do is in `reducing.py`."""

from __future__ import annotations

import dataclasses

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.reducing import output_names
from fusion_assets.loopbacks.earth_engine.values import Reducer

_NAMES = (
    "count", "sum", "mean", "median", "mode", "min", "max", "minMax", "firstNonNull", "lastNonNull", "stdDev",
    "variance", "allNonZero", "anyNonZero",
)  # fmt: skip
for _name in _NAMES:
    # Bucket sizes of histograms and numbers of inputs change nothing for the sizes that this service handles.
    ALGORITHMS[f"Reducer.{_name}"] = lambda *parameters, _name=_name: _simple(_name, parameters)


def _simple(name: str, parameters: tuple) -> Reducer:
    if name in ("min", "max") and parameters[0] != 1:
        raise ServiceError(f"Reducer.{name}: this loopback service knows one input only.")
    return Reducer(name)


@algorithm("Reducer.toList")
def to_list(size: int | None, optional: int) -> Reducer:
    """The values themselves; known to `reduceColumns` only."""
    return Reducer("toList", {"size": size, "optional": optional})


@algorithm("Reducer.percentile")
def percentile(shares: list, names: list | None, *parameters: object) -> Reducer:
    """Percentiles with linear interpolation between values."""
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
