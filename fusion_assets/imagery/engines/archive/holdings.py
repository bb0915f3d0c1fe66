"""What an archive holds of the products that are known here: where, and of which years."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass

import pystac
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.archive import search
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Role
from fusion_assets.redaction import public_url


@dataclass(frozen=True)
class Holding:
    """Items of one product in an archive, as its collections say.

    Attributes:
        product: key of `PRODUCTS`.
        area: what they cover, longitude and latitude.
        first: year of the first item.
        last: year of the last item; last year where there is no end.
        pixel: size of the finest pixels of an item, metres; the product's where the archive is not on disk.
    """

    product: str
    area: BaseGeometry
    first: int
    last: int
    pixel: float


def holdings(root: str, role: Role) -> list[Holding]:
    """Products of a role that an archive holds, in the order of `PRODUCTS`.

    Args:
        root: path of a catalog, or address of an API.
        role: what they are used for.

    Raises:
        FusionError: the archive cannot be read, or holds none.
    """
    # What has been read is remembered by its place, whatever folder one is in.
    root = root if "://" in root else os.path.abspath(root)
    held = {collection.id: collection for collection in search.collections(root)}
    found = []
    for name, product in PRODUCTS.items():
        parts = next((ids.split("+") for ids in product.collections if set(ids.split("+")) <= set(held)), None)
        if product.role == role and parts:
            found.append(_holding(name, [held[part] for part in parts], "://" not in root))
    if not found:
        wanted = [ids for product in PRODUCTS.values() if product.role == role for ids in product.collections]
        raise FusionError(
            f"{public_url(root)} holds {', '.join(sorted(held)) or 'no collection'}, and none for {role}",
            f"one of {', '.join(wanted)}",
            "name another archive, or make a catalog of downloaded files with `fusion catalog add`",
        )
    return found


def _holding(product: str, collections: list[pystac.Collection], on_disk: bool) -> Holding:
    boxes = [box for each in collections for box in each.extent.spatial.bboxes]
    spans = [span for each in collections for span in each.extent.temporal.intervals]
    starts = [span[0] for span in spans if span[0] is not None]
    ends = [span[1] for span in spans]
    today = dt.datetime.now(dt.UTC)
    area = shapely.union_all([shapely.box(*(box[:4] if len(box) == 4 else (*box[:2], *box[3:5]))) for box in boxes])
    last = max((end or today for end in ends), key=lambda moment: moment.timestamp(), default=today)
    pixel = _pixel(collections[0]) if on_disk else None
    first = min(start.year for start in starts) if starts else today.year
    # Of a year that has not ended nothing can be told yet.
    newest = last.year if all(end is not None for end in ends) else today.year - 1
    return Holding(product, area, first, newest, pixel or PRODUCTS[product].resolution)


def _pixel(collection: pystac.Collection) -> float | None:
    """Of the first item; None where it does not say, or says it in degrees."""
    item = next(iter(collection.get_items(recursive=True)), None)
    assets = item.assets.values() if item else ()
    transforms = [asset.extra_fields.get("proj:transform") for asset in assets]
    sizes = [abs(float(transform[0])) for transform in transforms if isinstance(transform, list) and transform]
    return min((size for size in sizes if size >= 1), default=None)
