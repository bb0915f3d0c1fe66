"""Finding items: a STAC catalog on disk or on the web, or a STAC API. What items mean is said in `scenes.py`."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pystac
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.imagery.scenes import interval
from fusion_assets.imagery.storage import public_url


def find_items(
    root: str,
    collections: Sequence[str],
    geometry: BaseGeometry,
    window: tuple[dt.date, dt.date],
    sign: str | None = None,
) -> list[pystac.Item]:
    """Items of the first of `collections` that the archive holds, touching `geometry` and overlapping `window`.

    Args:
        root: path or URL of a catalog.json, or URL of a STAC API.
        collections: collection ids in order of preference.
        geometry: area in longitude and latitude.
        window: first and last day, both included; items match when their own interval overlaps it.
        sign: `planetary_computer` signs asset links when they are read; nothing signed is ever stored.

    Returns:
        Items sorted by id.

    Raises:
        FusionError: archive unreadable, no such collection, an item that is listed but missing.
    """
    first, last = _day_start(window[0]), _day_start(window[1]) + dt.timedelta(days=1)
    catalog = open_catalog(root)
    held = _collection_ids(catalog, root)
    chosen = next((name for name in collections if name in held), None)
    if chosen is None:
        raise FusionError(
            f"{public_url(root)} has no collection for this product, only {', '.join(sorted(held)) or 'none'}",
            f"one of {', '.join(collections)}",
            "set `archive:` or `collection:` for this product in the study, or FUSION_ARCHIVE",
        )
    found = _search_api(catalog, chosen, geometry, first, last, root) if _is_api(catalog) else _items_of(root, chosen)
    matching = []
    for item in found:
        start, end = interval(item)
        if start < last and end >= first and _footprint(item).intersects(geometry):
            matching.append(item)
    if sign == "planetary_computer":
        import planetary_computer

        matching = [planetary_computer.sign(item) for item in matching]
    return sorted(matching, key=lambda item: item.id)


def open_catalog(root: str) -> pystac.Catalog:
    """A static catalog, or the client of a STAC API.

    Raises:
        FusionError: not there, or not STAC.
    """
    stamp = Path(root).stat().st_mtime_ns if _is_local(root) and Path(root).is_file() else 0
    return _open_catalog(root, stamp)


@functools.lru_cache(maxsize=8)
def _open_catalog(root: str, stamp: int) -> pystac.Catalog:
    remedy = "set FUSION_ARCHIVE (or `archive:` in the study) to a catalog.json or the address of a STAC API"
    try:
        if not _is_local(root):
            import pystac_client

            client = pystac_client.Client.open(root)
            if client.conforms_to("ITEM_SEARCH"):
                return client
        elif not Path(root).is_file():
            raise FusionError(f"there is no STAC catalog at {root}", "a catalog.json file", remedy)
        return pystac.Catalog.from_file(root)
    except FusionError:
        raise
    except Exception as error:
        raise FusionError(
            f"the archive {public_url(root)} cannot be read as STAC ({type(error).__name__})",
            "a STAC catalog or the landing page of a STAC API",
            remedy,
        ) from error


def _is_local(root: str) -> bool:
    return "://" not in root


def _is_api(catalog: pystac.Catalog) -> bool:
    return hasattr(catalog, "search")


def _day_start(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _collection_ids(catalog: pystac.Catalog, root: str) -> set[str]:
    return {child.id for child in _walk(root, catalog.get_collections())}


@functools.lru_cache(maxsize=32)
def _read_collection(root: str, stamp: int, name: str) -> tuple[pystac.Item, ...]:
    catalog = _open_catalog(root, stamp)
    collection = next(child for child in catalog.get_collections() if child.id == name)
    return tuple(_walk(root, collection.get_items(recursive=True)))


def _items_of(root: str, name: str) -> tuple[pystac.Item, ...]:
    stamp = Path(root).stat().st_mtime_ns if _is_local(root) else 0
    return _read_collection(root, stamp, name)


def _walk(root: str, children: Iterable) -> Iterator:
    """Iterate over linked STAC objects; a link that leads nowhere is named."""
    try:
        yield from children
    except FusionError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        raise FusionError(
            f"the catalog {public_url(root)} links to a file that cannot be read: {public_url(str(cause))}",
            "every linked collection and item to be there",
            "restore the file, or remove its link from the catalog",
        ) from error


def _search_api(
    client: pystac.Catalog, collection: str, geometry: BaseGeometry, first: dt.datetime, last: dt.datetime, root: str
) -> list[pystac.Item]:
    try:
        search = client.search(  # type: ignore[attr-defined]
            collections=[collection],
            intersects=geometry.__geo_interface__,
            datetime=[first, last - dt.timedelta(seconds=1)],
            limit=200,
        )
        return list(search.items())
    except Exception as error:
        raise FusionError(
            f"the STAC API {public_url(root)} failed while searching {collection} ({type(error).__name__})",
            "an answer to an item search",
            "try again later; `fusion doctor` tests the connection",
        ) from error


def _footprint(item: pystac.Item) -> BaseGeometry:
    if item.geometry:
        return shape(item.geometry)
    return box(*item.bbox) if item.bbox else box(-180, -90, 180, 90)
