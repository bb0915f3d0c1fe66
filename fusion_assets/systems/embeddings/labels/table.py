"""Labels of all patches of a corpus, from whatever a study names: the rasters are found, met, and put side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import shapely

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.settings import Settings
from fusion_assets.study.product_use import ProductUse
from fusion_assets.systems.embeddings.labels.corine import corine_labels
from fusion_assets.systems.embeddings.labels.corine_classes import LEVEL_3
from fusion_assets.systems.embeddings.labels.land_cover import land_cover_labels, legend_of
from fusion_assets.systems.embeddings.labels.shares import files_of
from fusion_assets.systems.embeddings.section import EmbeddingsUse

if TYPE_CHECKING:
    import pandas as pd

EVER = (dt.date(1985, 1, 1), dt.date(2100, 1, 1))
"""Days that maps of labels are looked for: the newest is believed."""
_MARGIN = 0.01


def labels_of(
    got: pd.DataFrame, use: EmbeddingsUse, settings: Settings
) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """Labels of patches.

    Args:
        got: rows of the index whose patches were got.
        use: section of the study.
        settings: of the code location.

    Returns:
        `patch` and the columns of every kind of labels; and titles of the classes by kind (`corine`, `cover`) and code.

    Raises:
        FusionError: the study names no labels, or no raster of them lies anywhere near the patches.
    """
    labels = use.labels
    if labels.corine is None and labels.land_cover is None and labels.osm_file is None:
        raise FusionError(
            "the section `embeddings` names no labels",
            "one of corine, land_cover, osm",
            "write for example `labels: {land_cover: land_cover}`",
        )
    found, titles = got[["patch"]].reset_index(drop=True), dict[str, dict[str, str]]()
    if labels.land_cover is not None:
        items = _items(got, labels.land_cover, settings)
        legend = legend_of(items[0].collection_id or "")
        rasters = files_of(items, PRODUCTS[labels.land_cover.product])
        found = found.merge(land_cover_labels(got, use.patch_size, rasters, legend), on="patch")
        titles["cover"] = {str(code): each.title for code, each in legend.classes.items()}
    if labels.corine is not None:
        rasters = files_of(_items(got, labels.corine, settings), PRODUCTS[labels.corine.product])
        found = found.merge(corine_labels(got, use.patch_size, rasters), on="patch")
        titles["corine"] = {str(code): each.title for code, each in LEVEL_3.items()}
    if labels.osm_file is not None:
        from fusion_assets.systems.embeddings.labels.osm import osm_labels

        found = found.merge(osm_labels(got, use.patch_size, labels.osm_file), on="patch")
    return found, titles


def _items(got: pd.DataFrame, use: ProductUse, settings: Settings) -> list[Any]:
    place = use.archive
    root = place.location if place else settings.archive
    collections = (use.collection,) if use.collection else use.recipe.collections
    west, south = got["lon"].min() - _MARGIN, got["lat"].min() - _MARGIN
    east, north = got["lon"].max() + _MARGIN, got["lat"].max() + _MARGIN
    found = find_items(root, collections, shapely.box(west, south, east, north), EVER, place.sign if place else None)
    if not found:
        raise FusionError(
            f"no raster of {use.recipe.title} lies near the {len(got):,} patches",
            "at least one",
            "name another archive for it, or leave the labels out",
        )
    return found


def classes_of(titles: Mapping[str, Mapping[str, str]]) -> str:
    """The kind of labels that methods are judged by: CORINE where there is one, else land cover.

    Raises:
        FusionError: neither is there.
    """
    kind = next((kind for kind in ("corine", "cover") if kind in titles), None)
    if kind is None:
        raise FusionError("patches have no classes", "corine or land_cover in `embeddings.labels`", "name one of them")
    return kind
