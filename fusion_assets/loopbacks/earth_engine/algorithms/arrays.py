"""Arrays: numbers along axes. Arithmetic on them stands with that of images and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.coercion import array_of
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType
from fusion_assets.loopbacks.earth_engine.reducing import output_names, reduce_stack
from fusion_assets.loopbacks.earth_engine.values import Array, Reducer


@algorithm("Array")
def array(values: Any, kind: PixelType | None) -> Array:
    """An array from nested lists, or from a list of arrays."""
    plain = (
        [item.values.tolist() if isinstance(item, Array) else item for item in values]
        if isinstance(values, list)
        else values
    )
    made = array_of(plain)
    if made is None:
        raise ServiceError(f"Array, argument 'values': Invalid type.\nActual value: {values!r}"[:500])
    return made if kind is None else Array(types.cast(made.values, kind))


def _axis(given: Array, axis: int, where: str) -> int:
    if not 0 <= axis < max(given.values.ndim, 1):
        raise ServiceError(f"{where}: this loopback service does not know the axis {axis} of {given.values.ndim} axes.")
    return axis


@algorithm("Array.get")
def get(given: Array, position: list[int]) -> Any:
    """One number."""
    shape = given.values.shape
    if len(position) != len(shape) or any(not -n <= p < n for p, n in zip(position, shape, strict=True)):
        raise ServiceError(f"Array.get: Invalid position {position}; the array has the shape {list(shape)}.")
    return given.values[tuple(position)].item()


@algorithm("Array.slice")
def part(given: Array, axis: int, start: int, end: int | None, step: int) -> Array:
    """Some of the places along an axis."""
    if step < 1:
        raise ServiceError(f"Array.slice: this loopback service does not know the step {step}.")
    places = [slice(None)] * given.values.ndim
    places[_axis(given, axis, "Array.slice")] = slice(start, end, step)
    return Array(given.values[tuple(places)])


@algorithm("Array.toList")
def to_list(given: Array) -> list:
    """Nested lists."""
    return given.values.tolist()


@algorithm("Array.length")
def length(given: Array) -> Array:
    """How many places each axis has."""
    return Array(np.array(given.values.shape))


@algorithm("Array.cat")
def cat(given: list[Any], axis: int) -> Array:
    """Arrays one after the other along an axis; an axis more than they have is made."""
    arrays = [array_of(item) for item in given]
    if any(item is None for item in arrays):
        raise ServiceError("Array.cat, argument 'arrays': Invalid type.\nExpected type: List<Array>.")
    values = [item.values if axis < item.values.ndim else item.values[..., None] for item in arrays if item is not None]
    try:
        return Array(np.concatenate(values, axis=axis))
    except ValueError as error:
        raise ServiceError(f"Array.cat: {error}.") from None


@algorithm("Array.repeat")
def repeat(given: Array, axis: int, copies: int) -> Array:
    """The array several times along an axis."""
    values = given.values if axis < given.values.ndim else given.values[..., None]
    return Array(np.concatenate([values] * copies, axis=axis))


@algorithm("Array.reshape")
def reshape(given: Array, shape: Array) -> Array:
    """The same numbers along other axes."""
    try:
        return Array(given.values.reshape([int(edge) for edge in shape.values]))
    except ValueError as error:
        raise ServiceError(f"Array.reshape: {error}.") from None


@algorithm("Array.transpose", "Array.matrixTranspose")
def transpose(given: Array, one: int, other: int) -> Array:
    """Two axes changed about."""
    values = given.values if given.values.ndim > max(one, other) else given.values[..., None]
    return Array(np.swapaxes(values, one, other))


@algorithm("Array.reduce", refuses=("fieldAxis",))
def reduce(given: Array, reducer: Reducer, axes: list[int], field: int | None) -> Array:
    """A reducer along one axis, which stays with one place."""
    if len(axes) != 1 or len(output_names(reducer)) != 1:
        raise ServiceError("Array.reduce: this loopback service knows one axis and one output only.")
    axis = _axis(given, axes[0], "Array.reduce")
    values = np.moveaxis(given.values, axis, 0)
    result, _ = reduce_stack(reducer, values, np.ones(values.shape, bool))[0]
    return Array(np.expand_dims(result, axis))


@algorithm("Array.accum", refuses=("reducer",))
def accumulate(given: Array, axis: int, reducer: Reducer | None) -> Array:
    """Sums from the start along an axis."""
    return Array(np.cumsum(given.values, axis=_axis(given, axis, "Array.accum")))


@algorithm("Array.sort")
def ordered(given: Array, keys: Array | None) -> Array:
    """Sorted along the last axis, perhaps by other numbers."""
    if keys is not None and keys.values.shape != given.values.shape:
        raise ServiceError("Array.sort: this loopback service knows keys of the array's shape only.")
    order = np.argsort((given if keys is None else keys).values, axis=-1, kind="stable")
    return Array(np.take_along_axis(given.values, order, -1))


@algorithm("Array.argmax")
def argmax(given: Array) -> list[int]:
    """Place of the largest number."""
    return [int(i) for i in np.unravel_index(given.values.argmax(), given.values.shape)]


@algorithm("Array.identity")
def identity(size: int) -> Array:
    """A matrix with ones along the diagonal."""
    return Array(np.eye(size, dtype=np.int64))


@algorithm("Array.project")
def project(given: Array, axes: list[int]) -> Array:
    """Without the axes that are not named, which must have one place."""
    gone = tuple(axis for axis in range(given.values.ndim) if axis not in axes)
    if any(given.values.shape[axis] != 1 for axis in gone) or sorted(axes) != axes:
        raise ServiceError(f"Array.project: cannot project the shape {given.values.shape} to the axes {axes}.")
    return Array(given.values.squeeze(gone))


def _matrix(given: Array, where: str) -> np.ndarray:
    if given.values.ndim != 2:
        raise ServiceError(f"{where}: Arrays must have two axes, got {given.values.ndim}.")
    return given.values


@algorithm("Array.matrixMultiply")
def multiply(one: Array, other: Array) -> Array:
    """Matrix product."""
    try:
        return Array(_matrix(one, "Array.matrixMultiply") @ _matrix(other, "Array.matrixMultiply"))
    except ValueError as error:
        raise ServiceError(f"Array.matrixMultiply: {error}.") from None


@algorithm("Array.matrixInverse")
def inverse(given: Array) -> Array:
    """Inverse of a matrix."""
    try:
        return Array(np.linalg.inv(_matrix(given, "Array.matrixInverse").astype(np.float64)))
    except np.linalg.LinAlgError as error:
        raise ServiceError(f"Array.matrixInverse: {error}.") from None


ALGORITHMS.update(
    {
        "Array.matrixDeterminant": lambda given: float(np.linalg.det(_matrix(given, "Array.matrixDeterminant"))),
        "Array.matrixTrace": lambda given: _matrix(given, "Array.matrixTrace").trace().item(),
        "Element.getArray": lambda element, name: array_of(element.properties.get(name)),
    }
)
