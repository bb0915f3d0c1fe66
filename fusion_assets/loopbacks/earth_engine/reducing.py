"""What reducers do to stacks of values with weights. Independent of images and collections.

The mean and the sum weigh by mask; the other reducers take every value whose weight is above 0. The median of an even
number of values is the mean of the two middle ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType
from fusion_assets.loopbacks.earth_engine.values import Reducer

# (values, weights), each (n, ...) -> results (...), and where there is one.
Result = tuple[np.ndarray, Any]


def output_names(reducer: Reducer) -> list[str]:
    """Names of a reducer's outputs."""
    if reducer.name == "combine":
        return [name for part in reducer.parts for name in output_names(part)]
    if reducer.name == "percentile":
        return reducer.parameters["names"]
    if reducer.name == "minMax":
        return ["min", "max"]
    if reducer.name == "repeat":
        return output_names(reducer.parts[0])
    return [reducer.parameters.get("output", _OUTPUT.get(reducer.name, reducer.name))]


def output_types(reducer: Reducer, given: PixelType) -> list[PixelType]:
    """Pixel types of the outputs for values of one type."""
    if reducer.name == "combine":
        return [kind for part in reducer.parts for kind in output_types(part, given)]
    if reducer.name in _SAME_TYPE:
        return [given] * len(output_names(reducer))
    if reducer.name in ("count", "countDistinct"):
        return [types.INT32]
    if reducer.name == "sum" and given.precision == "int":
        return [types.INT64]
    if reducer.name in ("allNonZero", "anyNonZero"):
        return [types.BOOLEAN]
    return [types.DOUBLE] * len(output_names(reducer))


def reduce_stack(reducer: Reducer, values: np.ndarray, weights: np.ndarray) -> list[Result]:
    """Reduce along the first axis.

    Raises:
        ServiceError: a reducer that this service does not know.
    """
    if reducer.name == "combine":
        return [result for part in reducer.parts for result in reduce_stack(part, values, weights)]
    if reducer.name == "minMax":
        return [_extreme(np.minimum, values, weights), _extreme(np.maximum, values, weights)]
    if reducer.name == "percentile":
        return [_percentile(values, weights, share) for share in reducer.parameters["percentiles"]]
    raw = reducer.parameters.get("raw")
    if raw is not None and len(values) > raw:
        raise ServiceError(
            f"Reducer.{reducer.name}: this loopback service knows no buckets: {len(values)} values > {raw}."
        )
    if reducer.name not in _REDUCERS:
        raise ServiceError(f"Reducer.{reducer.name}: this loopback service does not know the reducer.")
    return [_REDUCERS[reducer.name](values, weights)]


def _valid(weights: np.ndarray) -> np.ndarray:
    return weights if weights.dtype == bool else weights > 0


def _count(values: np.ndarray, weights: np.ndarray) -> Result:
    number = _valid(weights).sum(0)
    return number, number > 0


def _sum(values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    if weights.dtype == bool and values.dtype.kind in "iu":
        return np.where(valid, values, 0).sum(0, dtype=np.int64), valid.any(0)
    return (np.where(valid, values, 0).astype(np.float64) * weights).sum(0), valid.any(0)


def _mean(values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    total = weights.sum(0, dtype=np.float64)
    weighted = (np.where(valid, values, 0).astype(np.float64) * weights).sum(0)
    return weighted / np.where(total > 0, total, 1), valid.any(0)


def _median(values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    ordered = np.sort(np.where(valid, values, np.nan).astype(np.float64), axis=0)
    number = valid.sum(0)
    low, high = np.maximum(number - 1, 0) // 2, number // 2
    low, high = (np.take_along_axis(ordered, np.minimum(i, len(values) - 1)[None], 0)[0] for i in (low, high))
    return np.where(number > 0, (low + high) / 2, 0), number > 0


def _percentile(values: np.ndarray, weights: np.ndarray, share: float) -> Result:
    valid = _valid(weights)
    ordered = np.sort(np.where(valid, values, np.nan).astype(np.float64), axis=0)
    number = valid.sum(0)

    def between(place: np.ndarray) -> np.ndarray:
        place = np.clip(place, 0, np.maximum(number - 1, 0))
        low = np.floor(place).astype(int)
        one, other = (np.take_along_axis(ordered, np.minimum(i, len(values) - 1)[None], 0)[0] for i in (low, low + 1))
        part = place - low
        return np.where(part > 0, one * (1 - part) + np.where(part > 0, other, 0) * part, one)

    # Recorded answers fit three rules: Hazen's, halfway between neighbours, and halfway where a count is met exactly.
    straight, met = (number - 1) * share / 100, number * share / 100
    rules = (
        met - 0.5,
        np.where(np.isclose(straight, np.round(straight)), np.round(straight), np.floor(straight) + 0.5),
        np.where(np.isclose(met, np.round(met)), np.round(met) - 0.5, np.ceil(met) - 1),
    )
    results = [np.where(number > 0, between(place), 0) for place in rules]
    if any(not np.allclose(result, results[0], rtol=1e-12) for result in results[1:]):
        raise ServiceError(
            f"Reducer.percentile: this loopback service does not know how the percentile {share:g} of so few and "
            "different values is taken."
        )
    return results[0], number > 0


def _extreme(choose: np.ufunc, values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    wide = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    worst = np.iinfo(np.int64) if wide.dtype.kind == "i" else np.finfo(np.float64)
    filler = worst.max if choose is np.minimum else worst.min
    return choose.reduce(np.where(valid, wide, filler), axis=0), valid.any(0)


def _at(values: np.ndarray, weights: np.ndarray, last: bool) -> Result:
    valid = _valid(weights)
    index = len(values) - 1 - valid[::-1].argmax(0) if last else valid.argmax(0)
    return np.take_along_axis(values, index[None], 0)[0], valid.any(0)


def _mode(values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    best, most = np.zeros(values.shape[1:]), np.zeros(values.shape[1:])
    for number in np.unique(values[valid]):
        score = (weights * ((values == number) & valid)).sum(0)
        best, most = np.where(score > most, number, best), np.maximum(score, most)
    return best, valid.any(0)


def _moment(root: bool) -> Callable[[np.ndarray, np.ndarray], Result]:
    def apply(values: np.ndarray, weights: np.ndarray) -> Result:
        middle, valid = _mean(values, weights)
        variance, _ = _mean((values - middle) ** 2, weights)
        return np.sqrt(variance) if root else variance, valid

    return apply


def _count_distinct(values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    wide = np.where(valid, values, np.nan).astype(np.float64)
    ordered = np.sort(wide, axis=0)
    new = np.ones(ordered.shape, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return (new & ~np.isnan(ordered)).sum(0), valid.any(0)


def _product(values: np.ndarray, weights: np.ndarray) -> Result:
    valid = _valid(weights)
    return np.where(valid, values, 1).astype(np.float64).prod(0), valid.any(0)


def _sample_moment(root: bool) -> Callable[[np.ndarray, np.ndarray], Result]:
    def apply(values: np.ndarray, weights: np.ndarray) -> Result:
        if weights.dtype != bool and not np.isin(weights, (0, 1)).all():
            raise ServiceError("Reducer.sampleVariance: this loopback service does not know weights between 0 and 1.")
        variance, valid = _moment(False)(values, weights)
        number = _valid(weights).sum(0)
        variance = np.where(number > 1, variance * number / np.maximum(number - 1, 1), 0)
        return np.sqrt(variance) if root else variance, valid & (number > 1)

    return apply


_REDUCERS: dict[str, Callable[[np.ndarray, np.ndarray], Result]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "median": _median,
    "mode": _mode,
    "min": lambda v, w: _extreme(np.minimum, v, w),
    "max": lambda v, w: _extreme(np.maximum, v, w),
    "countDistinct": _count_distinct,
    "countDistinctNonNull": _count_distinct,
    "product": _product,
    "sampleStdDev": _sample_moment(True),
    "sampleVariance": _sample_moment(False),
    "first": lambda v, w: _at(v, w, False),
    "last": lambda v, w: _at(v, w, True),
    "firstNonNull": lambda v, w: _at(v, w, False),
    "lastNonNull": lambda v, w: _at(v, w, True),
    "stdDev": _moment(True),
    "variance": _moment(False),
    "allNonZero": lambda v, w: ((~_valid(w) | (v != 0)).all(0), _valid(w).any(0)),
    "anyNonZero": lambda v, w: ((_valid(w) & (v != 0)).any(0), _valid(w).any(0)),
}
_SAME_TYPE = {"min", "max", "minMax", "first", "last", "firstNonNull", "lastNonNull", "mode"}
_OUTPUT = {
    "firstNonNull": "first", "lastNonNull": "last", "allNonZero": "all", "anyNonZero": "any",
    "countDistinct": "count", "countDistinctNonNull": "count", "toList": "list", "frequencyHistogram": "histogram",
    "group": "groups", "sampleStdDev": "stdDev", "sampleVariance": "variance",
}  # fmt: skip
WEIGHED = {"sum", "mean", "stdDev", "variance"}
"""Reducers that take part of a pixel as part of its value; the others take whole pixels."""
_ONE_OF_NOTHING = {"mean", "min", "max", "minMax", "median", "first", "last", "firstNonNull", "lastNonNull", "stdDev"}


def reduced_list(reducer: Reducer, rows: list[Any]) -> dict[str, Any]:
    """Outputs of a reducer over a list of values; nulls are left out.

    Raises:
        ServiceError: values that the reducer does not take, or a reducer that this service does not know.
    """
    names = output_names(reducer)
    if reducer.name == "combine":
        return {name: value for part in reducer.parts for name, value in reduced_list(part, rows).items()}
    if reducer.name in ("first", "last") and any(row is None for row in rows):
        raise ServiceError(f"Reducer.{reducer.name}: this loopback service does not know nulls here.")
    given = [row for row in rows if row is not None]
    if reducer.name == "count":
        return {names[0]: len(given)}
    if reducer.name in ("countDistinct", "countDistinctNonNull") and len(given) == len(rows):
        return {names[0]: len({repr(row) for row in given})}
    if reducer.name in ("first", "last", "firstNonNull", "lastNonNull"):
        return {names[0]: None if not given else given[0 if reducer.name.startswith("first") else -1]}
    if reducer.name == "toList":
        return {names[0]: given}
    if reducer.name == "frequencyHistogram":
        if not all(isinstance(row, int | str) for row in given):
            raise ServiceError("Reducer.frequencyHistogram: this loopback service knows whole numbers and text only.")
        return {names[0]: {str(row): given.count(row) for row in given}}
    if not given:
        if reducer.name not in _ONE_OF_NOTHING:
            raise ServiceError(f"Reducer.{reducer.name}: this loopback service does not know what it gives of nothing.")
        return dict.fromkeys(names)
    if not all(isinstance(row, int | float) for row in given):
        raise ServiceError(f"Reducer.{reducer.name}: Cannot reduce values that are no numbers: {given[:3]!r}.")
    values = np.array(given)
    results = reduce_stack(reducer, values, np.ones(len(values), bool))
    return {name: value.item() if valid else None for name, (value, valid) in zip(names, results, strict=True)}
