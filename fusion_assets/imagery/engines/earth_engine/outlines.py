"""Outlines on Earth Engine: those it keeps as features (FAO GAUL, geoBoundaries), and those it is asked with."""

from __future__ import annotations

from typing import Any

from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape

from fusion_assets.errors import FusionError
from fusion_assets.grids.search_outline import search_outline
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.engines.services import Undocumented

_MOST_DEGREES = 360
"""Outlines across the antimeridian are written beyond 180."""


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
    about = f"the outline of {collection} where {name} = {value}"

    def question() -> Any:
        features = ee.FeatureCollection(collection).filter(ee.Filter.eq(name, value))
        return ee.List([features.size(), features.geometry()])

    answer: Any = connection.ask(read(question, about).getInfo, about)
    number, outline = read(lambda: _counted(answer), about)
    if not number:
        raise FusionError(f"{collection} has no feature where {name} = {value}", "one or more", "check the spelling")
    return outline


def _counted(answer: Any) -> tuple[int, dict[str, Any]]:
    """How many features there are, and their outline."""
    number, outline = answer
    if type(number) is not int or number < 0:
        raise Undocumented("no number of features")
    if not number:
        return 0, {}
    parts = {key: outline[key] for key in ("type", "coordinates", "geometries") if key in outline}
    try:
        west, south, east, north = shape(parts).bounds or (0.0, 0.0, 0.0, 0.0)
    except ShapelyError:
        raise Undocumented("an outline that is no geometry") from None
    if not (-_MOST_DEGREES <= west <= east <= _MOST_DEGREES and -90 <= south <= north <= 90):
        raise Undocumented("an outline beyond the globe")
    return number, parts
