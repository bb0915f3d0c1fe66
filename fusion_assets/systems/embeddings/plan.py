"""The plan of the corpus: every place with its pair of scenes, its cell and its split, fixed before a patch is fetched.

A place without a pair stays in the plan and says why: redrawing it would favour the places where skies are clear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.threads import threads
from fusion_assets.redaction import public_url
from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.systems.embeddings.pairing import PLANNED
from fusion_assets.systems.embeddings.places import places
from fusion_assets.systems.embeddings.plan_notes import Notes
from fusion_assets.systems.embeddings.scene_search import OPTICS, RADAR, Part, SceneSearch
from fusion_assets.systems.embeddings.section import EmbeddingsUse, use_of
from fusion_assets.systems.embeddings.split_cells import TEST, TRAIN, Cells, splits

if TYPE_CHECKING:
    import geopandas as gpd

_AT_ONCE = 8
"""Searches at once where a search waits for a server."""
_SEARCH_KM = 50
"""Places so near are searched for together."""
_MOST_DOUBTS = 20
Progress = Callable[[int, int], None]


def plan_of(
    study: Study, settings: Settings, progress: Progress | None = None, notes: Notes | None = None
) -> tuple[gpd.GeoDataFrame, dict]:
    """The plan of a study's patches.

    Args:
        study: with a section `embeddings`.
        settings: which archive is searched.
        progress: told (places done, places in all) as they are.
        notes: of an earlier attempt that was interrupted, and of this one.

    Returns:
        The table, a row a place, and what is said of it as a whole:

        - `patch`: 0 to count - 1; `shard`: where it is stored; `lon`, `lat`: degrees, its centre
        - `epsg`, `x`, `y`: UTM zone of the optical scene and upper left corner in it, metres, multiples of 60; the
          place's own zone where there is no scene
        - `cell`, `split`: see `split_cells.py`; `state`: `planned`, or why there is no pair
        - `optics`, `optics_time` (UTC), `optics_product`, `clear_share` (0 to 1; the best that was seen, where none is
          clear enough), `cloudy`: whether a cloudy scene was taken on purpose
        - `radar`, `radar_time`, `radar_product`, `orbit` (relative), `direction`, `incidence` (degrees), `unit`:
          `sigma0` or `gamma0`; `gap_hours`: radar minus optics

    Raises:
        FusionError: an engine without a catalog, no scenes at all, no place with a pair, or fewer places than asked.
        UnreadableFile: a file that cannot be read now.
    """
    use = use_of(study)
    _check_engine(settings)
    drawn = places(use.count, use.sampling.seed, use.edge_m, area_of(study))
    drawn["cloudy"] = np.random.default_rng([use.sampling.seed, 1]).random(use.count) < use.cloudy_share
    search = SceneSearch(study, settings)
    try:
        rows, parts = _searched(search, drawn, progress, notes)
        _check_found(use, search, parts)
        table = _table(use, rows)
        document = _document(use, search, table, parts)
        _check_planned(document)
    except FusionError as error:
        # What was found is of no use, and may be another when the study or the archive has been corrected.
        if notes is not None and not error.transient:
            notes.clear()
        raise
    return table, document


def area_of(study: Study) -> BaseGeometry | None:
    """Where places are drawn, in longitude and latitude; None: on all land."""
    if use_of(study).sampling.by == "area":
        return None
    return shapely.union_all([region.polygon for region in study.regions])


def _searched(
    search: SceneSearch, drawn: pd.DataFrame, progress: Progress | None, notes: Notes | None
) -> tuple[list[dict[str, Any]], list[Part]]:
    """A row of the plan for each place, and what is said of the places that were searched for together."""
    near = drawn.groupby(Cells(_SEARCH_KM).names(drawn["lon"].to_numpy(), drawn["lat"].to_numpy()))

    def work(name: str) -> Part:
        part = None if notes is None else notes.read(name)
        if part is None:
            part = search.around(near.get_group(name))
            if notes is not None:
                notes.write(name, part)
        return part

    names = sorted(map(str, near.groups))
    rows: list[dict[str, Any]] = [{}] * len(drawn)
    parts: list[Part] = []
    done = 0
    with threads(_AT_ONCE) as pool:
        # On a disk there is nothing to wait for.
        for name, part in zip(names, (pool.map if search.on_web else map)(work, names), strict=True):
            for at, row in zip(near.groups[name], part.rows, strict=True):
                rows[at] = row
            parts.append(dataclasses.replace(part, rows=[]))
            done += len(part.rows)
            if progress is not None:
                progress(done, len(drawn))
    return rows, parts


def _check_engine(settings: Settings) -> None:
    if settings.engine != "archive":
        raise FusionError(
            f"FUSION_ENGINE is {settings.engine}, which gives no scenes by themselves",
            "archive: pairs are chosen among the scenes of a STAC catalog or API",
            "set FUSION_ENGINE to archive, and FUSION_ARCHIVE to where both sensors are catalogued",
        )


def _check_found(use: EmbeddingsUse, search: SceneSearch, parts: list[Part]) -> None:
    """Refuse an archive without any scene of a sensor at any place, or none of use."""
    for name, product in ((OPTICS, use.sentinel2), (RADAR, use.sentinel1)):
        if any(name in part.found for part in parts):
            continue
        for part in parts:
            if name in part.unusable:
                raise FusionError(*part.unusable[name])
        first, last = use.period
        raise FusionError(
            f"{public_url(search.archives[name])} has no scene of {product.recipe.title} at any of {use.count:,} "
            f"places between {first} and {last}",
            "scenes of both sensors",
            "correct `period` in the section `embeddings`, sample where the archive has scenes "
            "(`sampling: {by: regions}`), or choose another archive",
        )


def _check_planned(document: dict[str, Any]) -> None:
    """Refuse a plan of nothing."""
    if not document["planned"]:
        doubts = document["unusable"]["first"]
        first = f"; of scenes that cannot be used the first: {doubts[0]}" if doubts else ""
        raise FusionError(
            f"none of {document['asked']:,} places has a pair of scenes: {_listed(document['states'])}{first}",
            "at least one pair",
            "lengthen `period` or `max_gap_hours`, lower `min_clear`, sample where the archive has both sensors "
            "(`sampling: {by: regions}`), or choose an archive that keeps them in their own pixels",
        )


def _table(use: EmbeddingsUse, rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    import geopandas as gpd

    table = pd.DataFrame(rows)
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    table["patch"] = np.arange(use.count, dtype="int64")
    table["shard"] = table["patch"] // use.shard_size
    split, cells = use.split, Cells(use.split.cell_km)
    table["cell"] = cells.names(lon, lat)
    table["split"] = splits(lon, lat, cells, split.test, split.seed, split.buffer_km, use.edge_m)
    table["orbit"] = table["orbit"].astype("Int64")
    for name in ("optics_time", "radar_time"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return gpd.GeoDataFrame(table[list(COLUMNS)], geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326")


COLUMNS = (
    *("patch", "shard", "lon", "lat", "epsg", "x", "y", "cell", "split", "state"),
    *("optics", "optics_time", "optics_product", "clear_share", "cloudy"),
    *("radar", "radar_time", "radar_product", "orbit", "direction", "incidence", "unit", "gap_hours"),
)
"""Of the plan, beside `geometry`, the centre."""


def _document(use: EmbeddingsUse, search: SceneSearch, table: pd.DataFrame, parts: list[Part]) -> dict[str, Any]:
    """What is said of a plan as a whole."""
    planned = table[table["state"] == PLANNED]
    kinds = planned["split"].value_counts()
    doubts = sorted({doubt for part in parts for doubt in part.doubts})
    return {
        "asked": use.count,
        "planned": len(planned),
        "states": {str(state): int(count) for state, count in table["state"].value_counts().items()},
        "splits": {str(kind): int(kinds[kind]) for kind in sorted(kinds.index)},
        "cells": {kind: int(planned.loc[planned["split"] == kind, "cell"].nunique()) for kind in (TRAIN, TEST)},
        "cloudy": int(planned["cloudy"].sum()),
        "clear_share": float(planned["clear_share"].mean()) if len(planned) else None,
        "gap_hours": float(planned["gap_hours"].abs().median()) if len(planned) else None,
        "unit": use.unit,
        "bands": list(use.bands),
        "patch_size": use.patch_size,
        "period": [day.isoformat() for day in use.period],
        "archives": {name: public_url(archive) for name, archive in search.archives.items()},
        "unusable": {"count": len(doubts), "first": doubts[:_MOST_DOUBTS]},
    }


def warnings_of(document: dict[str, Any]) -> Iterator[str]:
    """What a plan lacks, in words; nothing where it has all."""
    asked, planned = document["asked"], document["planned"]
    if planned < asked:
        yield f"{asked - planned:,} of {asked:,} places have no pair of scenes: {_listed(document['states'])}"
    for kind, meaning in ((TRAIN, "learnt from"), (TEST, "held back")):
        if not document["cells"][kind]:
            yield f"no patch is {meaning}: lower `split.cell_km` or `split.buffer_km`, or choose another `split.seed`"
    if document["unusable"]["count"]:
        first = document["unusable"]["first"][0]
        yield f"{number_of(document['unusable']['count'], 'scene')} could not be used, the first for this: {first}"


def _listed(states: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in states.items() if state != PLANNED)
