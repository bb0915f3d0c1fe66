"""The configured study, with outlines that Earth Engine keeps: asked for once, then read from the storage."""

from __future__ import annotations

import hashlib
import json
from functools import partial

import shapely

from fusion_assets.errors import FusionError
from fusion_assets.settings import Settings
from fusion_assets.storage.json_objects import read_object
from fusion_assets.storage.root import Storage
from fusion_assets.study import Study, load_study
from fusion_assets.study.regions import FeatureSelection
from fusion_assets.study.sections import Sections

_FOLDER = "_outlines"
_MOST_DEGREES = 360  # outlines across the antimeridian are written beyond 180
_TOLERANCE_DEGREES = 1e-4
"""About 10 m. Administrative outlines have many more corners than pixels can show, and all travel with each request."""


def configured_study(settings: Settings, sections: Sections | None = None) -> Study:
    """The study that the settings name; its outlines on Earth Engine are looked up when they are first needed.

    Args:
        settings: of the code location.
        sections: of the systems.

    Raises:
        FusionError: see `study.load_study`.
    """
    if isinstance(settings.study, Study):
        return settings.study
    return load_study(settings.study, outlines=partial(stored_outline, settings), sections=sections)


def stored_outline(settings: Settings, selection: FeatureSelection) -> shapely.Geometry:
    """Outline of a selection of features, longitude and latitude.

    It is fetched once and then lies under `_outlines/` of the storage: a table that changes on Earth Engine moves no
    grid. Delete the file there to have it fetched anew.

    Raises:
        FusionError: Earth Engine cannot be asked, or has no such feature or no polygon for it.
    """
    storage = Storage(settings.storage)
    chosen = selection.model_dump(include={"collection", "property", "value"})
    name = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]
    path = storage.path(_FOLDER, name, None, "geojson")
    if storage.exists(path):
        return _outline(storage, path, chosen)
    from fusion_assets.imagery.engines.earth_engine import Connection
    from fusion_assets.imagery.engines.earth_engine.outlines import fetch_outline

    connection = Connection(settings.ee_project, settings.ee_url)
    fetched = fetch_outline(selection.collection, selection.property, selection.value, connection)
    outline = _polygons(shapely.geometry.shape(fetched))
    if outline.is_empty:
        raise FusionError(
            f"{selection.collection} where {selection.property} = {selection.value} is a {fetched['type']}, no polygon",
            "features that enclose an area",
            "choose another collection or value",
        )
    feature = {"type": "Feature", "properties": chosen, "geometry": shapely.geometry.mapping(outline)}
    storage.write_bytes(json.dumps(feature).encode(), path)
    return outline


def _outline(storage: Storage, path: str, chosen: dict[str, str]) -> shapely.Geometry:
    """An outline that was stored.

    Raises:
        FusionError: the file holds something else, or another one.
    """
    remedy = "remove it: the outline is then fetched anew"
    feature = read_object(storage, path, remedy)
    try:
        outline = shapely.geometry.shape(feature["geometry"])
        problem = "" if outline.is_valid and not outline.is_empty and outline.area else "encloses no area"
        west, south, east, north = outline.bounds or (0, 0, 0, 0)
        if max(abs(west), abs(east)) > _MOST_DEGREES or max(abs(south), abs(north)) > 90:
            problem = "lies beyond the globe"
        if outline.geom_type not in ("Polygon", "MultiPolygon"):
            problem = f"holds a {outline.geom_type}"
        if feature["properties"] != chosen:
            problem = f"is of {str(feature['properties'])[:80]}"
    except Exception as error:  # shapely and numpy meet odd coordinates at any place
        problem = f"has no outline: {type(error).__name__}: {str(error)[:80]}"
    if problem:
        raise FusionError(f"{path} {problem}", f"the outline of {chosen}", remedy)
    return outline


def _polygons(geometry: shapely.Geometry) -> shapely.Geometry:
    """The valid polygons of a geometry, without more corners than matter."""
    valid = shapely.make_valid(shapely.force_2d(geometry))
    parts = [part for part in shapely.get_parts(valid) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts).simplify(_TOLERANCE_DEGREES)
