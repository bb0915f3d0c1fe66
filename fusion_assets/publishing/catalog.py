"""Publishing maps for others: a STAC catalog beside them, which other programs open as it lies.

    <root>/stac/catalog.json
    <root>/stac/built_up/collection.json
    <root>/stac/built_up/<region>/<year>.json
    <root>/stac/thumbnails/<region>/<year>.png

Pixels are not copied: links are relative and lead to the stored maps, so the root, or `stac` and `built_up_prediction`
of it, can be copied to a web server as they are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.publishing.collections import map_collection, root_catalog
from fusion_assets.publishing.items import Publication, map_item
from fusion_assets.reports.previews import preview_png
from fusion_assets.storage.raster_contents import CLASS_BANDS, preview
from fusion_assets.storage.root import Storage
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.model.prediction import PROBABILITY

ITEMS, THUMBNAILS = "stac/built_up", "stac/thumbnails"
_ATTEMPTS = 50


@dataclass(frozen=True)
class Published:
    """One map to be published.

    Attributes:
        path: where it is stored.
        window: first and last day of its imagery, inclusive.
        report: path of a page about its region; empty where there is none.
    """

    path: str
    window: tuple[dt.date, dt.date]
    report: str = ""


def publish_region(
    storage: Storage, publication: Publication, region: str, outline: BaseGeometry, maps: Mapping[int, Published]
) -> dict[str, Any]:
    """Write the items of one region, then the collection over the items of all regions.

    Args:
        storage: the root that holds the maps.
        publication: what all documents of the study share.
        region: name.
        outline: of the region, degrees.
        maps: by year; items of other years are removed.

    Returns:
        What was written, paths relative to the root: `catalog`, `collection`, and `items`: by year, `path` and `sha256`
        of its document. Equal for equal maps, wherever the root is and whatever other regions have.
    """
    for gone in set(storage.names(f"{ITEMS}/{region}")) - {str(year) for year in maps}:
        storage.remove(storage.path(ITEMS, region, gone, "json"))
        storage.remove(storage.path(THUMBNAILS, region, gone, "png"))
    written = {}
    for year, published in sorted(maps.items()):
        file = storage.open_local(published.path)
        item, picture = storage.path(ITEMS, region, year, "json"), storage.path(THUMBNAILS, region, year, "png")
        targets = {"map": published.path, "thumbnail": picture, "collection": _collection(storage)}
        targets |= {"root": _catalog(storage)} | ({"report": published.report} if published.report else {})
        hrefs = {name: _relative(target, item) for name, target in targets.items()}
        document = map_item(publication, file, region, year, outline, published.window, hrefs)
        content = _json(document.to_dict(include_self_link=False, transform_hrefs=False))
        small = preview(file, (PROBABILITY, BUILT_UP), CLASS_BANDS)
        storage.write_bytes(preview_png(small, (BUILT_UP,)), picture)
        storage.write_bytes(content, item)
        written[str(year)] = {"path": _from_root(storage, item), "sha256": hashlib.sha256(content).hexdigest()}
    _write_collection(storage, publication)
    title = publication.named("Built-up land")
    child = _relative(_collection(storage), _catalog(storage))
    storage.write_bytes(_json(root_catalog(publication, [(child, title)])), _catalog(storage))
    return {
        "catalog": _from_root(storage, _catalog(storage)),
        "collection": _from_root(storage, _collection(storage)),
        "items": written,
    }


def is_synthetic(archive: str) -> bool:
    """Whether an archive is simulated: a local one beside the record of its making (`imagery.demo`)."""
    try:
        record = json.loads((Path(archive).parent / "demo.json").read_text(encoding="utf-8"))
        return bool(record.get("synthetic"))
    except (OSError, ValueError, AttributeError):
        return False


def _write_collection(storage: Storage, publication: Publication) -> None:
    """Write the collection over the items that are there.

    Other regions may be published at this moment. Whoever writes looks again afterwards, and writes anew if items have
    changed: so the last one to write has seen them all, and none is lost.
    """
    for _ in range(_ATTEMPTS):
        before = _stamps(storage, publication)
        paths = [storage.path(ITEMS, region, year, "json") for region, year in sorted(before)]
        items = [json.loads(storage.read_bytes(path)) for path in paths]
        hrefs = [_relative(path, _collection(storage)) for path in paths]
        storage.write_bytes(_json(map_collection(publication, items, hrefs)), _collection(storage))
        if _stamps(storage, publication) == before:
            return
    raise FusionError(
        f"{_collection(storage)} could not be completed: other regions kept being published",
        "a moment without other publications",
        "run again when they have finished",
    )


def _stamps(storage: Storage, publication: Publication) -> dict[tuple[str, str], int]:
    """Items of the study's regions, each with a fingerprint of its document."""
    found = {region: storage.stamps(f"{ITEMS}/{region}") for region in publication.regions}
    return {(region, year): stamp for region, stamps in found.items() for year, stamp in stamps.items()}


def _collection(storage: Storage) -> str:
    return storage.path(ITEMS, "collection", None, "json")


def _catalog(storage: Storage) -> str:
    return storage.path("stac", "catalog", None, "json")


def _relative(target: str, document: str) -> str:
    """Href of one path of the storage, as seen from a document in it."""
    href = posixpath.relpath(target, posixpath.dirname(document))
    return href if href.startswith(".") else f"./{href}"


def _from_root(storage: Storage, path: str) -> str:
    return path.removeprefix(f"{storage.root}/")


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
