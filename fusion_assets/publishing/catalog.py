"""Publishing rasters for others: a STAC catalog beside them, which other programs open as it lies.

    <root>/stac/catalog.json
    <root>/stac/<system>/collection.json
    <root>/stac/<system>/<region>/<year>.json
    <root>/stac/thumbnails/<region>/<year>.png

Pixels are not copied: links are relative and lead to the stored rasters, so the root, or `stac` and the rasters of it,
can be copied to a web server as they are.

Several regions and systems may be published at the same moment. A collection and the catalog say what there is, and
whoever writes one looks again afterwards, and writes anew if that has changed: so the last one to write has seen
everything, and nothing is lost.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fusion_assets.errors import FusionError
from fusion_assets.publishing.collections import map_collection, root_catalog
from fusion_assets.publishing.items import map_item
from fusion_assets.publishing.publication import Edition
from fusion_assets.reports.previews import preview_png
from fusion_assets.storage.json_objects import read_object
from fusion_assets.storage.raster_contents import preview
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import WORD
from fusion_assets.storage.stored_rasters import raster_paths

_ATTEMPTS = 50
_REMEDY = "remove it, and publish again what it is of: fusion run --select '*_catalog'"
_Seen = TypeVar("_Seen")


def publish_region(storage: Storage, edition: Edition, region: str, years: Collection[int]) -> dict[str, Any]:
    """Write the items of one region, the collection over the items of all regions, and the catalog of all systems.

    Args:
        storage: the root that holds the rasters.
        edition: what all documents of the system share.
        region: name.
        years: with a raster, or the last one of those that the region's raster is of; other items are removed.

    Returns:
        What was written, paths relative to the root: `catalog`, `collection`, and `items`: by year, `path` and `sha256`
        of its document. Equal for equal rasters, wherever the root is and whatever else is published.
    """
    publication, written = edition.publication, {}
    collection, catalog = _collection(storage, publication.items), storage.path("stac", "catalog", None, "json")
    for gone in set(storage.names(f"{publication.items}/{region}")) - {str(year) for year in years}:
        storage.remove(storage.path(publication.items, region, gone, "json"))
        storage.remove(storage.path(publication.pictures, region, gone, "png"))
    targets = {"collection": collection, "root": catalog}
    if publication.report and storage.exists(page := storage.path(publication.report, region, None, "html")):
        targets["report"] = page
    for year in sorted(years):
        stored = storage.path(publication.asset, region, year if publication.yearly else None, "tif")
        paths = raster_paths(storage, stored)
        item = storage.path(publication.items, region, year, "json")
        picture = storage.path(publication.pictures, region, year, "png")
        linked = targets | paths | {"thumbnail": picture}
        files = {key: storage.open_local(path) for key, path in paths.items()}
        document = map_item(
            edition, files, region, year, {name: _relative(path, item) for name, path in linked.items()}
        )
        content = _json(document.to_dict(include_self_link=False, transform_hrefs=False))
        storage.write_bytes(_thumbnail(edition, files), picture)
        storage.write_bytes(content, item)
        written[str(year)] = {"path": _from_root(storage, item), "sha256": hashlib.sha256(content).hexdigest()}
    _write(storage, collection, lambda: _items(storage, edition), lambda seen: _over_items(storage, edition, seen))
    _write(storage, catalog, lambda: _collections(storage), lambda seen: root_catalog(edition.study, seen))
    return {
        "catalog": _from_root(storage, catalog),
        "collection": _from_root(storage, collection),
        "items": written,
    }


def _thumbnail(edition: Edition, files: Mapping[str, Path]) -> bytes:
    publication = edition.publication
    small = {name: band for file in files.values() for name, band in preview(file, publication.palettes).items()}
    stamp = WORD if edition.synthetic else ""
    return preview_png(publication.picture(small), publication.thumbnail, palettes=publication.palettes, stamp=stamp)


def _write(
    storage: Storage, path: str, look: Callable[[], _Seen], document: Callable[[_Seen], Mapping[str, Any]]
) -> None:
    """Write the document of what is seen, until that is still there when it has been written."""
    for _ in range(_ATTEMPTS):
        seen = look()
        storage.write_bytes(_json(document(seen)), path)
        if look() == seen:
            return
    raise FusionError(
        f"{path} could not be completed: other regions kept being published",
        "a moment without other publications",
        "run again when they have finished",
    )


def _items(storage: Storage, edition: Edition) -> dict[tuple[str, str], int]:
    """Items of the study's regions, each with a fingerprint of its document."""
    items = edition.publication.items
    stamps = {region.name: storage.stamps(f"{items}/{region.name}") for region in edition.study.regions}
    return {(region, year): stamp for region, years in stamps.items() for year, stamp in years.items()}


def _over_items(storage: Storage, edition: Edition, places: Iterable[tuple[str, str]]) -> dict[str, Any]:
    items = edition.publication.items
    paths = [storage.path(items, region, year, "json") for region, year in sorted(places)]
    hrefs = [_relative(path, _collection(storage, items)) for path in paths]
    documents = [_published(storage, path) for path in paths]
    for path, document, href in zip(paths, documents, hrefs, strict=True):
        try:
            map_collection(edition, [document], [href])
        except Exception as error:  # odd documents break at any place
            raise FusionError(
                f"{path} is no item of {edition.collection}: {type(error).__name__}: {str(error)[:80]}",
                "an item as it was published",
                _REMEDY,
            ) from None
    return map_collection(edition, documents, hrefs)


def _collections(storage: Storage) -> dict[str, dict[str, Any]]:
    """What the catalog says of the collections that there are, by href."""
    there = {}
    for name in storage.directories(f"{storage.root}/stac"):
        if storage.exists(path := _collection(storage, f"stac/{name}")):
            document = _published(storage, path)
            there[f"./{name}/collection.json"] = {key: str(document.get(key, "")) for key in ("title", "description")}
    return there


def _published(storage: Storage, path: str) -> dict[str, Any]:
    """A document that was published."""
    return read_object(storage, path, _REMEDY)


def _collection(storage: Storage, items: str) -> str:
    return storage.path(items, "collection", None, "json")


def _relative(target: str, document: str) -> str:
    """Href of one path of the storage, as seen from a document in it."""
    href = posixpath.relpath(target, posixpath.dirname(document))
    return href if href.startswith(".") else f"./{href}"


def _from_root(storage: Storage, path: str) -> str:
    return path.removeprefix(f"{storage.root}/")


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
