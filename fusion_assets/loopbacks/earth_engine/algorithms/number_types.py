"""Types of pixels and of numbers in arrays."""

from __future__ import annotations

from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.pixel_types import NAMED_TYPES, PixelType

_LIMITED = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float", "double")


@algorithm("PixelType", refuses=("dimensions",))
def pixel_type(precision: Any, low: float | None, high: float | None, dimensions: int) -> PixelType:
    """A type by its name, or by its precision and range."""
    named = precision if isinstance(precision, PixelType) else NAMED_TYPES.get(precision)
    if named is None:
        raise ServiceError(f"PixelType: this loopback service does not know the precision {precision!r}.")
    if low is None and high is None:
        return named
    if named.precision != "int" or low is None or high is None:
        raise ServiceError("PixelType: this loopback service knows a range of whole numbers only, with both ends.")
    return PixelType("int", low, high)


def _limit(kind: PixelType, which: str) -> float:
    if kind.precision != "int" and not kind.constant:
        raise ServiceError(f"PixelType.{which}: this loopback service does not know the range of '{kind.precision}'.")
    return kind.low if which == "minValue" else kind.high


for _name in _LIMITED:
    ALGORITHMS[f"PixelType.{_name}"] = lambda _kind=NAMED_TYPES[_name]: _kind
ALGORITHMS["PixelType.minValue"] = lambda kind: _limit(kind, "minValue")
ALGORITHMS["PixelType.maxValue"] = lambda kind: _limit(kind, "maxValue")
ALGORITHMS["PixelType.precision"] = lambda kind: kind.precision
