"""Outlines on Earth Engine: those it keeps as features (FAO GAUL, geoBoundaries), and those it is asked with."""

from __future__ import annotations

from typing import Any

from shapely.geometry import mapping

from fusion_assets.errors import FusionError
from fusion_assets.grids.search_outline import search_outline
from fusion_assets.imagery.engines.earth_engine.connection import Connection
from fusion_assets.imagery.engines.protocol import ExportRequest


def searched_area(request: ExportRequest) -> Any:
    """What scenes of a request must touch, as Earth Engine's geometry; edges are straight in degrees, as drawn."""
    import ee

    return ee.Geometry(mapping(search_outline(request.area)), "EPSG:4326", False)


def fetch_outline(collection: str, name: str, value: str | float, connection: Connection) -> dict[str, Any]:
    """The united outline of the features of a table whose property has a value.

    Args:
        collection: table id, for example `FAO/GAUL/2015/level2` or `WM/geoLab/geoBoundaries/600/ADM2`.
        name: of the property, for example `ADM2_NAME`.
        value: of the property.
        connection: to ask.

    Returns:
        GeoJSON geometry, longitude and latitude.

    Raises:
        FusionError: no such table, or no feature with that value.
    """
    import ee

    connection.open()
    features = ee.FeatureCollection(collection).filter(ee.Filter.eq(name, value))
    about = f"the outline of {collection} where {name} = {value}"
    answer: Any = connection.ask(ee.List([features.size(), features.geometry()]).getInfo, about)
    number, outline = answer
    if not number:
        raise FusionError(f"{collection} has no feature where {name} = {value}", "one or more", "check the spelling")
    return {key: outline[key] for key in ("type", "coordinates", "geometries") if key in outline}
