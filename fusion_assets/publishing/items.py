"""The STAC item of a published map: one region and year.

STAC 1.1.0 with the extensions projection 2.0.0, classification 2.0.0, file 2.1.0, processing 1.2.0, raster 1.1.0 and eo
1.1.0 (https://stac-extensions.github.io). Bands stand in STAC 1.1's own `bands`, and again as `raster:bands` and
`eo:bands`: readers of the years before know only those, and odc-stac takes names of bands from the last.
Fields named `fusion:` are this project's own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyproj
import pystac
import rasterio
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.reports.previews import CLASS_COLOURS
from fusion_assets.storage.raster_contents import TAG_PREFIX
from fusion_assets.storage.root import sha256_of
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.model.prediction import PROBABILITY

MAP = "map"
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "classification/v2.0.0", "file/v2.1.0", "processing/v1.2.0", "raster/v1.1.0")
] + ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"]
_TEXTS = {
    PROBABILITY: "Probability that the pixel is built-up, 0 to 1; NaN is no data (a feature is missing, or outside)",
    BUILT_UP: "1 built-up, 0 not built-up: probability against the threshold `fusion:threshold`; NaN is no data",
}
_CLASSES = {0: ("not_built_up", "Not built-up"), 1: ("built_up", "Built-up")}
_TAGS = ("engine", "features", "model", "study", "study_digest", "grid_digest", "content_digest", "code_version")
_STATISTICS = {"minimum": "STATISTICS_MINIMUM", "maximum": "STATISTICS_MAXIMUM", "mean": "STATISTICS_MEAN"}
_SYNTHETIC = "SYNTHETIC: made from a simulated archive; no satellite measured it, no place looks like this."


@dataclass(frozen=True)
class Publication:
    """What all documents of one study share.

    Attributes:
        study: its name.
        title: for people.
        products: names of the products that the maps rest on, labels included.
        regions: all regions of the study, in its order.
        synthetic: whether the imagery is simulated; every document then says so.
    """

    study: str
    title: str
    products: tuple[str, ...]
    regions: tuple[str, ...]
    synthetic: bool = False

    @property
    def collection(self) -> str:
        """Id of the collection."""
        return f"{self.study}-built-up"

    @property
    def caveat(self) -> str:
        """Sentence that begins every description where imagery is simulated; else empty."""
        return f"{_SYNTHETIC} " if self.synthetic else ""

    def named(self, text: str) -> str:
        """A title that says where imagery is simulated."""
        return f"SYNTHETIC {text}" if self.synthetic else text


def map_item(
    publication: Publication,
    file: Path,
    region: str,
    year: int,
    outline: BaseGeometry,
    window: tuple[dt.date, dt.date],
    hrefs: Mapping[str, str],
) -> pystac.Item:
    """Describe one map.

    Args:
        publication: what all documents share.
        file: the map, a COG as `write_raster` makes it.
        region: its region.
        year: its year.
        outline: of the region in degrees; outside the map holds no data.
        window: first and last day of the imagery, inclusive.
        hrefs: relative to the item: `map`, `thumbnail`, `collection`, `root`, and `report` where there is one.
    """
    with rasterio.open(file) as source:
        grid, statistics = Grid.of(source), [source.tags(index) for index in source.indexes]
        tags = {key[len(TAG_PREFIX) :].lower(): v for key, v in source.tags().items() if key.startswith(TAG_PREFIX)}
        names, kinds = source.descriptions, source.dtypes
    start, end = dt.datetime.combine(window[0], dt.time.min), dt.datetime.combine(window[1], dt.time(23, 59, 59))
    footprint = shapely.orient_polygons(shapely.set_precision(outline, 1e-7))  # exterior rings counter-clockwise
    item = pystac.Item(
        id=f"{publication.collection}-{region}-{year}",
        geometry=shapely.geometry.mapping(footprint),
        bbox=list(footprint.bounds),
        # Some readers need one moment: the middle, to the second.
        datetime=start + dt.timedelta(seconds=(end - start).total_seconds() // 2),
        properties={
            "title": publication.named(f"Built-up land of {region} in {year}"),
            "start_datetime": _utc(start),
            "end_datetime": _utc(end),
            "gsd": grid.resolution,
            **_projection(grid),
            "processing:level": "L4",
            "processing:software": {"fusion_assets": version("fusion-assets")},
            "processing:lineage": _lineage(publication, tags),
            **_own(publication, tags, region, year),
        },
        stac_extensions=list(EXTENSIONS),
    )
    item.collection_id = publication.collection
    told: dict[str, Any] = {
        "file:size": file.stat().st_size,
        "file:checksum": f"1220{sha256_of(file)}",  # a multihash: 12 is sha2-256, 20 its length of 32 bytes
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "proj:bbox": list(grid.bounds),
        **_told([_band(*known) for known in zip(names, kinds, statistics, strict=True)], grid.resolution),
    }
    title = publication.named("Probability and class of built-up land")
    item.add_asset(MAP, pystac.Asset(hrefs["map"], title, None, pystac.MediaType.COG, ["data"], told))
    item.add_asset("thumbnail", pystac.Asset(hrefs["thumbnail"], "Map", None, pystac.MediaType.PNG, ["thumbnail"]))
    item.add_links(
        [
            pystac.Link("root", hrefs["root"], pystac.MediaType.JSON),
            pystac.Link("parent", hrefs["collection"], pystac.MediaType.JSON),
            pystac.Link("collection", hrefs["collection"], pystac.MediaType.JSON),
        ]
    )
    if "report" in hrefs:
        item.add_link(pystac.Link("describedby", hrefs["report"], pystac.MediaType.HTML, f"Report on {region}"))
    return item


def asset_definitions() -> dict[str, Any]:
    """What the assets of every item have in common, for the collection."""
    bands = [_band(name, "float32", {}) for name in (PROBABILITY, BUILT_UP)]
    return {
        MAP: {"type": pystac.MediaType.COG, "roles": ["data"], "title": "Map", **_told(bands)},
        "thumbnail": {"type": pystac.MediaType.PNG, "roles": ["thumbnail"], "title": "Map"},
    }


def _band(name: str, kind: str, statistics: Mapping[str, str]) -> dict[str, Any]:
    known = {key: float(statistics[tag]) for key, tag in _STATISTICS.items() if tag in statistics}
    band: dict[str, Any] = {"name": name, "description": _TEXTS[name], "data_type": kind, "nodata": "nan"}
    if name == BUILT_UP:
        hints = {value: "{:02X}{:02X}{:02X}".format(*colour) for value, colour in CLASS_COLOURS[BUILT_UP].items()}
        band["classification:classes"] = [
            {"value": value, "name": label, "title": title, "color_hint": hints[value]}
            for value, (label, title) in _CLASSES.items()
        ]
    else:
        band["unit"] = "1"
    return band | ({"statistics": known} if known else {})


def _told(bands: Sequence[dict[str, Any]], resolution: float | None = None) -> dict[str, Any]:
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


def _own(publication: Publication, tags: Mapping[str, str], region: str, year: int) -> dict[str, Any]:
    own: dict[str, Any] = {"region": region, "year": year, "products": list(publication.products)}
    own |= {tag: tags[tag] for tag in _TAGS if tags.get(tag)}
    own |= {"threshold": float(tags["threshold"])} if tags.get("threshold") else {}
    own |= {"scene_count": int(tags["scene_count"])} if tags.get("scene_count") else {}
    own |= {"synthetic": True} if publication.synthetic else {}
    return {f"fusion:{key}": value for key, value in own.items()}


def _lineage(publication: Publication, tags: Mapping[str, str]) -> str:
    inputs = "; ".join(PRODUCTS[name].title for name in publication.products)
    return (
        f"{publication.caveat}Median composites of {tags.get('scene_count') or 'several'} scenes, put side by side on "
        f"one grid and classified by a model learnt from the labels. Inputs: {inputs}."
    )
