"""Searching a STAC API: every item that it holds, or an error that says how many it did not give.

Servers differ in how they count, page and refuse; every such difference ends here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import pystac
from pystac_client import Client, ItemSearch
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.search_outline import search_outline
from fusion_assets.imagery.engines.archive.limits import LIMITS, Limits
from fusion_assets.imagery.engines.archive.web import Circle, Refusal, Web, next_link
from fusion_assets.imagery.retries import deadline

# Where servers write how many items match: in the page itself, or in one of these objects of it (STAC API 1.0, its
# context extension before that, stac-server and sat-api at first).
_PLACES = ("context", "search:metadata", "meta")
_COUNTS = ("numberMatched", "matched", "found")
_TOO_LARGE = {413, 500, 502, 504}
_ABOUT_PAGES = re.compile(r"limit|page.?size", re.IGNORECASE)
_ABOUT_OUTLINES = re.compile(r"intersects|geometr|polygon|vert(ex|ices)|too large", re.IGNORECASE)


def search(
    client: Client,
    collection: str,
    area: BaseGeometry,
    first: dt.datetime,
    last: dt.datetime,
    limits: Limits = LIMITS,
) -> list[pystac.Item]:
    """Items of a collection around an area and between two moments; a few more may be among them.

    Args:
        client: of the API, reading through `Web`.
        collection: id.
        area: longitude and latitude.
        first: first moment.
        last: last moment.
        limits: what it is given.

    Raises:
        Refusal: no answer, or one that contradicts itself.
        FusionError: an item that cannot be read.
    """
    method = "POST" if any(_method(link) == "POST" for link in client.get_links("search")) else "GET"
    box = {"bbox": list(area.bounds)}
    # Outlines do not fit into the addresses that GET asks.
    where = box if method == "GET" else {"intersects": search_outline(area).__geo_interface__}
    sizes = list(limits.page_sizes)
    with deadline(limits.search_seconds):
        while True:
            query: ItemSearch = client.search(
                method=method, collections=[collection], datetime=[first, last], limit=sizes[0], **where
            )
            try:
                features = _every_feature(query, collection, limits.most_items)
                return [_item(feature, client) for feature in features]
            except Refusal as refusal:
                if refusal.status in (405, 501) and method == "POST":
                    method, where = "GET", box
                elif where is not box and _outline_refused(refusal):
                    where = box
                elif len(sizes) > 1 and _page_refused(refusal):
                    del sizes[0]
                else:
                    raise


def _outline_refused(refusal: Refusal) -> bool:
    return refusal.status == 413 or (refusal.status in (400, 422) and bool(_ABOUT_OUTLINES.search(refusal.words)))


def _page_refused(refusal: Refusal) -> bool:
    """Whether a server says so, or fails as those do whose answer grows beyond what they may send."""
    said = refusal.status in (400, 422) and _ABOUT_PAGES.search(refusal.words)
    return refusal.status in _TOO_LARGE or bool(said)


def _every_feature(query: ItemSearch, collection: str, most: int) -> list[dict[str, Any]]:
    web = query._stac_io
    assert isinstance(web, Web)
    features: list[dict[str, Any]] = []
    ids: set[tuple[str, str]] = set()
    matched: int | None = None
    page: Mapping[str, Any] = {}
    pages = 0
    try:
        for page in web.get_pages(query.url, query.method, query.get_parameters()):
            pages += 1
            matched = max((count for count in (matched, _matched(page)) if count is not None), default=None)
            on_page = page.get("features") or []
            names = {_name(feature, collection) for feature in on_page}
            if on_page and names <= ids and next_link(page, str(query.method)):
                raise Circle("its next page brings the items of pages before it again")
            ids |= names
            features += on_page
            if len(ids) > most:
                raise Refusal(f"more than {most} items match")
    except Circle as circle:
        if matched is None or len(ids) < matched:
            of_all = "" if matched is None else f" of {matched}"
            raise Refusal(f"{circle.words}, after {len(ids)}{of_all} items", circle.status) from None
    if matched is not None and len(ids) < matched:
        raise Refusal(f"it says that {matched} items match and gave {len(ids)}: {matched - len(ids)} are missing")
    if matched is None and pages == 1 and len(features) >= 2:
        _check_pages(query, web, len(features))
    return features


def _check_pages(query: ItemSearch, web: Web, count: int) -> None:
    """Refuse a full page that leads nowhere, of a server that shows no more than one page: how many more are unknown.

    Such a server cuts a page of one item fewer off as well, and says nothing.
    """
    parameters = {**query.get_parameters(), "limit": count - 1}
    page = next(web.get_pages(query.url, query.method, parameters))
    given = len(page.get("features") or [])
    if given < count and next_link(page, str(query.method)) is None:
        raise Refusal(f"it gave {count} items, a full page, and neither says how many match nor where the others are")


def _matched(page: Mapping[str, Any]) -> int | None:
    """How many items match, where a page says so."""
    return _number([page, *(page.get(place) for place in _PLACES)], _COUNTS)


def _number(places: list[Any], names: tuple[str, ...]) -> int | None:
    values = [place.get(name) for place in places if isinstance(place, dict) for name in names]
    texts = (str(value) for value in values if value is not None and not isinstance(value, bool))
    return next((int(float(text)) for text in texts if re.fullmatch(r"\d{1,15}(\.0*)?", text)), None)


def _name(feature: Any, collection: str) -> tuple[str, str]:
    """What tells one item from another: its id and, for one that changed while it was searched for, when it did."""
    if not isinstance(feature, dict) or not isinstance(feature.get("id"), str):
        raise Refusal("among its items is one without an id")
    name, owner = feature["id"], feature.get("collection")
    if owner is not None and owner != collection:
        raise Refusal(f"asked for {collection}, it gave item {name} of collection {owner}")
    properties = feature.get("properties")
    return name, str(properties.get("updated", "")) if isinstance(properties, dict) else ""


def _item(feature: dict[str, Any], client: Client) -> pystac.Item:
    try:
        return pystac.Item.from_dict(feature, root=client, preserve_dict=False)
    except Exception as error:
        kind = type(error).__name__
    raise FusionError(
        f"STAC item {feature['id']} of {feature.get('collection') or 'a search'} cannot be read ({kind})",
        "an item as the STAC specification describes it",
        "choose another archive, or tell its operator",
    )


def _method(link: pystac.Link) -> str:
    return str(link.extra_fields.get("method") or "GET").upper()
