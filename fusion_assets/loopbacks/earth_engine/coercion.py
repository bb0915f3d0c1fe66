"""From what an expression passes to what a signature asks for: numbers become images, strings dates, and so on.

Only the promotions that Earth Engine documents; anything else is refused with the argument's name.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import shapely

from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import UNPROJECTED, PixelGrid, Projection, crs_name
from fusion_assets.loopbacks.earth_engine.pixel_types import NAMED_TYPES, PixelType, type_of_number
from fusion_assets.loopbacks.earth_engine.values import (
    Array,
    Band,
    CastFloat,
    CastInteger,
    Collection,
    Date,
    DateRange,
    Element,
    Feature,
    Filter,
    Function,
    Geometry,
    Image,
    Join,
    Kernel,
    Pixels,
    Reducer,
)

_ISO = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?"
)
_PLAIN = {
    "Filter": Filter,
    "Reducer": Reducer,
    "Join": Join,
    "Algorithm": Function,
    "DateRange": DateRange,
    "Kernel": Kernel,
}


def coerce(value: Any, kind: str, where: str) -> Any:
    """`value` as `kind`, a type name of the signatures.

    Raises:
        ServiceError: it cannot be one.
    """
    base = kind.split("<")[0]
    converted = _COERCIONS.get(base, lambda v: v)(value)
    if base in _PLAIN and not isinstance(converted, _PLAIN[base]):
        converted = None
    if converted is None:
        details = f"Expected type: {kind}.\nActual type: {type_name(value)}.\nActual value: {value!r}"
        raise ServiceError(f"{where}: Invalid type.\n{details[:500]}")
    return converted


def type_name(value: Any) -> str:
    """Name of a value's type, as `ObjectType` gives it."""
    if isinstance(value, CastInteger | CastFloat):
        return value.kind
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer" if abs(value) < 1 << 31 else "Long"
    if isinstance(value, Collection):
        return value.kind
    named = {float: "Float", str: "String", list: "List", dict: "Dictionary", type(None): "Null"}
    return named.get(type(value), type(value).__name__)


def constant_image(value: float | list, names: list[str] | None = None) -> Image:
    """An unbounded image whose bands hold one number each."""
    numbers = value if isinstance(value, list) else [value]
    names = names or ["constant"] if len(numbers) == 1 else names or [f"constant_{i}" for i in range(len(numbers))]
    return Image(bands=tuple(_constant_band(name, number) for name, number in zip(names, numbers, strict=True)))


def _constant_band(name: str, number: float) -> Band:
    kind = type_of_number(number)

    def pixels(grid: PixelGrid) -> Pixels:
        shape = (grid.height, grid.width)
        return Pixels(np.full(shape, number, kind.dtype), np.ones(shape, bool))

    return Band(name, kind, UNPROJECTED, pixels)


def _image(value: Any) -> Image | None:
    if isinstance(value, Image):
        return value
    if isinstance(value, bool):
        return constant_image(int(value))
    if isinstance(value, int | float):
        return constant_image(value)
    numbers = isinstance(value, list) and value and all(isinstance(item, int | float) for item in value)
    return constant_image(value) if numbers else None


def _geometry(value: Any) -> Geometry | None:
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Element):
        return value.geometry if value.geometry is not None else Geometry(None)
    if isinstance(value, Collection):
        shapes = [item.geometry.lonlat for item in value.elements if item.geometry is not None]
        return Geometry(shapely.union_all(shapes))
    if isinstance(value, dict) and "type" in value:
        return Geometry(shapely.geometry.shape(value), geodesic=bool(value.get("geodesic", True)))
    return None


def _feature(value: Any) -> Element | None:
    if isinstance(value, Element):
        return value
    geometry = _geometry(value) if not isinstance(value, Collection) else None
    return Feature(geometry=geometry) if geometry is not None else None


def _collection(value: Any) -> Collection | None:
    if isinstance(value, Collection):
        return value
    if isinstance(value, list) and all(isinstance(item, Element | Collection) for item in value):
        images = bool(value) and all(isinstance(item, Image) for item in value)
        return Collection(tuple(value), "ImageCollection" if images else "FeatureCollection")
    feature = _feature(value)
    return Collection((feature,)) if feature is not None else None


def _images(value: Any) -> Collection | None:
    if isinstance(value, Image):
        return Collection((value,), "ImageCollection")
    collection = _collection(value)
    if collection is None or not all(isinstance(item, Image) for item in collection.elements):
        return None
    return Collection(collection.elements, "ImageCollection", collection.properties, collection.id)


def _projection(value: Any) -> Projection | None:
    if isinstance(value, Projection):
        return value
    if isinstance(value, Image):
        return value.projection
    if isinstance(value, str):
        return Projection(crs_name(value))
    if isinstance(value, dict) and ("crs" in value or "wkt" in value):
        transform = tuple(float(term) for term in value.get("transform") or (1, 0, 0, 0, 1, 0))
        return Projection(crs_name(value.get("crs") or value["wkt"]), transform)
    return None


def date_of(value: Any) -> Date | None:
    """A date from milliseconds, an ISO string, or anything that has a start time."""
    if isinstance(value, Date):
        return value
    if isinstance(value, DateRange):
        return Date(value.start)
    if isinstance(value, dict) and value.get("type") == "Date":
        return Date(int(value["value"]))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Date(int(value))
    if isinstance(value, str):
        return parsed_date(value, dt.UTC)
    return None


def parsed_date(text: str, zone: dt.tzinfo) -> Date:
    """A date from ISO 8601, shortened from the right as one likes; a zone places what names none itself.

    Raises:
        ServiceError: it is no such text.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise ServiceError(
            f"Date: Bad date/time '{text}'. This loopback service reads ISO 8601, as 2020-01-31T12:00:00."
        )
    *fields, fraction, offset = found.groups()
    numbers = [int(field) for field in fields if field is not None]
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        year, month, day, hour, minute, second = [*numbers, *(1, 1, 0, 0, 0)[len(numbers) - 1 :]]
        moment = dt.datetime(year, month, day, hour, minute, second, micro, zone)
    except ValueError as error:
        raise ServiceError(f"Date: Bad date/time '{text}': {error}.") from None
    if offset:
        moment = moment.replace(tzinfo=dt.datetime.fromisoformat(f"2000-01-01T00:00{offset}").tzinfo)
    return Date(round(moment.timestamp() * 1000))


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) else None


def array_of(value: Any) -> Array | None:
    """An array from a number or from nested lists of numbers."""
    if isinstance(value, Array):
        return value
    if not isinstance(value, int | float | list):
        return None
    try:
        numbers = np.array(value)
    except ValueError:
        return None
    return Array(numbers) if numbers.dtype.kind in "iufb" else None


def _pixel_type(value: Any) -> PixelType | None:
    if isinstance(value, PixelType):
        return value
    return NAMED_TYPES.get(value) if isinstance(value, str) else None


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _instance(kind: type) -> Any:
    return lambda value: value if isinstance(value, kind) else None


_COERCIONS: dict[str, Any] = {
    "Image": _image,
    "ImageCollection": _images,
    "FeatureCollection": _collection,
    "Collection": _collection,
    "Feature": _feature,
    "Element": lambda value: value if isinstance(value, Collection) else _feature(value),
    "Array": array_of,
    "PixelType": _pixel_type,
    "Geometry": _geometry,
    "Projection": _projection,
    "Date": date_of,
    "Number": _number,
    "Float": _number,
    "Integer": _integer,
    "Long": _integer,
    "Boolean": lambda value: bool(value) if isinstance(value, bool | int | float) else None,
    "String": _instance(str),
    "List": lambda value: list(value) if isinstance(value, list | tuple) else None,
    "Dictionary": _instance(dict),
}


def is_true(value: Any) -> bool:
    """Whether a condition holds: not nothing, false, 0, empty text or an empty list."""
    return value not in (None, False, 0, "", [])
