"""OpenStreetMap's features in patches, from a file `.osm.pbf`: a layer of its own, for its licence is of its own.

What is not in OpenStreetMap may be there all the same: nobody may have drawn it. A zero is no label of absence, least
of all where little is drawn; a patch in which the file has none of the features asked for is unknown, not empty, and
so is one that reaches beyond the file's box. Extracts end at borders, not at the edges of their box: patches on a
border know less than they seem to.

The data are (c) OpenStreetMap contributors, under the Open Database License 1.0: what is derived from them and passed
on is under it, too, and says so. The table carries that with it and is not joined with others that are under another
licence. Source: https://www.openstreetmap.org/copyright; files: https://download.geofabrik.de.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.labels.shares import degrees_box, patch_grid, transformer
from fusion_assets.systems.embeddings.sensors import FINEST

LICENCE: dict[Hashable, Any] = {
    "licence": "ODbL-1.0",
    "licence_url": "https://opendatacommons.org/licenses/odbl/1-0/",
    "attribution": "(c) OpenStreetMap contributors",
    "note": "Absence is not negative: what is not drawn may be there.",
}
"""What every file made from this says of itself."""


class Group(NamedTuple):
    """Features that are counted together.

    Attributes:
        name: of the column.
        measure: `count`: points and areas whose middle lies in the patch; `length`: metres of lines in it; `share`:
            share of it that areas cover, each place once.
        tags: values by key, any of which makes a feature one of the group; none for every value but `no`.
    """

    name: str
    measure: Literal["count", "length", "share"]
    tags: Mapping[str, tuple[str, ...]]

    def takes(self, tags: Mapping[str, str]) -> bool:
        """Whether a feature with these tags is one of the group."""
        return any(
            tags[key] in values if values else tags[key] != "no" for key, values in self.tags.items() if key in tags
        )


_ROADS = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "service", "track")
GROUPS = (
    Group("places", "count", {"amenity": (), "shop": (), "tourism": ()}),
    Group("buildings", "count", {"building": ()}),
    Group("roads", "length", {"highway": _ROADS}),
    Group("railways", "length", {"railway": ("rail", "light_rail", "narrow_gauge", "subway", "tram")}),
    Group("waterways", "length", {"waterway": ("river", "stream", "canal", "drain", "ditch")}),
    Group("built", "share", {"building": ()}),
    Group("settled", "share", {"landuse": ("residential", "commercial", "retail", "industrial")}),
    Group("water", "share", {"natural": ("water",), "landuse": ("reservoir", "basin"), "waterway": ("riverbank",)}),
    Group("woods", "share", {"natural": ("wood",), "landuse": ("forest",)}),
    Group("farmed", "share", {"landuse": ("farmland", "meadow", "orchard", "vineyard")}),
)
_KINDS = {"n": ("count",), "w": ("length",), "a": ("count", "share")}
"""Measures that nodes, ways and areas are good for: a closed way is an area, too, and counted as one."""


@dataclass
class _Patch:
    """What has been found in a patch."""

    box: BaseGeometry
    objects: int = 0
    amounts: dict[str, float] = field(default_factory=dict)
    areas: dict[str, list[BaseGeometry]] = field(default_factory=dict)

    def add(self, geometry: BaseGeometry, groups: list[Group]) -> None:
        """Take a feature, in the patch's CRS, for the groups that it is of."""
        inside = shapely.intersection(geometry, self.box)
        if inside.is_empty:
            return
        self.objects += 1
        for group in groups:
            if group.measure == "count":
                middle = shapely.point_on_surface(geometry)
                # A patch has its western and southern edges, and not the others: no feature is in two.
                west, south, east, north = self.box.bounds
                found = float(west <= middle.x < east and south <= middle.y < north)
            else:
                found = float(inside.length) if group.measure == "length" else 0.0
            self.amounts[group.name] = self.amounts.get(group.name, 0.0) + found
            if group.measure == "share":
                self.areas.setdefault(group.name, []).append(inside)

    def amount(self, group: Group) -> float:
        """Of a group, in its unit."""
        if group.measure != "share":
            return self.amounts.get(group.name, 0.0)
        parts = self.areas.get(group.name)
        return float(shapely.union_all(parts).area / self.box.area) if parts else 0.0


def osm_labels(plan: pd.DataFrame, size: int, path: str | Path, groups: tuple[Group, ...] = GROUPS) -> pd.DataFrame:
    """Features of OpenStreetMap in every patch of a plan.

    Args:
        plan: `patch`, `epsg`, `x`, `y`; see the plan table. Rows keep their order.
        size: pixels of 10 m along the edge of a patch.
        path: of the `.osm.pbf`.
        groups: what is asked for.

    Returns:
        `patch`; `osm_objects`, features of the groups that touch it; `osm_<group>`, float64, a number, metres or a
        share of the patch by its measure, NaN in patches without any feature and in those that reach beyond the file's
        box. Attributes of the table (pandas keeps them in Parquet) are `LICENCE`, the file's name, until when it is,
        and how many features could not be placed.

    Raises:
        FusionError: the package osmium is not installed, or the file cannot be read.
    """
    osmium, path = _osmium(), Path(path)
    edge = size * FINEST
    corners = list(zip(plan["epsg"].astype(int), plan["x"].astype(float), plan["y"].astype(float), strict=True))
    patches = [_Patch(shapely.box(x, y - edge, x + edge, y)) for _, x, y in corners]
    outlines = [degrees_box(patch_grid(*corner, size)) for corner in corners]
    tree, broken = shapely.STRtree(outlines), 0
    try:
        about = _header(osmium, path)
        for geometry, found in _features(osmium, path, groups):
            if geometry is None:
                broken += 1
                continue
            for index in tree.query(geometry):
                patches[index].add(_projected(corners[index][0], geometry), found)
    except (OSError, RuntimeError, ValueError) as error:
        raise FusionError(
            f"{path.name} cannot be read as a file of OpenStreetMap: {error}",
            "a whole file .osm.pbf",
            "download it again, for example from download.geofabrik.de",
        ) from error
    box = about.pop("box")
    known = np.array([
        patch.objects > 0 and (box is None or shapely.covers(box, outline))
        for patch, outline in zip(patches, outlines, strict=True)
    ], bool)  # fmt: skip
    table = pd.DataFrame({"patch": plan["patch"].to_numpy(), "osm_objects": [patch.objects for patch in patches]})
    for group in groups:
        amounts = np.array([patch.amount(group) for patch in patches], float)
        table[f"osm_{group.name}"] = np.where(known, amounts, np.nan)
    table.attrs = {**LICENCE, "source": path.name, **about, "not_placed": broken}
    return table


def _osmium() -> Any:
    try:
        import osmium
    except ModuleNotFoundError as error:
        raise FusionError(
            "the package osmium is not installed",
            "it, for labels of OpenStreetMap",
            "pip install 'fusion-assets[osm]', or leave out `labels.osm`",
        ) from error
    return osmium


def _header(osmium: Any, path: Path) -> dict[Hashable, Any]:
    """The box that a file says it covers (None where it does not), and until when it is."""
    reader = osmium.io.Reader(str(path))
    try:
        header = reader.header()
        box, until = header.box(), header.get("osmosis_replication_timestamp")
    finally:
        reader.close()
    low, high = box.bottom_left, box.top_right
    covered = shapely.box(low.lon, low.lat, high.lon, high.lat) if box.valid() else None
    return {"box": covered, "until": until or "unknown"}


def _features(osmium: Any, path: Path, groups: tuple[Group, ...]) -> Iterator[tuple[BaseGeometry | None, list[Group]]]:
    """Every feature of the groups, in degrees, and its groups; None for one whose parts are not all in the file."""
    keys = sorted({key for group in groups for key in group.tags})
    of_areas = sorted({key for group in groups if group.measure != "length" for key in group.tags})
    factory = osmium.geom.WKBFactory()
    drawn: Mapping[str, Callable[[Any], str]] = {
        "n": factory.create_point,
        "w": factory.create_linestring,
        "a": factory.create_multipolygon,
    }
    areas = osmium.filter.KeyFilter(*of_areas) if of_areas else osmium.filter.EmptyTagFilter()
    for thing in osmium.FileProcessor(str(path)).with_areas(areas).with_filter(osmium.filter.KeyFilter(*keys)):
        kind = thing.type_str()
        tags = {tag.k: tag.v for tag in thing.tags}
        found = [group for group in groups if group.measure in _KINDS.get(kind, ()) and group.takes(tags)]
        if not found:
            continue
        try:
            yield shapely.from_wkb(drawn[kind](thing)), found
        except (RuntimeError, osmium.InvalidLocationError):
            # Extracts cut ways and relations at their edges.
            yield None, found


def _projected(epsg: int, geometry: BaseGeometry) -> BaseGeometry:
    """Longitude and latitude in a UTM zone, and such that it can be cut."""

    def transform(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(transformer("EPSG:4326", f"EPSG:{epsg}").transform(*places.T))

    found = shapely.transform(geometry, transform)
    return found if found.is_valid else shapely.make_valid(found)
