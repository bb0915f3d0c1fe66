"""Finding items: a STAC catalog on disk or on the web, or a STAC API. What items mean is said in `scenes.py`."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pystac
from pystac.stac_io import DefaultStacIO
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.imagery.addresses import public_url
from fusion_assets.imagery.scenes import interval

_T = TypeVar("_T")


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
        collections: collection ids in order of preference; ids joined by `+` are parts of one, read together.
        geometry: area in longitude and latitude.
        window: first and last day, both included; items match when their own interval overlaps it.
        sign: `planetary_computer` signs asset links when they are read; nothing signed is ever stored.

    Returns:
        Items sorted by id.

    Raises:
        FusionError: archive unreadable, no such collection, an item that is listed but missing.
    """
    first, last = _day_start(window[0]), _day_start(window[1]) + dt.timedelta(days=1)
    opened = _open(root)
    held = _collections(opened)
    parts = ([name for name in names.split("+") if name in held] for names in collections)
    chosen = next((names for names in parts if names), None)
    if chosen is None:
        raise FusionError(
            f"{public_url(root)} has no collection for this product, only {', '.join(sorted(held)) or 'none'}",
            f"one of {', '.join(collections)}",
            "set `archive:` or `collection:` for this product in the study, or FUSION_ARCHIVE",
        )
    found: list[pystac.Item] = []
    for name in chosen:
        if _is_api(opened.catalog):
            found += _search_api(opened.catalog, name, geometry, first, last, root)
        else:
            found += _items_of(opened, held[name])
    matching = {}
    for item in found:
        start, end = interval(item)
        if start < last and end >= first and _footprint(item).intersects(geometry):
            matching[item.id] = item
    if sign == "planetary_computer":
        import planetary_computer

        matching = {name: planetary_computer.sign(item) for name, item in matching.items()}
    return [matching[name] for name in sorted(matching)]


class _Files(DefaultStacIO):
    """Reads STAC files and remembers which, and what state they were in."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, float] = {}
        self.latest = ""

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        self.latest = str(source)
        self.seen[self.latest] = _state(self.latest)
        return super().read_text(source, *args, **kwargs)

    def unchanged(self) -> bool:
        return all(_state(place) == state for place, state in self.seen.items())


@dataclass
class _Opened:
    """A catalog with the files that it was read from, and the items of its collections read so far."""

    root: str
    catalog: pystac.Catalog
    files: _Files
    items: dict[str, list[pystac.Item]] = field(default_factory=dict)


# Reading a catalog of a few hundred items takes a second, and every partition asks.
_CACHE: dict[str, _Opened] = {}
# Catalogs on the web cannot be asked whether they have changed.
_REMOTE_SECONDS = 300


def _state(place: str) -> float:
    if not _is_local(place):
        return time.monotonic() // _REMOTE_SECONDS
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return -1


def _open(root: str) -> _Opened:
    known = _CACHE.get(root)
    if known is None or not known.files.unchanged():
        files = _Files()
        known = _CACHE[root] = _Opened(root, _read_catalog(root, files), files)
    return known


def _read_catalog(root: str, files: _Files) -> pystac.Catalog:
    remedy = (
        "set FUSION_ARCHIVE (or `archive:` in the study) to a catalog.json or the address of a STAC API; "
        "`fusion demo` builds the synthetic demo archive"
    )
    try:
        if not _is_local(root):
            import pystac_client

            client = pystac_client.Client.open(root)
            if client.conforms_to("ITEM_SEARCH"):
                return client
        elif not Path(root).is_file():
            raise FusionError(f"there is no STAC catalog at {root}", "a catalog.json file", remedy)
        return pystac.Catalog.from_file(root, stac_io=files)
    except FusionError:
        raise
    except Exception as error:
        raise FusionError(
            f"the archive {public_url(root)} cannot be read as STAC ({type(error).__name__})",
            "a STAC catalog or the landing page of a STAC API",
            remedy,
        ) from None


def _is_local(root: str) -> bool:
    return "://" not in root


def _is_api(catalog: pystac.Catalog) -> bool:
    return hasattr(catalog, "search")


def _day_start(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _collections(opened: _Opened) -> dict[str, pystac.Collection]:
    catalog = opened.catalog
    listed = catalog.get_collections() if _is_api(catalog) else catalog.get_all_collections()
    return {collection.id: collection for collection in _walk(opened, listed)}


def _items_of(opened: _Opened, collection: pystac.Collection) -> list[pystac.Item]:
    if collection.id not in opened.items:
        opened.items[collection.id] = list(_walk(opened, collection.get_items(recursive=True)))
    return opened.items[collection.id]


def _walk(opened: _Opened, children: Iterable[_T]) -> Iterator[_T]:
    """Iterate over linked STAC objects; a file that is missing or damaged is named."""
    try:
        yield from children
    except Exception as error:
        _CACHE.pop(opened.root, None)
        place = public_url(opened.files.latest or opened.root)
        detail = public_url(f"{type(error).__name__}: {error.__cause__ or error}")
        raise FusionError(
            f"the catalog {public_url(opened.root)} links to {place}, which cannot be read ({detail})",
            "every linked collection and item to be there and whole",
            "restore the file, or remove its link from the catalog",
        ) from None


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
        ) from None


def _footprint(item: pystac.Item) -> BaseGeometry:
    if item.geometry:
        return shape(item.geometry)
    return box(*item.bbox) if item.bbox else box(-180, -90, 180, 90)
