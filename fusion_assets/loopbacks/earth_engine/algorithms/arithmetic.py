"""Arithmetic, comparison, bits and casts, on images and on numbers.

Integers stay integers (their range grows), a double wins over a float. Division by zero gives 0, as documented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import both, derived, names_of_pairs, paired
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType
from fusion_assets.loopbacks.earth_engine.values import Array, CastFloat, CastInteger, Image, Pixels


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def _mod(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(b != 0, np.fmod(a, np.where(b != 0, b, 1)), 0)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": _divide,
    "mod": _mod,
    "pow": lambda a, b: np.power(np.asarray(a, np.float64), b),
    "max": np.maximum,
    "min": np.minimum,
    "hypot": np.hypot,
    "atan2": lambda a, b: np.arctan2(np.asarray(b, np.float64), a),
    "lt": np.less,
    "lte": np.less_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "eq": np.equal,
    "neq": np.not_equal,
    "and": lambda a, b: (a != 0) & (b != 0),
    "or": lambda a, b: (a != 0) | (b != 0),
    "bitwiseAnd": np.bitwise_and,
    "bitwiseOr": np.bitwise_or,
    "bitwiseXor": np.bitwise_xor,
    "leftShift": np.left_shift,
    "rightShift": np.right_shift,
}
_BOOLEAN = {"lt", "lte", "gt", "gte", "eq", "neq", "and", "or"}
_INTEGER = {"bitwiseAnd", "bitwiseOr", "bitwiseXor", "leftShift", "rightShift"}
_RANGED = {"add", "subtract", "multiply"}
_FRACTIONAL = {"divide", "pow", "hypot", "atan2"}
_ALIASES = {
    "bitwiseAnd": "bitwise_and",
    "bitwiseOr": "bitwise_or",
    "bitwiseXor": "bitwise_xor",
    "leftShift": "left_shift",
    "rightShift": "right_shift",
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "sqrt": lambda v: np.sqrt(np.asarray(v, np.float64)),
    "exp": lambda v: np.exp(np.asarray(v, np.float64)),
    "log": lambda v: np.log(np.asarray(v, np.float64)),
    "log10": lambda v: np.log10(np.asarray(v, np.float64)),
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": lambda v: np.floor(np.asarray(v, np.float64) + 0.5),
    "not": lambda v: np.asarray(v) == 0,
    "signum": np.sign,
    "cbrt": lambda v: np.cbrt(np.asarray(v, np.float64)),
}
_CURVES = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
}  # fmt: skip


def _curved(curve: np.ufunc) -> Callable[[Any], Any]:
    return lambda values: curve(np.asarray(values, np.float64))


_UNARY |= {name: _curved(curve) for name, curve in _CURVES.items()}
_SMOOTH = {"sqrt", "exp", "log", "log10", "cbrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan"}
_CASTS = {
    **{f"{spelling}": types.type_of(dtype) for dtype, spellings in {
        "uint8": ("uint8", "toUint8", "byte", "toByte"),
        "int8": ("int8", "toInt8"),
        "uint16": ("uint16", "toUint16"),
        "int16": ("int16", "toInt16", "short", "toShort"),
        "uint32": ("uint32", "toUint32"),
        "int32": ("int32", "toInt32", "int", "toInt"),
        "int64": ("int64", "toInt64", "long", "toLong"),
        "float32": ("float", "toFloat"),
        "float64": ("double", "toDouble"),
    }.items() for spelling in spellings},
}  # fmt: skip


def _type(name: str, one: PixelType, other: PixelType) -> PixelType:
    joint = types.union(one, other)
    if name in _BOOLEAN:
        return types.BOOLEAN
    if name in _INTEGER and joint.precision != "int":
        raise ServiceError(f"Image.{name}: Bitwise operands must be integer only.")
    if name in _RANGED:
        return types.interval(name, one, other)
    if name in _FRACTIONAL:
        return types.DOUBLE if joint.precision != "float" else types.FLOAT
    if name in ("leftShift", "rightShift"):
        return types.INT64
    return joint


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64 if values.dtype.kind in "iub" else np.float64)


def _binary(name: str) -> Callable[[Image, Image], Image]:
    operation = _BINARY[name]

    def compute(one: Pixels, other: Pixels) -> Pixels:
        with np.errstate(all="ignore"):
            return Pixels(operation(_wide(one.values), _wide(other.values)), both(one.mask, other.mask))

    def apply(one: Image, other: Image) -> Image:
        pairs, names = paired(one, other, f"Image.{name}"), names_of_pairs(one, other)
        made = [
            derived(n, _type(name, a.type, b.type), (a, b), compute) for n, (a, b) in zip(names, pairs, strict=True)
        ]
        return one.with_bands(made)

    return apply


def _unary(name: str) -> Callable[[Image], Image]:
    def compute(pixels: Pixels) -> Pixels:
        with np.errstate(all="ignore"):
            result = np.asarray(_UNARY[name](_wide(pixels.values)))
        finite = np.isfinite(result)
        return Pixels(np.where(finite, result, 0), pixels.mask if finite.all() else both(pixels.mask, finite))

    def kind(given: PixelType) -> PixelType:
        if name in _SMOOTH:
            return types.FLOAT if given.precision == "float" else types.DOUBLE
        return types.BOOLEAN if name == "not" else types.INT64 if given.precision == "int" else given

    return lambda image: image.with_bands(derived(b.name, kind(b.type), (b,), compute) for b in image.bands)


def _cast(to: PixelType) -> Callable[[Image], Image]:
    return lambda image: image.with_bands(derived(b.name, to, (b,), lambda pixels: pixels) for b in image.bands)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _number_unary(name: str) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        with np.errstate(all="ignore"):
            result = _plain(_UNARY[name](value))
        return int(result) if isinstance(result, bool) else result

    return apply


def _number_cast(to: PixelType) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        # Numbers with a fraction keep all their digits, whatever the name of the type.
        whole = to.precision == "int"
        made = CastInteger(types.cast(np.asarray(value), to)[()]) if whole else CastFloat(value)
        made.kind = types.type_name_of(to)
        return made

    return apply


def _number_binary(name: str) -> Callable[[Any, Any], Any]:
    def apply(one: Any, other: Any) -> Any:
        result = _plain(_BINARY[name](one, other))
        return int(result) if isinstance(result, bool) else result

    return apply


def _array_binary(name: str) -> Callable[[Array, Array], Array]:
    def apply(one: Array, other: Array) -> Array:
        a, b = one.values, other.values
        if a.shape != b.shape and a.size > 1 and b.size > 1:
            raise ServiceError(f"Array.{name}: Arrays must have the same shape. Got {a.shape} and {b.shape}.")
        with np.errstate(all="ignore"):
            result = np.asarray(_BINARY[name](_wide(a), _wide(b)))
        return Array(result.astype(np.int64) if result.dtype == bool else result)

    return apply


def _array_cast(to: PixelType) -> Callable[[Array], Array]:
    def apply(array: Array) -> Array:
        values = types.cast(array.values, to)
        if to == types.FLOAT and not np.array_equal(values.astype(np.float64), array.values, equal_nan=True):
            raise ServiceError("Array.toFloat: this loopback service does not know how these numbers are rounded.")
        return Array(values)

    return apply


def _array_unary(name: str) -> Callable[[Array], Array]:
    def apply(array: Array) -> Array:
        with np.errstate(all="ignore"):
            result = np.asarray(_UNARY[name](_wide(array.values)))
        return Array(result.astype(np.int64) if result.dtype == bool else result)

    return apply


for _name in _BINARY:
    for _spelling in (_name, *([_ALIASES[_name]] if _name in _ALIASES else [])):
        ALGORITHMS[f"Image.{_spelling}"] = _binary(_name)
        ALGORITHMS[f"Number.{_spelling}"] = _number_binary(_name)
        ALGORITHMS[f"Array.{_spelling}"] = _array_binary(_name)
for _name in _UNARY:
    ALGORITHMS[f"Image.{_name}"] = _unary(_name)
    ALGORITHMS[f"Number.{_name}"] = _number_unary(_name)
    ALGORITHMS[f"Array.{_name}"] = _array_unary(_name)
for _name, _to in _CASTS.items():
    ALGORITHMS[f"Image.{_name}"] = _cast(_to)
    ALGORITHMS[f"Number.{_name}"] = _number_cast(_to)
    ALGORITHMS[f"Array.{_name}"] = _array_cast(_to)


@algorithm("Image.clamp")
def clamp(image: Image, low: float, high: float) -> Image:
    """Values outside a range take its nearest end."""
    made = (
        derived(b.name, b.type, (b,), lambda f: Pixels(np.clip(_wide(f.values), low, high), f.mask))
        for b in image.bands
    )
    return image.with_bands(made)


@algorithm("Image.normalizedDifference")
def normalized_difference(image: Image, names: list[str] | None) -> Image:
    """(first - second) / (first + second); masked where either is negative."""
    chosen = [band for name in names for band in image.bands if band.name == name] if names else image.bands[:2]
    if len(chosen) != 2:
        raise ServiceError("Image.normalizedDifference: two bands are needed.")

    def compute(one: Pixels, other: Pixels) -> Pixels:
        a, b = one.values.astype(np.float64), other.values.astype(np.float64)
        return Pixels(_divide(a - b, a + b), both(both(one.mask, other.mask), (a >= 0) & (b >= 0)))

    return Image(geometry=image.geometry, bands=(derived("nd", types.FLOAT, chosen, compute),))


@algorithm("Image.unitScale")
def unit_scale(image: Image, low: float, high: float) -> Image:
    """From 0 at the one number to 1 at the other."""
    made = (
        derived(b.name, types.DOUBLE, (b,), lambda f: Pixels((_wide(f.values) - low) / (high - low), f.mask))
        for b in image.bands
    )
    return image.with_bands(made)


ALGORITHMS["Number.unitScale"] = lambda number, low, high: (number - low) / (high - low)
ALGORITHMS["Number.clamp"] = lambda number, low, high: _plain(np.clip(number, low, high))
ALGORITHMS["Number.bitCount"] = lambda number: int(number).bit_count()
