"""Small built-in feature collections: administrative boundaries as rough outlines.

The outlines are drawn by hand for tests; they are not the agencies' geometries.
"""

from __future__ import annotations

from typing import Any

import shapely

from fusion_assets.loopbacks.earth_engine.values import Collection, Feature, Geometry

# Bagmati, Nepal, as a zone of the FAO's 2015 units; an octagon around the Kathmandu valley and the hills beside it.
_BAGMATI = [
    (84.95, 27.60), (85.15, 27.45), (85.45, 27.35), (85.75, 27.45), (86.00, 27.70),
    (86.05, 28.00), (85.75, 28.30), (85.35, 28.30), (85.05, 28.10),
]  # fmt: skip
_DEMO = [(86.4986, 26.5451), (87.5014, 26.5451), (87.5014, 27.4461), (86.4986, 27.4461)]
_LEIE = [(3.015, 50.810), (3.032, 50.810), (3.032, 50.822), (3.015, 50.822)]


def _gaul(index: str, outline: list, names: tuple[str, str, str], codes: tuple[int, int, int]) -> dict[str, Any]:
    properties: dict[str, Any] = {"DISP_AREA": "NO", "STATUS": "Member State", "STR2_YEAR": 1000, "EXP2_YEAR": 3000}
    for level, (name, code) in enumerate(zip(names, codes, strict=True)):
        properties[f"ADM{level}_NAME"], properties[f"ADM{level}_CODE"] = name, code
    return {"id": index, "outline": outline, "properties": properties}


def _unit(index: str, outline: list, name: str, group: str, kind: str) -> dict[str, Any]:
    properties = {"shapeName": name, "shapeGroup": group, "shapeType": kind, "shapeID": index, "shapeISO": ""}
    return {"id": index, "outline": outline, "properties": properties}


_TABLES = {
    "FAO/GAUL/2015/level2": [
        _gaul("000000000000000000a1", _BAGMATI, ("Nepal", "Central", "Bagmati"), (175, 2204, 21925)),
        _gaul("000000000000000000a2", _DEMO, ("Nowhere", "Synthetic", "Demo"), (999, 9990, 99900)),
        _gaul("000000000000000000a3", _LEIE, ("Belgium", "Vlaanderen", "Leie"), (27, 600, 12000)),
    ],
    "WM/geoLab/geoBoundaries/600/ADM1": [_unit("NPL-ADM1-1", _BAGMATI, "Bagmati Province", "NPL", "ADM1")],
    "WM/geoLab/geoBoundaries/600/ADM2": [
        _unit("NPL-ADM2-1", _BAGMATI, "Bagmati", "NPL", "ADM2"),
        _unit("XXX-ADM2-1", _DEMO, "Demo", "XXX", "ADM2"),
    ],
}


def tables(extra: dict[str, dict]) -> dict[str, Collection]:
    """Built-in tables, and those given as GeoJSON; a given one replaces a built-in one of the same id."""
    collections = {
        name: Collection(
            tuple(
                Feature(
                    {**row["properties"], "system:index": row["id"]},
                    Geometry(shapely.Polygon(row["outline"])),
                    row["id"],
                )
                for row in rows
            ),
            id=name,
        )
        for name, rows in _TABLES.items()
    }
    for name, document in extra.items():
        features = []
        for number, item in enumerate(document["features"]):
            index = str(item.get("id", f"{number:020x}"))
            shape = shapely.geometry.shape(item["geometry"])
            features.append(Feature({**item["properties"], "system:index": index}, Geometry(shape), index))
        collections[name] = Collection(tuple(features), id=name)
    return collections
