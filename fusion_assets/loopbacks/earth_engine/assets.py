"""The assets endpoints: what there is, one asset, the images of a collection."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import shapely

from fusion_assets.loopbacks.earth_engine.catalog import Catalog, asset_id
from fusion_assets.loopbacks.earth_engine.clock import timestamp
from fusion_assets.loopbacks.earth_engine.datasets import DATASETS
from fusion_assets.loopbacks.earth_engine.encoding import encode, geometry
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Image

_PUBLIC = "projects/earthengine-public/assets/"
_ROOT = re.compile(r"projects/[^/]+/assets/?")
_ROOTED = re.compile(r"projects/[^/]+/assets/")
_CLAUSE = re.compile(r'^\s*(\w[\w.:]*)\s*(>=|<=|!=|=|<|>)\s*("[^"]*"|[-\d.]+)\s*$')
_LARGEST_PAGE = 1000


def asset(catalog: Catalog, name: str) -> dict[str, Any]:
    """Answer of `assets.get`.

    Raises:
        ServiceError: there is no such asset.
    """
    if _ROOT.fullmatch(name):
        used, most = str(catalog.ingested.size), str(catalog.ingested.quota_bytes)
        count = str(len(catalog.ingested.names))
        quota = {"sizeBytes": used, "maxSizeBytes": most, "assetCount": count, "maxAssets": "10000"}
        return {"type": "FOLDER", "name": name.rstrip("/"), "id": name.rstrip("/"), "quota": quota}
    short = asset_id(name)
    if short in catalog.ids:
        title = DATASETS[short].title if short in DATASETS else "Cloud Score+"
        return {"type": "IMAGE_COLLECTION", "name": _PUBLIC + short, "id": short, "properties": {"title": title}}
    if short in catalog.tables:
        return {"type": "TABLE", "name": _PUBLIC + short, "id": short}
    try:
        return described(catalog.image(short), True)
    except ServiceError:
        raise ServiceError(f"Asset '{name}' not found (does not exist or caller does not have access).", 404) from None


def described(image: Image, full: bool) -> dict[str, Any]:
    """An image as the assets endpoints show it."""
    name = image.id or ""
    facts: dict[str, Any] = {"type": "IMAGE", "name": name if _ROOTED.match(name) else _PUBLIC + name, "id": name}
    times = {"startTime": "system:time_start", "endTime": "system:time_end"}
    facts |= {
        key: timestamp(image.properties[of] / 1000) for key, of in times.items() if image.properties.get(of) is not None
    }
    if not full:
        return facts
    facts["properties"] = {name: value for name, value in image.properties.items() if not name.startswith("system:")}
    facts["geometry"] = geometry(image.geometry)
    facts["bands"] = [
        {"id": band["id"], "dataType": band["data_type"], "grid": {"crsCode": band["crs"]}}
        for band in encode(image)["bands"]
    ]
    return facts


def listed(catalog: Catalog, parent: str, query: dict[str, str]) -> dict[str, Any]:
    """Answer of `assets.listAssets` (and, under its own key, of `assets.listImages`).

    Raises:
        ServiceError: there is no such collection, or a filter that this service does not know.
    """
    if _ROOT.fullmatch(parent + "/assets") or _ROOT.fullmatch(parent):
        inside = parent.removesuffix("/assets").rstrip("/") + "/assets/"
        imported = [catalog.image(name) for name in catalog.ingested.names if name.startswith(inside)]
        return {"assets": [described(image, query.get("view") != "BASIC") for image in imported]}
    if asset_id(parent) not in catalog.ids:
        raise ServiceError(f"Asset '{parent}' not found (does not exist or caller does not have access).", 404)
    images = [image for image in catalog.image_collection(parent).elements if _passes(image, query.get("filter", ""))]
    start, size = int(query.get("pageToken") or 0), min(int(query.get("pageSize") or _LARGEST_PAGE), _LARGEST_PAGE)
    page = images[start : start + size]
    answer: dict[str, Any] = {"assets": [described(image, query.get("view") != "BASIC") for image in page]}
    if start + size < len(images):
        answer["nextPageToken"] = str(start + size)
    return answer


def _passes(image: Image, text: str) -> bool:
    """Whether an image passes a filter: clauses joined by AND."""
    return all(_clause(image, clause) for clause in re.split(r"\s+AND\s+", text) if clause.strip())


def _clause(image: Image, clause: str) -> bool:
    inside = re.fullmatch(r'\s*intersects\("(.*)"\)\s*', clause)
    if inside:
        shape = shapely.geometry.shape(json.loads(inside[1].replace("'", '"')))
        return image.geometry is not None and shapely.intersects(image.geometry.lonlat, shape)
    match = _CLAUSE.match(clause)
    if match is None:
        raise ServiceError(f"assets: this loopback service does not know the filter '{clause}'.")
    name, operator, given = match[1], match[2], match[3].strip('"')
    if name in ("startTime", "endTime"):
        moment = dt.datetime.fromisoformat(given.replace("Z", "+00:00"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        key = "system:time_start" if name == "startTime" else "system:time_end"
        left: Any = image.properties[key]
        right: Any = moment.timestamp() * 1000
    else:
        left = image.properties.get(name.removeprefix("properties."))
        right = given if isinstance(left, str) else float(given)
    tests = {
        "=": lambda: left == right, "!=": lambda: left != right, "<": lambda: left < right, ">": lambda: left > right,
        "<=": lambda: left <= right, ">=": lambda: left >= right,
    }  # fmt: skip
    return left is not None and tests[operator]()
