"""Land cover of patches: shares of the classes of a yearly map with pixels of 10 m.

Two maps are known, whose numbers mean different things: ESA WorldCover and the annual map of Impact Observatory and
Esri. Which one it is, the collection says, never the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.systems.embeddings.labels.shares import Class, Legend, class_shares

WORLDCOVER = Legend(
    "ESA WorldCover",
    {
        10: Class("Tree cover", "#006400"),
        20: Class("Shrubland", "#ffbb22"),
        30: Class("Grassland", "#ffff4c"),
        40: Class("Cropland", "#f096ff"),
        50: Class("Built-up", "#fa0000"),
        60: Class("Bare or sparse vegetation", "#b4b4b4"),
        70: Class("Snow and ice", "#f0f0f0"),
        80: Class("Permanent water bodies", "#0064c8"),
        90: Class("Herbaceous wetland", "#0096a0"),
        95: Class("Mangroves", "#00cf75"),
        100: Class("Moss and lichen", "#fae6a0"),
    },
    (0, 255),
    "https://esa-worldcover.org/en/data-access",
)
ESRI = Legend(
    "annual land cover of Impact Observatory and Esri",
    {
        1: Class("Water", "#419bdf"),
        2: Class("Trees", "#397d49"),
        4: Class("Flooded vegetation", "#7a87c6"),
        5: Class("Crops", "#e49635"),
        7: Class("Built area", "#c4281b"),
        8: Class("Bare ground", "#a59b8f"),
        9: Class("Snow and ice", "#a8ebff"),
        11: Class("Rangeland", "#e3e2c3"),
    },
    # 10 is cloud.
    (0, 10, 255),
    "https://planetarycomputer.microsoft.com/dataset/io-lulc-annual-v02",
)
_BY_COLLECTION = {
    "esa-worldcover": WORLDCOVER,
    "ESA/WorldCover/v100": WORLDCOVER,
    "ESA/WorldCover/v200": WORLDCOVER,
    "io-lulc-annual-v02": ESRI,
    "io-lulc-9-class": ESRI,
}


def legend_of(collection: str) -> Legend:
    """What the numbers of a collection mean.

    Args:
        collection: id in a STAC catalog or on Earth Engine.

    Raises:
        FusionError: it is none of those whose classes are known.
    """
    if collection not in _BY_COLLECTION:
        raise FusionError(
            f"the classes of the collection {collection} are not known",
            f"one of {', '.join(_BY_COLLECTION)}",
            "serve the files under the id of their publisher, so that their numbers mean what they meant there",
        )
    return _BY_COLLECTION[collection]


def land_cover_labels(
    plan: pd.DataFrame, size: int, files: Sequence[SceneFile], legend: Legend, least: float = 0.05
) -> pd.DataFrame:
    """Land cover of every patch of a plan.

    Args:
        plan: `patch`, `epsg`, `x`, `y`; see the plan table.
        size: pixels of 10 m along the edge of a patch.
        files: rasters of the map.
        legend: of the map; see `legend_of`.
        least: share from which a class belongs to the set of a patch.

    Returns:
        `patch`, `cover_valid`, `cover_<code>` of every class, `cover_set`; see `shares.class_shares`.

    Raises:
        FusionError: numbers that are not of the legend, or `least` is no share.
    """
    return class_shares(plan, size, files, tuple(legend.classes), legend.decode, least, "cover")
