"""Items that come more than once under one id: the same again, a newer version, or another scene of the same name.

Ids name scenes in tickets, so that each must stand for one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pystac

from fusion_assets.errors import FusionError
from fusion_assets.redaction import public_url


def one_each(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """Items sorted by id, each once: of versions that differ, the one that was updated last.

    Raises:
        FusionError: two items of one id, neither of which is a version of the other.
    """
    together: dict[str, list[pystac.Item]] = {}
    for item in items:
        together.setdefault(item.id, []).append(item)
    return [_one(together[name]) for name in sorted(together)]


def _one(items: Sequence[pystac.Item]) -> pystac.Item:
    if len(items) == 1:
        return items[0]
    different = list({json.dumps(_content(item), sort_keys=True, default=str): item for item in items}.values())
    if len(different) == 1:
        return different[0]
    newest = max(_updated(item) for item in different)
    last = [item for item in different if _updated(item) == newest]
    if len(last) == 1 and len({json.dumps(_place_and_time(item), default=str) for item in different}) == 1:
        return last[0]
    places = sorted(map(_where, different))[:3]
    raise FusionError(
        f"{len(different)} different STAC items have the id {items[0].id}: {' and '.join(places)}",
        "one item an id, or versions of one scene that say when they were `updated`",
        "give each item its own id, or leave one out of the catalog",
    )


def _content(item: pystac.Item) -> dict[str, Any]:
    """What an item says; links are about where it was found, and relative addresses mean what they resolve to."""
    facts = item.to_dict(include_self_link=False, transform_hrefs=False)
    facts.pop("links", None)
    for key, asset in item.assets.items():
        facts["assets"][key]["href"] = asset.get_absolute_href() or asset.href
    return facts


def _place_and_time(item: pystac.Item) -> list[Any]:
    properties = item.properties
    return [item.geometry, item.bbox, item.datetime, properties.get("start_datetime"), properties.get("end_datetime")]


def _updated(item: pystac.Item) -> dt.datetime:
    """When an item was updated; long ago where it does not say."""
    try:
        moment = item.common_metadata.updated
    except (TypeError, ValueError):
        moment = None
    if moment is None:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _where(item: pystac.Item) -> str:
    """Where an item was found or, where it does not say, its files."""
    files = sorted(asset.get_absolute_href() or asset.href for asset in item.assets.values())
    return public_url(item.get_self_href() or next(iter(files), "one without files"))
