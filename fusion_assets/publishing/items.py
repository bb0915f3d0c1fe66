"""The STAC item of a published raster: one region and year.

STAC 1.1.0 with the extensions projection 2.0.0, classification 2.0.0, file 2.1.0, processing 1.2.0, raster 1.1.0 and eo
1.1.0 (https://stac-extensions.github.io). Bands stand in STAC 1.1's own `bands`, and again as `raster:bands` and
`eo:bands`: readers of the years before know only those, and odc-stac takes names of bands from the last.
Fields named `fusion:` are this project's own.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyproj
import pystac
import shapely

from fusion_assets.counts import number_of
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.publishing.publication import Band, Edition, Publication
from fusion_assets.storage.raster_classes import NO_CLASS, short_name
from fusion_assets.storage.raster_contents import file_tags
from fusion_assets.storage.raster_files import open_file
from fusion_assets.storage.root import sha256_of
from fusion_assets.storage.stored_rasters import MAP

EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "classification/v2.0.0", "file/v2.1.0", "processing/v1.2.0", "raster/v1.1.0")
] + ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"]
_TAGS = ("engine", "features", "model", "study", "study_digest", "grid_digest", "content_digest", "code_version")
_STATISTICS = {"minimum": "STATISTICS_MINIMUM", "maximum": "STATISTICS_MAXIMUM", "mean": "STATISTICS_MEAN"}


def map_item(
    edition: Edition, files: Mapping[str, Path], region: str, year: int, hrefs: Mapping[str, str]
) -> pystac.Item:
    """Describe one raster.

    Args:
        edition: what all documents share.
        files: COGs as `write_raster` makes them, `map` and those of classes by band; outside the region's polygon they
            hold no data.
        region: its region.
        year: its year.
        hrefs: relative to the item: all files, `thumbnail`, `collection`, `root`, and `report` where there is one.
    """
    publication, study = edition.publication, edition.study
    first, last = publication.span(study, year)
    tags = file_tags(files[MAP])
    with open_file(files[MAP]) as source:
        grid = Grid.of(source)
    when = f"in {year}" if publication.yearly else f"from {first.year} to {last.year}"
    start, end = dt.datetime.combine(first, dt.time.min), dt.datetime.combine(last, dt.time(23, 59, 59))
    # Exterior rings counter-clockwise.
    footprint = shapely.orient_polygons(shapely.set_precision(study.polygon(region), 1e-7))
    item = pystac.Item(
        id=f"{edition.collection}-{region}-{year}",
        geometry=shapely.geometry.mapping(footprint),
        bbox=list(footprint.bounds),
        # Some readers need one moment: the middle, to the second.
        datetime=start + dt.timedelta(seconds=(end - start).total_seconds() // 2),
        properties={
            "title": edition.named(f"{publication.title} of {study.region(region).called} {when}"),
            "start_datetime": _utc(start),
            "end_datetime": _utc(end),
            "gsd": grid.resolution,
            **_projection(grid),
            "processing:level": "L4",
            "processing:software": {"fusion_assets": version("fusion-assets")},
            "processing:lineage": _lineage(edition, tags),
            **_facts(edition, tags, region, year),
        },
        stac_extensions=list(EXTENSIONS),
    )
    item.collection_id = edition.collection
    for key, file in files.items():
        title = edition.named(_title(publication, key))
        about = _file(file, publication, grid)
        item.add_asset(key, pystac.Asset(hrefs[key], title, None, pystac.MediaType.COG, ["data"], about))
    picture = pystac.Asset(hrefs["thumbnail"], edition.named("Map"), None, pystac.MediaType.PNG, ["thumbnail"])
    item.add_asset("thumbnail", picture)
    for rel, target in (("root", "root"), ("parent", "collection"), ("collection", "collection")):
        item.add_link(pystac.Link(rel, hrefs[target], pystac.MediaType.JSON))
    if "report" in hrefs:
        item.add_link(pystac.Link("describedby", hrefs["report"], pystac.MediaType.HTML, f"Report on {region}"))
    return item


def asset_definitions(publication: Publication, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the assets of every item have in common, for the collection: no more than the items themselves hold.

    Args:
        publication: whose rasters they are; those of some studies lack some of its bands.
        items: their documents.
    """
    held = {band["name"] for item in items for asset in item["assets"].values() for band in asset.get("bands", ())}
    there = [band for band in publication.bands if band.name in held]
    quantities = [band for band in there if isinstance(band.palette, str)]
    files: dict[str, list[dict[str, Any]]] = {}
    for band in there:
        main = band in quantities or (not quantities and band is there[0])
        kind, nodata = publication.stored if band in quantities else ("uint8", NO_CLASS)
        files.setdefault(MAP if main else band.name, []).append(_band(band, kind, nodata, {}))
    maps = {
        key: {"type": pystac.MediaType.COG, "roles": ["data"], "title": _title(publication, key), **_spelt(bands)}
        for key, bands in files.items()
    }
    return maps | {"thumbnail": {"type": pystac.MediaType.PNG, "roles": ["thumbnail"], "title": "Map"}}


def _title(publication: Publication, asset: str) -> str:
    return publication.asset_title if asset == MAP else f"{publication.title}: band {asset}, by code"


def _file(file: Path, publication: Publication, grid: Grid) -> dict[str, Any]:
    """Fields of one file's asset."""
    bands = {band.name: band for band in publication.bands}
    with open_file(file) as source:
        described = [
            _band(bands[str(name)], kind, source.nodata, source.tags(index))
            for index, (name, kind) in enumerate(zip(source.descriptions, source.dtypes, strict=True), start=1)
        ]
    return {
        "file:size": file.stat().st_size,
        "file:checksum": f"1220{sha256_of(file)}",  # a multihash: 12 is sha2-256, 20 its length of 32 bytes
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "proj:bbox": list(grid.bounds),
        **_spelt(described, grid.resolution),
    }


def _band(band: Band, kind: str, nodata: float, statistics: Mapping[str, str]) -> dict[str, Any]:
    figures = {key: float(statistics[tag]) for key, tag in _STATISTICS.items() if tag in statistics}
    about: dict[str, Any] = {"name": band.name, "description": band.text, "data_type": kind}
    about["nodata"] = "nan" if math.isnan(nodata) else int(nodata)
    if isinstance(band.palette, str):
        about["unit"] = band.unit
    else:
        about["classification:classes"] = [
            {"value": code, "name": short_name(title), "title": title, "color_hint": bytes(colour).hex().upper()}
            for code, (title, colour) in band.palette.items()
        ]
    return about | ({"statistics": figures} if figures else {})


def _spelt(bands: Sequence[dict[str, Any]], resolution: float | None = None) -> dict[str, Any]:
    """Bands in the spelling of STAC 1.1 and in those of the extensions before it."""
    more = {"sampling": "area"} | ({"spatial_resolution": resolution} if resolution else {})
    texts = ("name", "description")
    return {
        "bands": list(bands),
        "eo:bands": [{key: band[key] for key in texts} for band in bands],
        "raster:bands": [{key: v for key, v in band.items() if key not in texts} | more for band in bands],
    }


def _utc(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _projection(grid: Grid) -> dict[str, Any]:
    if re.fullmatch(r"[A-Za-z]+:\w+", grid.crs):
        return {"proj:code": grid.crs}
    return {"proj:code": None, "proj:wkt2": pyproj.CRS(grid.crs).to_wkt()}


def _facts(edition: Edition, tags: Mapping[str, str], region: str, year: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"region": region, "year": year, "products": list(edition.products)}
    facts |= {tag: tags[tag] for tag in _TAGS if tags.get(tag)}
    facts |= {"threshold": float(tags["threshold"])} if tags.get("threshold") else {}
    facts |= {"scene_count": int(tags["scene_count"])} if tags.get("scene_count") else {}
    facts |= {"synthetic": True} if edition.synthetic else {}
    return {f"fusion:{key}": value for key, value in facts.items()}


def _lineage(edition: Edition, tags: Mapping[str, str]) -> str:
    inputs = "; ".join(PRODUCTS[name].title for name in edition.products)
    count = int(tags.get("scene_count") or 0)
    made = edition.publication.lineage.format(scenes=number_of(count, "scene") if count else "several scenes")
    return f"{edition.caveat}{made} Inputs: {inputs}."
