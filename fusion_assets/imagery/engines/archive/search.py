"""Finding items: a STAC catalog on disk or on the web, or a STAC API."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pystac
import shapely
from pystac.stac_io import DefaultStacIO
from shapely.geometry.base import BaseGeometry

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.engines.archive.documents import parsed, read_file
from fusion_assets.imagery.engines.archive.doubles import one_each
from fusion_assets.imagery.engines.archive.limits import LIMITS, Limits
from fusion_assets.imagery.footprints import footprint, touches
from fusion_assets.imagery.retries import bounded, deadline
from fusion_assets.imagery.scenes import interval
from fusion_assets.imagery.windows import bounds, overlaps
from fusion_assets.redaction import public_url

if TYPE_CHECKING:
    # Importing them takes a fifth of a second, and catalogs on disk need neither.
    from pystac_client import Client

    from fusion_assets.imagery.engines.archive.web import Web

_T = TypeVar("_T", bound=pystac.STACObject)


def find_items(
    root: str,
    collections: Sequence[str],
    geometry: BaseGeometry,
    window: tuple[dt.date, dt.date],
    sign: str | None = None,
    limits: Limits = LIMITS,
) -> list[pystac.Item]:
    """Items of the first of `collections` that the archive holds, touching `geometry` and overlapping `window`.

    Args:
        root: path or URL of a catalog.json, or URL of a STAC API.
        collections: collection ids in order of preference; ids joined by `+` are parts of one, read together.
        geometry: area in longitude and latitude.
        window: first and last day, both included; items match when their own interval overlaps it.
        sign: `planetary_computer` signs asset links when they are read; nothing signed is ever stored.
        limits: what a server is given.

    Returns:
        Items sorted by id.

    Raises:
        Unreachable: a server that does not answer now.
        FusionError: archive unreadable, no such collection, an item that is listed but missing or cannot be placed,
            items that the server counts but does not give, two items of one id.
    """
    first, last = bounds(window)
    items = _items(root, collections, geometry, first, last, limits)
    shapely.prepare(geometry)
    touching = [item for item in items if touches(footprint(item), geometry)]
    matching = one_each([item for item in touching if overlaps(*_times(item), first, last)])
    if sign == "planetary_computer":
        return _signed(matching, limits)
    return matching


def collections(root: str, limits: Limits = LIMITS) -> list[pystac.Collection]:
    """All collections of an archive.

    Args:
        root: path or URL of a catalog.json, or URL of a STAC API.
        limits: what a server is given.

    Raises:
        Unreachable: a server that does not answer now.
        FusionError: it cannot be read.
    """
    if _is_local(root):
        return _collections(_open(root, limits))
    from fusion_assets.imagery.engines.archive.web import answered

    with answered(root, "listing what it holds"):
        return _collections(_open(root, limits))


def _items(
    root: str,
    collections: Sequence[str],
    geometry: BaseGeometry,
    first: dt.datetime,
    last: dt.datetime,
    limits: Limits,
) -> list[pystac.Item]:
    """Items of the first of `collections` that there is; an API is asked for those that match, and gives some more."""
    if _is_local(root):
        opened = _open(root, limits)
        return [item for chosen in _chosen(opened, collections) for item in _items_of(opened, chosen)]
    from fusion_assets.imagery.engines.archive import stac_api
    from fusion_assets.imagery.engines.archive.web import answered

    with answered(root, "reading what it holds"):
        opened = _open(root, limits)
        chosen = _chosen(opened, collections)
        if not _is_api(opened.catalog):
            with deadline(limits.search_seconds):
                return [item for part in chosen for item in _items_of(opened, part)]
    client, names = cast("Client", opened.catalog), [part.id for part in chosen]
    with answered(root, f"searching {', '.join(names)}"):
        return [item for name in names for item in stac_api.search(client, name, geometry, first, last, limits)]


def _chosen(opened: _Opened, collections: Sequence[str]) -> list[pystac.Collection]:
    held = _collections(opened)
    ids = {collection.id for collection in held}
    parts = ([name for name in names.split("+") if name in ids] for names in collections)
    chosen = next((names for names in parts if names), None)
    if chosen is None:
        raise FusionError(
            f"{public_url(opened.root)} has no collection for this product, only {', '.join(sorted(ids)) or 'none'}",
            f"one of {', '.join(collections)}",
            "set `archive:` or `collection:` for this product in the study, or FUSION_ARCHIVE",
        )
    return [_only(opened, held, name) for name in chosen]


def _only(opened: _Opened, held: Sequence[pystac.Collection], name: str) -> pystac.Collection:
    same = [collection for collection in held if collection.id == name]
    places = sorted({public_url(collection.get_self_href() or "") for collection in same})
    if len(places) > 1:
        raise FusionError(
            f"{public_url(opened.root)} has {len(places)} collections {name}: {', '.join(places[:3])}",
            "ids that name one collection each",
            "rename one of them, or remove its link from the catalog",
        )
    return same[0]


def _times(item: pystac.Item) -> tuple[dt.datetime, dt.datetime]:
    """Start and end of an item; both known, and in this order.

    Raises:
        FusionError: they are not; names the item.
    """
    ends = item.properties.get("start_datetime"), item.properties.get("end_datetime")
    problem = f"start_datetime {ends[0]} and end_datetime {ends[1]}"
    try:
        if (ends[0] is None) == (ends[1] is None):
            start, end = interval(item)
            if start <= end:
                return start, end
            problem = f"an end, {end}, before its start, {start}"
    except (TypeError, ValueError, OverflowError):
        problem = f"times that cannot be read, {problem}"
    raise FusionError(
        f"STAC item {item.id} has {problem}",
        "a `datetime`, or a start and an end that follows it, as the STAC item specification requires",
        "correct the item, or leave it out of the catalog",
    )


def _signed(items: list[pystac.Item], limits: Limits) -> list[pystac.Item]:
    """Items whose files the Planetary Computer lets everybody read for a while."""
    import planetary_computer

    from fusion_assets.imagery.answers import passing

    try:
        with deadline(limits.signing_seconds):
            return bounded(lambda: [planetary_computer.sign(item) for item in items])
    except Exception as error:
        kind = Unreachable if passing(error) else FusionError
        problem = kind(
            f"the Planetary Computer gave no signature for {number_of(len(items), 'item')} ({type(error).__name__})",
            "a signature for each",
            "try again later; `fusion doctor` tests the connection",
        )
    # Not inside the handler: the client's errors may carry a subscription key.
    raise problem


class _Files(DefaultStacIO):
    """Reads STAC files, on disk or on the web, and remembers which, and what state they were in."""

    def __init__(self, limits: Limits, on_disk: bool) -> None:
        super().__init__()
        self.limits, self.on_disk = limits, on_disk
        self.seen: dict[str, float] = {}
        self.latest = ""

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        self.latest = str(source)
        self.seen[self.latest] = _state(self.latest)
        return super().read_text(source, *args, **kwargs)

    def read_text_from_href(self, href: str) -> str:
        if _is_local(href):
            return read_file(href, self.limits.most_bytes)
        if not self.on_disk:
            return self.web.request(href)
        from fusion_assets.imagery.engines.archive.web import answered

        with answered(href, "reading what a catalog on disk links to"):
            return self.web.request(href)

    def json_loads(self, txt: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return parsed(txt)

    @functools.cached_property
    def web(self) -> Web:
        """Where files are read that are not on disk."""
        from fusion_assets.imagery.engines.archive.web import Web

        return Web(self.limits)

    def unchanged(self) -> bool:
        return all(_state(place) == state for place, state in self.seen.items())


@dataclass
class _Opened:
    """A catalog with the files that it was read from, and the items of its collections read so far."""

    root: str
    catalog: pystac.Catalog
    files: _Files
    items: dict[str, list[pystac.Item]] = field(default_factory=dict)


_TOO_MANY = ("a catalog that ends", "correct its links, or choose a smaller catalog or an API")
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


def _open(root: str, limits: Limits) -> _Opened:
    opened = _CACHE.get(root)
    if opened is None or not opened.files.unchanged():
        files = _Files(limits, _is_local(root))
        opened = _CACHE[root] = _Opened(root, _read_catalog(root, files), files)
    return opened


def _read_catalog(root: str, files: _Files) -> pystac.Catalog:
    remedy = (
        "set FUSION_ARCHIVE (or `archive:` in the study) to a catalog.json or the address of a STAC API; "
        "`fusion demo` builds the synthetic demo archive"
    )
    try:
        if not _is_local(root):
            import pystac_client

            client = pystac_client.Client.open(root, stac_io=files.web)
            if client.conforms_to("ITEM_SEARCH"):
                return client
            if client.get_links("search"):
                # Whatever version of the API it says it conforms to.
                for part in ("CORE", "COLLECTIONS", "ITEM_SEARCH"):
                    client.add_conforms_to(part)
                return client
        elif not Path(root).is_file():
            raise FusionError(f"there is no STAC catalog at {root}", "a catalog.json file", remedy)
        return pystac.Catalog.from_file(root, stac_io=files)
    except Exception as error:
        if cause := _plain_cause(error):
            raise cause from None
        raise FusionError(
            f"the archive {public_url(root)} cannot be read as STAC ({type(error).__name__})",
            "a STAC catalog or the landing page of a STAC API",
            remedy,
        ) from None


def _is_local(root: str) -> bool:
    return "://" not in root


def _is_api(catalog: pystac.Catalog) -> bool:
    return hasattr(catalog, "search")


def _plain_cause(error: BaseException | None) -> Exception | None:
    """The error behind an error that says by itself what is wrong: pystac wraps what reading raises."""
    from fusion_assets.imagery.engines.archive.web import Refusal

    while error is not None and not isinstance(error, FusionError | Refusal):
        error = error.__cause__ or error.__context__
    return error


def _collections(opened: _Opened) -> list[pystac.Collection]:
    catalog = opened.catalog
    if _is_api(catalog):
        with deadline(opened.files.limits.listing_seconds):
            return list(_walk(opened, catalog.get_collections()))
    with deadline(opened.files.limits.listing_seconds):
        below = list(_walk(opened, _below(catalog, opened.files.limits.most_catalogs)))
    return [each for each in below if isinstance(each, pystac.Collection)]


def _below(top: pystac.Catalog, most: int) -> Iterator[pystac.Catalog]:
    """A catalog and all that it links to, each once: links may lead back to where they came from."""
    waiting, met = [top], set()
    while waiting:
        catalog = waiting.pop()
        place = catalog.get_self_href() or catalog.id
        if place in met:
            continue
        met.add(place)
        if len(met) > most:
            raise FusionError(f"{public_url(str(place))} is one of more than {most} catalogs", *_TOO_MANY)
        yield catalog
        for link in catalog.get_child_links():
            linked = _linked(link, catalog)
            if not isinstance(linked, pystac.Catalog):
                raise _no_such(link, "a catalog or collection", linked)
            waiting.append(linked)


def _items_in(catalog: pystac.Catalog) -> Iterator[pystac.Item]:
    for link in catalog.get_item_links():
        linked = _linked(link, catalog)
        if not isinstance(linked, pystac.Item):
            raise _no_such(link, "an item", linked)
        yield linked


def _linked(link: pystac.Link, owner: pystac.Catalog) -> Any:
    """What a link leads to; pystac's own iteration believes the link."""
    return link.resolve_stac_object(root=owner.get_root()).target


def _no_such(link: pystac.Link, wanted: str, linked: Any) -> FusionError:
    return FusionError(
        f"a link for {wanted} leads to {public_url(link.get_absolute_href() or '')}, a {type(linked).__name__}",
        wanted,
        "correct the link, or remove it from the catalog",
    )


def _items_of(opened: _Opened, collection: pystac.Collection) -> list[pystac.Item]:
    if collection.id not in opened.items:
        limits = opened.files.limits
        listed = (item for below in _below(collection, limits.most_catalogs) for item in _items_in(below))
        items = list(_walk(opened, itertools.islice(listed, limits.most_items + 1)))
        if len(items) > limits.most_items:
            raise FusionError(f"{public_url(opened.root)} lists more than {limits.most_items} items", *_TOO_MANY)
        opened.items[collection.id] = items
        if not items and collection.get_links("items"):
            raise FusionError(
                f"{public_url(opened.root)} lists no item of {collection.id}, but links to where they are served",
                "a catalog that links to its items, or the landing page of the API that serves them",
                "set `archive:` in the study to the API's landing page",
            )
    return opened.items[collection.id]


def _walk(opened: _Opened, children: Iterable[_T]) -> Iterator[_T]:
    """Iterate over linked STAC objects; a file that is missing or damaged is named."""
    try:
        for each in children:
            if not isinstance(each.id, str) or not each.id:
                raise FusionError(
                    f"the id of {public_url(opened.files.latest or opened.root)} is {str(each.id)[:40]!r}",
                    "a text that names it",
                    "correct the file, or remove its link from the catalog",
                )
            yield each
    except Exception as error:
        _CACHE.pop(opened.root, None)
        if cause := _plain_cause(error):
            raise cause from None
        place = public_url(opened.files.latest or opened.root)
        detail = f"{type(error).__name__}: {error.__cause__ or error}"
        raise FusionError(
            f"the catalog {public_url(opened.root)} links to {place}, which cannot be read ({detail})",
            "every linked collection and item to be there and whole",
            "restore the file, or remove its link from the catalog",
        ) from None
