"""Adds downloaded files to a STAC catalog, which is made where there is none.

A catalog is self-contained: items name their files by relative paths, so that folder and files can be moved together.
Every document is written whole, items first, so that a catalog never names what is not there.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.stac_io import DefaultStacIO

from fusion_assets.errors import FusionError
from fusion_assets.imagery.file_catalogs.names import FileName, said, spellings, unit_of
from fusion_assets.imagery.file_catalogs.rasters import Raster, check_file, look
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.storage.text_files import write_text

_EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
_WORLD = shapely.box(-180, -90, 180, 90)


@dataclass(frozen=True)
class Addition:
    """What has been added.

    Attributes:
        catalog: path of the catalog.
        collection: id.
        items: ids of the items that hold the files.
        span: first and last day of all of them.
    """

    catalog: Path
    collection: str
    items: tuple[str, ...]
    span: tuple[dt.date, dt.date]


def add_files(
    product: str,
    files: Sequence[Path],
    catalog: Path,
    asset: str = "",
    days: tuple[dt.date, dt.date] | None = None,
) -> Addition:
    """Add files to a catalog; one that is there already is described anew.

    Args:
        product: key of `PRODUCTS` that the files are of.
        files: GeoTIFFs as downloaded.
        catalog: path of its `catalog.json`.
        asset: which layer the files hold, where their names do not say.
        days: first and last day that the files are of, where their names do not say.

    Raises:
        FusionError: any of the files cannot be what it is said to be, and nothing is written then; or the catalog
            cannot be written.
    """
    recipe = PRODUCTS.get(product)
    if recipe is None:
        raise FusionError(f"there is no product {product!r}", ", ".join(PRODUCTS), "choose one of these")
    if asset and asset not in spellings(recipe):
        raise FusionError(
            f"{product} has no asset {asset!r}", ", ".join(spellings(recipe)), "choose one of these as --asset"
        )
    if catalog.suffix != ".json":
        catalog = catalog / "catalog.json"
    described: dict[tuple[str, str], tuple[Path, FileName, Raster]] = {}
    for path in files:
        path = Path(os.path.abspath(path))
        check_file(path)
        name = said(product, path.name, asset, days)
        other = described.setdefault((name.item, name.asset), (path, name, look(path, recipe, name)))[0]
        if other != path:
            raise FusionError(
                f"{other} and {path} are both {name.asset} of {name.item}", "one file", "leave one of them out"
            )
    if not described:
        raise FusionError("there are no files to add", "the paths of GeoTIFFs", "name them after the product")
    root = _opened(catalog)
    # The first spelling is the one that names this product alone.
    collection = _collection(root, recipe.collections[0].split("+")[0], recipe.title, catalog.parent)
    items: dict[str, pystac.Item] = {}
    for path, name, raster in described.values():
        item = items.get(name.item) or _item_of(collection, name, raster, catalog.parent)
        items[name.item] = item
        _add_asset(item, path, name, raster, unit_of(recipe, name.asset))
    _check_times(collection, items)
    collection.extent = pystac.Extent.from_items(list(collection.get_items()))
    io = _WholeFiles()
    for each in items.values():
        each.save_object(include_self_link=False, stac_io=io)
    collection.save_object(include_self_link=False, stac_io=io)
    root.save_object(include_self_link=False, stac_io=io)
    names = [name for _, name, _ in described.values()]
    span = min(name.first for name in names), max(name.last for name in names)
    return Addition(catalog, collection.id, tuple(items), span)


def _opened(catalog: Path) -> pystac.Catalog:
    if not catalog.exists():
        root = pystac.Catalog(catalog.parent.resolve().name or "files", "Downloaded files, as they were published")
        root.set_self_href(str(catalog.resolve()))
        root.catalog_type = pystac.CatalogType.SELF_CONTAINED
        return root
    try:
        return pystac.Catalog.from_file(str(catalog.resolve()))
    except Exception as error:
        raise FusionError(
            f"{catalog} is no STAC catalog ({type(error).__name__})",
            "a catalog, or no file",
            "name another with --into",
        ) from None


def _collection(root: pystac.Catalog, name: str, title: str, folder: Path) -> pystac.Collection:
    held = root.get_child(name)
    if isinstance(held, pystac.Collection):
        return held
    # Until the items are known.
    extent = pystac.Extent(pystac.SpatialExtent([-180.0, -90.0, 180.0, 90.0]), pystac.TemporalExtent([None, None]))
    collection = pystac.Collection(name, title, extent, title=title, license="other")
    root.add_child(collection)
    collection.set_self_href(str((folder / name / "collection.json").resolve()))
    return collection


def _item_of(collection: pystac.Collection, name: FileName, raster: Raster, folder: Path) -> pystac.Item:
    held = collection.get_item(name.item)
    if held is not None:
        return held
    start, end = dt.datetime.combine(name.first, dt.time.min), dt.datetime.combine(name.last, dt.time(23, 59, 59))
    outline = shapely.Polygon(raster.corners) if raster.corners else _WORLD
    item = pystac.Item(
        name.item,
        shapely.geometry.mapping(outline),
        list(outline.bounds),
        start if name.first == name.last else None,
        {} if name.first == name.last else {"start_datetime": _utc(start), "end_datetime": _utc(end)},
        stac_extensions=list(_EXTENSIONS),
    )
    collection.add_item(item)
    item.set_self_href(str((folder / collection.id / f"{name.item}.json").resolve()))
    return item


def _add_asset(item: pystac.Item, path: Path, name: FileName, raster: Raster, unit: str) -> None:
    code: Mapping[str, Any] = {"proj:code": raster.crs}
    if not raster.crs.partition(":")[2].isdigit():
        code = {"proj:code": None, "proj:wkt2": raster.crs}
    band: dict[str, Any] = {"data_type": raster.dtype}
    if raster.nodata is not None:
        band["nodata"] = "nan" if raster.nodata != raster.nodata else raster.nodata
    if unit not in ("class", "1"):
        band["unit"] = unit
    about = {**code, "proj:shape": list(raster.shape), "proj:transform": list(raster.transform), "raster:bands": [band]}
    folder = Path(str(item.get_self_href())).parent
    kind = pystac.MediaType.JPEG2000 if path.suffix.lower() == ".jp2" else pystac.MediaType.GEOTIFF
    href = Path(os.path.relpath(path, folder)).as_posix()
    item.add_asset(name.asset, pystac.Asset(href, path.name, None, kind, ["data"], about))


def _check_times(collection: pystac.Collection, added: Mapping[str, pystac.Item]) -> None:
    """Two maps of the same time and place cannot be told apart later: refuse them before anything is written."""
    held = list(collection.get_items())
    for item in added.values():
        for other in held:
            same = item.id != other.id and _key(item) == _key(other)
            if same and set(item.assets) & set(other.assets):
                raise FusionError(
                    f"{item.id} and {other.id} are of the same time and place",
                    "one file of each layer, time and place",
                    f"leave one of them out, or remove the item {other.id} from the catalog",
                )


def _key(item: pystac.Item) -> tuple[Any, ...]:
    times = item.properties.get("start_datetime"), item.properties.get("end_datetime"), str(item.datetime)
    return *times, tuple(round(edge, 6) for edge in item.bbox or ())


def _utc(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class _WholeFiles(DefaultStacIO):
    """Writes documents whole or not at all."""

    def write_text_to_href(self, href: str, txt: str) -> None:
        write_text(Path(href), txt)
