"""Types of bands: precision and range, as Earth Engine states them, and the numpy types that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64")


@dataclass(frozen=True)
class PixelType:
    """Precision (`int`, `float` or `double`) and the range of values: of integers, and of a constant."""

    precision: str
    low: float = 0
    high: float = 0
    constant: bool = False

    @property
    def dtype(self) -> np.dtype:
        """The smallest numpy type that holds the range."""
        if self.precision != "int":
            return np.dtype("float32" if self.precision == "float" else "float64")
        for name in _INTEGERS:
            limits = np.iinfo(name)
            if limits.min <= self.low and self.high <= limits.max:
                return np.dtype(name)
        return np.dtype("float64")

    def to_json(self) -> dict[str, Any]:
        """As `getInfo` shows it."""
        if self.precision != "int" and not self.constant:
            return {"type": "PixelType", "precision": self.precision}
        return {"type": "PixelType", "precision": self.precision, "min": self.low, "max": self.high}


FLOAT, DOUBLE, BOOLEAN = PixelType("float"), PixelType("double"), PixelType("int", 0, 1)
INT32 = PixelType("int", -(2**31), 2**31 - 1)
INT64 = PixelType("int", -(2**63), 2**63 - 1)


def type_of(dtype: np.dtype | str) -> PixelType:
    """The type of a stored array."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return BOOLEAN
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return PixelType("int", limits.min, limits.max)
    return FLOAT if dtype.itemsize <= 4 else DOUBLE


def type_of_number(number: float) -> PixelType:
    """The type of a constant: an integer is as wide as itself."""
    if float(number).is_integer() and isinstance(number, int):
        return PixelType("int", number, number)
    return PixelType("double", number, number, constant=True)


def union(*types: PixelType) -> PixelType:
    """The type that holds all of them."""
    for precision in ("double", "float"):
        if any(item.precision == precision for item in types):
            return PixelType(precision)
    return PixelType("int", min(item.low for item in types), max(item.high for item in types))


def interval(operation: str, one: PixelType, other: PixelType) -> PixelType:
    """The type of a sum, difference or product: the range of what may come out, for integers."""
    joint = union(one, other)
    if joint.precision != "int":
        return joint
    corners = [
        {"add": a + b, "subtract": a - b, "multiply": a * b}[operation]
        for a in (one.low, one.high)
        for b in (other.low, other.high)
    ]
    low, high = min(corners), max(corners)
    return PixelType("int", max(low, INT64.low), min(high, INT64.high))


def cast(values: np.ndarray, to: PixelType) -> np.ndarray:
    """Convert values; out-of-range numbers take the nearest end of the range, fractions are dropped."""
    if to.precision != "int":
        return values.astype(to.dtype, copy=False)
    if values.dtype == to.dtype:
        return values
    limits = np.iinfo(to.dtype)
    if values.dtype.kind == "f":
        values = np.nan_to_num(np.trunc(values), nan=0.0)
    if values.dtype == bool:
        return values.astype(to.dtype)
    return np.clip(values, limits.min, limits.max).astype(to.dtype)


_NAMES = {
    "uint8": "Byte", "int8": "Byte", "int16": "Short", "uint16": "Integer", "int32": "Integer", "uint32": "Long",
    "int64": "Long", "float32": "Float", "float64": "Double",
}  # fmt: skip


def type_name_of(kind: PixelType) -> str:
    """Name of the type that holds a value, as `ObjectType` and the columns of a collection give it."""
    return _NAMES[kind.dtype.name]


def column_of(kind: PixelType) -> str:
    """Type of a column of pixels: its name and, for integers, the range."""
    name = type_name_of(kind)
    return f"{name}<{kind.low}, {kind.high}>" if kind.precision == "int" else name


NAMED_TYPES = {
    **{name: type_of(name) for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")},
    "byte": type_of("uint8"), "short": type_of("int16"), "int": type_of("int32"), "long": type_of("int64"),
    "float": FLOAT, "double": DOUBLE,
}  # fmt: skip
"""Pixel types by the names that casts take."""
