"""STAC of a corpus: a collection whose assets are the shards, and an item a patch.

STAC 1.1.0 with projection 2.0.0 and sat 1.0.0 (https://stac-extensions.github.io). A patch is an item with the moment
of its optics; both of its scenes are named. Fields named `fusion:` are this project's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pystac
import shapely

from fusion_assets.imagery.credits import attributions
from fusion_assets.systems.embeddings.corpus.index import GOT
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.shards import STORE
from fusion_assets.systems.embeddings.sensors import FINEST

if TYPE_CHECKING:
    import geopandas as gpd

_BASE = "https://stac-extensions.github.io"
_OF_PATCHES = [f"{_BASE}/{name}/schema.json" for name in ("projection/v2.0.0", "sat/v1.0.0")]
_ZARR = "application/vnd+zarr"
_TOLD = ("split", "clear_share", "gap_hours", "unit", "optics_missing", "radar_missing", "correlation", "flag")


def patch_items(index: gpd.GeoDataFrame, layout: Layout, collection: str, hrefs: Mapping[str, str]) -> Iterator[dict]:
    """An item for every patch that was got, one by one.

    Args:
        index: see `index.index_table`.
        layout: of the patches.
        collection: its id.
        hrefs: of the shards' folders, by key, relative to the collection, beside which the items lie.
    """
    stores = {int(key): (key, f"{href}/{STORE}") for key, href in hrefs.items()}
    for row in index[index["state"] == GOT].itertuples(index=False):
        item = _patch_item(row, layout, collection, *stores[int(row.shard)])
        yield item.to_dict(include_self_link=False, transform_hrefs=False)


def corpus_collection(
    index: gpd.GeoDataFrame, layout: Layout, name: str, title: str, hrefs: Mapping[str, str], synthetic: bool = False
) -> dict:
    """The collection of all shards, each an asset.

    Args:
        index: see `index.index_table`.
        layout: of the patches.
        name: id.
        title: for people.
        hrefs: of the shards' folders, by key.
        synthetic: whether the scenes are simulated.
    """
    got = index[index["state"] == GOT]
    both = [got[column] for column in ("optics_time", "radar_time")]
    times = [_moment(end) for moments in both for end in (moments.min(), moments.max())]
    west, south, east, north = (float(edge) for edge in got.total_bounds)
    credit = " ".join(attributions((p, min(times).date(), max(times).date()) for p in (layout.optics, layout.radar)))
    text = (
        f"{len(got):,} coincident patches of {layout.optics} and {layout.radar}, {layout.size} x {layout.size} pixels "
        f"of {FINEST} m, of {len(index):,} places that were planned. "
    )
    found = pystac.Collection(
        id=name,
        title=title,
        description=("SIMULATED, not measured. " if synthetic else "") + text + ("" if synthetic else credit),
        extent=pystac.Extent(
            pystac.SpatialExtent([[west, south, east, north]]),
            pystac.TemporalExtent([[min(times), max(times)]]),
        ),
        license="other",
        keywords=["Sentinel-1", "Sentinel-2", "patches", *(["synthetic"] if synthetic else [])],
        summaries=pystac.Summaries(
            {
                "fusion:products": [layout.optics, layout.radar],
                "fusion:splits": sorted(set(got["split"])),
                "fusion:unit": [layout.unit],
                "proj:code": sorted({f"EPSG:{int(code)}" for code in got["epsg"]}),
            }
        ),
        stac_extensions=[_OF_PATCHES[0]],
    )
    found.clear_links()
    for key, href in sorted(hrefs.items()):
        about = {"fusion:patches": int((got["shard"] == int(key)).sum())}
        asset = pystac.Asset(f"{href}/{STORE}", f"Shard {key}", None, _ZARR, ["data"], about)
        found.add_asset(f"shard-{key}", asset)
    return found.to_dict(include_self_link=False, transform_hrefs=False)


def _patch_item(row: Any, layout: Layout, collection: str, shard: str, href: str) -> pystac.Item:
    import pandas as pd

    moments = sorted((_moment(row.optics_time), _moment(row.radar_time)))
    properties: dict[str, Any] = {
        "start_datetime": _utc(moments[0]),
        "end_datetime": _utc(moments[1]),
        "gsd": FINEST,
        "proj:code": f"EPSG:{int(row.epsg)}",
        "proj:shape": [layout.size, layout.size],
        "proj:transform": [FINEST, 0, float(row.x), 0, -FINEST, float(row.y)],
        "fusion:patch": int(row.patch),
        "fusion:optics": row.optics,
        "fusion:radar": row.radar,
        "fusion:products": [layout.optics, layout.radar],
    }
    if row.direction in ("ascending", "descending"):
        properties["sat:orbit_state"] = row.direction
    if pd.notna(row.orbit):
        properties["sat:relative_orbit"] = int(row.orbit)
    told = ((name, getattr(row, name)) for name in _TOLD)
    for name, value in told:
        if isinstance(value, str) and value:
            properties[f"fusion:{name}"] = value
        elif not isinstance(value, str) and pd.notna(value):
            properties[f"fusion:{name}"] = round(float(value), 6)
    item = pystac.Item(
        id=f"{collection}-{int(row.patch)}",
        geometry=shapely.geometry.mapping(row.geometry),
        bbox=list(row.geometry.bounds),
        datetime=_moment(row.optics_time),
        properties=properties,
        stac_extensions=list(_OF_PATCHES),
    )
    item.collection_id = collection
    item.add_link(pystac.Link("collection", "./collection.json", pystac.MediaType.JSON))
    about = {"fusion:position": int(row.position), "fusion:arrays": [part.name for part in layout.parts]}
    item.add_asset("patches", pystac.Asset(href, f"Shard {shard}", None, _ZARR, ["data"], about))
    return item


def _moment(value: Any) -> dt.datetime:
    import pandas as pd

    moment: pd.Timestamp = pd.Timestamp(value)
    return (moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")).to_pydatetime()


def _utc(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
