"""The STAC collection over all rasters that a system publishes of a study, and the catalog on top."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pystac
import shapely

from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.publishing.items import EXTENSIONS, asset_definitions
from fusion_assets.publishing.publication import SYNTHETIC, Edition
from fusion_assets.study import Study

_OWNERS = {
    "sentinel2": (
        "European Union, Copernicus programme; European Space Agency",
        "Contains modified Copernicus Sentinel data, used under the Copernicus Sentinel data terms",
    ),
    "landsat": ("United States Geological Survey", "Courtesy of the U.S. Geological Survey; in the public domain"),
    "viirs": (
        "Earth Observation Group, Payne Institute for Public Policy, Colorado School of Mines",
        "VIIRS night-time lights, made from NOAA and NASA data; CC BY 4.0",
    ),
    "ghsl": (
        "European Commission, Joint Research Centre, Global Human Settlement Layer",
        "Reuse is authorised where the source is acknowledged; CC BY 4.0",
    ),
}


def map_collection(edition: Edition, items: Sequence[Mapping[str, Any]], hrefs: Sequence[str]) -> dict:
    """Describe all rasters that a system publishes of a study.

    Args:
        edition: what all documents share.
        items: their documents, at least one.
        hrefs: of the items, relative to the collection, in the same order.

    Returns:
        The collection document, with a link to each item.
    """
    publication = edition.publication
    boxes = list(dict.fromkeys(tuple(item["bbox"]) for item in items))
    whole = tuple(shapely.unary_union([shapely.box(*box) for box in boxes]).bounds)
    properties = [item["properties"] for item in items]
    times = [[_moment(entry[key]) for entry in properties] for key in ("start_datetime", "end_datetime")]
    years = [entry["fusion:year"] for entry in properties]
    collection = pystac.Collection(
        id=edition.collection,
        title=edition.named(f"{publication.title}: {edition.title}"),
        description=edition.caveat + publication.text,
        extent=pystac.Extent(
            pystac.SpatialExtent([list(box) for box in ([whole] if boxes == [whole] else [whole, *boxes])]),
            pystac.TemporalExtent([[min(times[0]), max(times[1])]]),
        ),
        license="other",
        keywords=[*publication.keywords, *(["synthetic"] if edition.synthetic else [])],
        providers=_providers(edition),
        summaries=pystac.Summaries(
            {
                "fusion:year": {"minimum": min(years), "maximum": max(years)},
                "fusion:region": sorted({entry["fusion:region"] for entry in properties}),
                "gsd": sorted({entry["gsd"] for entry in properties}),
                "proj:code": sorted({entry["proj:code"] for entry in properties if entry["proj:code"]}),
            }
        ),
        stac_extensions=[url for url in EXTENSIONS if "/file/" not in url and "/processing/" not in url],
    )
    collection.item_assets = asset_definitions(publication, items)
    collection.clear_links()
    collection.add_links([pystac.Link(rel, "../catalog.json", pystac.MediaType.JSON) for rel in ("root", "parent")])
    for item, href in zip(items, hrefs, strict=True):
        title = item["properties"]["title"]
        collection.add_link(pystac.Link("item", href, pystac.MediaType.GEOJSON, title))
    if not edition.synthetic:
        for name in edition.products:
            collection.add_link(pystac.Link("via", PRODUCTS[name].source, "text/html", PRODUCTS[name].title))
    return collection.to_dict(include_self_link=False, transform_hrefs=False)


def root_catalog(study: Study, collections: Mapping[str, Mapping[str, Any]]) -> dict:
    """The catalog on top, with links to the collections of all systems.

    Args:
        study: that is published.
        collections: their documents, by href relative to the catalog.
    """
    texts = [document["description"] for document in collections.values()]
    synthetic = any(text.startswith(SYNTHETIC) for text in texts)
    title = f"{'SYNTHETIC ' if synthetic else ''}{study.title or study.name}"
    text = (SYNTHETIC if synthetic else "") + " ".join(text.removeprefix(SYNTHETIC) for text in texts)
    catalog = pystac.Catalog(study.name, text, title)
    catalog.clear_links()
    catalog.add_link(pystac.Link("root", "./catalog.json", pystac.MediaType.JSON))
    for href, document in collections.items():
        catalog.add_link(pystac.Link("child", href, pystac.MediaType.JSON, document["title"].partition(": ")[0]))
    return catalog.to_dict(include_self_link=False, transform_hrefs=False)


def _providers(edition: Edition) -> list[pystac.Provider]:
    role = pystac.ProviderRole
    made = pystac.Provider("fusion_assets", "Software that made the maps", [role.PROCESSOR])
    if edition.synthetic:
        return [pystac.Provider("fusion_assets demo generator", edition.caveat, [role.PRODUCER]), made]
    sources: dict[str, pystac.Provider] = {}
    for name in edition.products:
        title = PRODUCTS[name].title
        owner, terms = _OWNERS.get(name.split("_")[0], (title, "See the source's own terms"))
        sources.setdefault(
            owner, pystac.Provider(owner, f"{title}. {terms}", [role.LICENSOR, role.PRODUCER], PRODUCTS[name].source)
        )
    return [made, *sources.values()]


def _moment(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
