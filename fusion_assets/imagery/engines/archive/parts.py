"""Scenes of which an archive keeps a part of the bands in another collection.

USGS's own server has surface reflectance in `landsat-c2l2-sr` and surface temperature in `landsat-c2l2-st`; the items
of one scene differ in the end of their ids. Scenes of which no temperature was made (level L2SR) have no second item:
they stay as they are, and lack the band.

Source: https://landsatlook.usgs.gov/stac-server
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pystac

from fusion_assets.imagery.engines.archive.search import collections, find_items
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.scenes import is_complete


@dataclass(frozen=True)
class OtherPart:
    """Where the other bands of a collection's scenes are.

    Attributes:
        collection: that holds them.
        end: of an id in the first collection.
        other_end: of the same scene's id in the other.
    """

    collection: str
    end: str
    other_end: str


OTHER_PARTS = {"landsat-c2l2-sr": OtherPart("landsat-c2l2-st", "_SR", "_ST")}
"""By collection."""


def completed(items: Sequence[pystac.Item], request: ExportRequest) -> list[pystac.Item]:
    """Items with the assets that the other part of their scene has; ids stay.

    Args:
        items: that a request has found.
        request: which bands are read; nothing is looked for where no item lacks any.

    Raises:
        FusionError: as `find_items`.
    """
    product = PRODUCTS[request.product]
    parted = [(item, part) for item in items if (part := OTHER_PARTS.get(item.collection_id or ""))]
    wanted = {part.collection for item, part in parted if not is_complete(item, product, request.recipe.bands)}
    if not wanted:
        return list(items)
    held = {collection.id for collection in collections(request.archive)}
    found = {
        (name, other.id): other
        for name in sorted(wanted & held)
        for other in find_items(request.archive, (name,), request.area, request.window, request.sign)
    }

    def whole(item: pystac.Item) -> pystac.Item:
        part = OTHER_PARTS.get(item.collection_id or "")
        other = part and found.get((part.collection, item.id.removesuffix(part.end) + part.other_end))
        return _with_assets(item, other) if other else item

    return [whole(item) for item in items]


def _with_assets(item: pystac.Item, other: pystac.Item) -> pystac.Item:
    # A copy: items of a catalog on disk are kept for the next search.
    whole = item.clone()
    for key, asset in other.assets.items():
        if key not in whole.assets:
            added = asset.clone()
            added.href = asset.get_absolute_href() or asset.href
            whole.add_asset(key, added)
    return whole
