"""From values to the JSON in which `value:compute` answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import WORLD, Projection
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType
from fusion_assets.loopbacks.earth_engine.values import (
    Array,
    Band,
    Collection,
    Date,
    DateRange,
    Feature,
    Geometry,
    Image,
)

LARGEST_COLLECTION = 5000


def encode(value: Any, nested: bool = False) -> Any:
    """JSON of a value; a collection inside another value comes without its elements.

    Raises:
        ServiceError: a value that cannot be shown, or a collection of more than 5000 elements.
    """
    if isinstance(value, dict):
        return {key: encode(item, True) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item, True) for item in value]
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"type": "Float", "value": "NaN" if math.isnan(value) else str(value)}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Collection) and nested:
        return _collection(value, nested=True)
    for kind, encoder in _ENCODERS.items():
        if isinstance(value, kind):
            return encoder(value)
    raise ServiceError(f"A value of type {type(value).__name__} cannot be computed to a result.")


def geometry(value: Geometry | None) -> Any:
    """GeoJSON; coordinates in another CRS say so."""
    if value is None:
        return None
    if value.shape is None:
        return {"type": "LinearRing", "coordinates": [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]}
    shape = shapely.geometry.mapping(value.shape)
    # Points have no edges; that edges are great circles is what goes without saying.
    straight = not value.geodesic and not shape["type"].endswith("Point")
    result: dict[str, Any] = {"geodesic": False} if straight else {}
    result["type"] = shape["type"]
    result["coordinates" if "coordinates" in shape else "geometries"] = _lists(
        shape.get("coordinates", shape.get("geometries"))
    )
    if value.crs != WORLD:
        result["crs"] = {"type": "name", "properties": {"name": value.crs}}
    return result


def projection(value: Projection) -> dict[str, Any]:
    """As `projection().getInfo()` shows it."""
    code = {"crs": value.crs} if len(value.crs) < 40 else {"wkt": value.crs}
    return {"type": "Projection", **code, "transform": list(value.transform)}


def _lists(nested: Any) -> Any:
    return [_lists(item) for item in nested] if isinstance(nested, list | tuple) else nested


def _band(value: Band) -> dict[str, Any]:
    lattice = projection(value.projection)
    answer: dict[str, Any] = {"id": value.name, "data_type": value.type.to_json()}
    if value.size:
        answer["dimensions"] = list(value.size)
    answer["crs"] = lattice.get("crs") or lattice["wkt"]
    answer["crs_transform"] = lattice["transform"]
    return answer


def _image(value: Image) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "Image", "bands": [_band(band) for band in value.bands]}
    if value.id:
        answer |= {"id": value.id, "version": 1}
    facts = encode(value.properties)
    if value.geometry is not None and value.geometry.shape is not None:
        facts["system:footprint"] = geometry(value.geometry)
    return {**answer, "properties": facts} if facts else answer


def _feature(value: Feature) -> dict[str, Any]:
    facts = {name: item for name, item in value.properties.items() if name != "system:index"}
    index = value.properties.get("system:index", value.id)
    answer = {"type": "Feature", "geometry": geometry(value.geometry), "properties": encode(facts)}
    return {**answer, "id": index} if index is not None else answer


def _collection(value: Collection, nested: bool = False) -> dict[str, Any]:
    if len(value.elements) > LARGEST_COLLECTION:
        raise ServiceError(f"Collection query aborted after accumulating over {LARGEST_COLLECTION} elements.")
    answer: dict[str, Any] = {"type": value.kind}
    if value.kind == "ImageCollection":
        answer["bands"] = []
    else:
        answer["columns"] = value.columns or {}
    if not nested:
        answer["features"] = [encode(item) for item in value.elements]
    if value.properties:
        answer["properties"] = encode(value.properties)
    return {**answer, "id": value.id} if value.id else answer


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    Image: _image,
    Feature: _feature,
    Collection: _collection,
    Geometry: geometry,
    Projection: projection,
    Array: lambda value: value.values.tolist(),
    PixelType: PixelType.to_json,
    Date: lambda value: {"type": "Date", "value": value.millis},
    DateRange: lambda value: {"type": "DateRange", "dates": [value.start, value.end]},
}
