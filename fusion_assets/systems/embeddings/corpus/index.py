"""The index of a corpus: a row for every place of the plan, with where its patch lies and how good it is.

It is a GeoParquet whose geometry is the patch's footprint in degrees. Beside the plan's columns it has `position` (in
its shard, -1 where there is none), what `shards.quality` tells, and `state`: `got`, `planned` where the shard has not
been made yet, or the reason in words. Rows never vanish: who counts what was asked for counts rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import to_lonlat
from fusion_assets.systems.embeddings.corpus.layout import Layout

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

GOT = "got"
_OF_SHARDS = ("digest", "size", "request", "asked", "got", "alignment")
_HALF = 180.0


@dataclass(frozen=True)
class ShardEntry:
    """A shard as the index knows it.

    Attributes:
        key: of its partition.
        record: what the artifact's JSON says: `digest`, `files`, `size`, `asked`, `got`, `missing`, `request`.
        table: what became of each of its patches, see `shards.read_table`.
    """

    key: str
    record: Mapping[str, Any]
    table: pd.DataFrame


def index_table(plan: pd.DataFrame, shards: Iterable[ShardEntry], layout: Layout) -> gpd.GeoDataFrame:
    """The index of everything that was planned.

    Args:
        plan: a row a place.
        shards: those that have been made.
        layout: of all patches.

    Raises:
        FusionError: a shard of another layout, or with patches that the plan does not give it.
    """
    import geopandas as gpd
    import pandas as pd

    known = plan.set_index("patch")
    tables = []
    for shard in shards:
        _check(shard, known, layout)
        tables.append(shard.table)
    columns = [table.set_index("patch") for table in tables if len(table)]
    found = pd.concat(columns) if columns else pd.DataFrame({"missing": [], "position": []}).rename_axis("patch")
    plain = pd.DataFrame(plan.drop(columns="geometry", errors="ignore"))
    index = plain.join(found, on="patch")
    made = index["missing"].notna()
    index["state"] = index["state"].where(~made, index["missing"].where(index["missing"] != "", GOT))
    index["flag"] = index["flag"].fillna("") if "flag" in index else ""
    index["position"] = index["position"].fillna(-1).astype(np.int64)
    return gpd.GeoDataFrame(index.drop(columns="missing"), geometry=footprints(plan, layout.metres), crs="EPSG:4326")


def summary(index: pd.DataFrame, shards: Iterable[ShardEntry]) -> dict[str, Any]:
    """What the index says of the corpus as a whole, for a document beside it.

    Returns:
        How many places were `asked` for and patches `got`, how many are `missing` for each reason, counts by `split`,
        by `flag` of their alignment, and by shard what `verification` compares and how its sensors lie on each other.
    """
    got = index[index["state"] == GOT]
    missing = index.loc[index["state"] != GOT, "state"].value_counts()
    return {
        "asked": len(index),
        "got": len(got),
        "missing": {str(reason): int(count) for reason, count in missing.items()},
        "splits": {str(name): int(count) for name, count in got["split"].value_counts().sort_index().items()},
        "flags": {flag or "none": int(count) for flag, count in got["flag"].value_counts().items()},
        "shards": {
            shard.key: {name: shard.record[name] for name in _OF_SHARDS} | {"files": len(shard.record["files"])}
            for shard in shards
        },
    }


def footprints(plan: pd.DataFrame, metres: int) -> np.ndarray:
    """Outlines of patches in degrees, cut in two where they cross the 180th meridian.

    Args:
        plan: rows with `epsg`, `x`, `y`; NaN where no scene was found, which gives a point at `lon`, `lat`.
        metres: edge of a patch.
    """
    shapes = np.empty(len(plan), object)
    placed = plan["x"].notna().to_numpy() & plan["y"].notna().to_numpy()
    at = np.flatnonzero(~placed)
    shapes[at] = shapely.points(plan["lon"].to_numpy()[at], plan["lat"].to_numpy()[at])
    right, down = np.array([0, 1, 1, 0]) * metres, np.array([0, 0, -1, -1]) * metres
    for epsg in np.unique(plan["epsg"].to_numpy()[placed]):
        rows = np.flatnonzero(placed & (plan["epsg"] == epsg).to_numpy())
        x = plan["x"].to_numpy(float)[rows, None] + right
        y = plan["y"].to_numpy(float)[rows, None] + down
        lon, lat = to_lonlat(f"EPSG:{int(epsg)}").transform(x.ravel(), y.ravel())
        corners = np.stack([np.reshape(lon, x.shape), np.reshape(lat, x.shape)], axis=-1)
        across = np.ptp(corners[..., 0], axis=1) > _HALF
        shapes[rows[~across]] = shapely.orient_polygons(shapely.polygons(corners[~across]))
        shapes[rows[across]] = [_cut(each) for each in corners[across]]
    return shapes


def _cut(corners: np.ndarray) -> shapely.Geometry:
    """The two parts of an outline that crosses the 180th meridian."""
    lon = corners[:, 0]
    whole = shapely.Polygon(np.column_stack([np.where(lon < 0, lon + 360, lon), corners[:, 1]]))
    east = shapely.intersection(whole, shapely.box(0, -90, _HALF, 90))
    west = shapely.affinity.translate(shapely.intersection(whole, shapely.box(_HALF, -90, 360, 90)), -360)
    return shapely.orient_polygons(shapely.MultiPolygon([east, west]))


def _check(shard: ShardEntry, plan: pd.DataFrame, layout: Layout) -> None:
    remedy = f"make the shard anew: fusion run --select patches --partition {shard.key}"
    if shard.record["layout"] != layout.to_dict():
        raise FusionError(
            f"shard {shard.key} has patches of {shard.record['layout']}", f"{layout.to_dict()}, as the study", remedy
        )
    numbers = shard.table["patch"].to_numpy()
    foreign = set(numbers) - set(plan.index[plan["shard"] == int(shard.key)])
    if foreign:
        raise FusionError(
            f"shard {shard.key} has patch {min(foreign)}, which the plan does not give it", "the plan's patches", remedy
        )
