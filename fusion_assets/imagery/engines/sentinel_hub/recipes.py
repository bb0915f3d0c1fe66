"""What each product is at Sentinel Hub, as data: collection, units, processing options.

Sources: https://docs.sentinel-hub.com/api/latest/data/sentinel-2-l2a/,
https://docs.sentinel-hub.com/api/latest/data/sentinel-1-grd/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS

SCENE_CLASSES = "SCL"
"""Band of the Sentinel-2 scene classification, codes 0 to 11."""
_NEAREST = {"upsampling": "NEAREST", "downsampling": "NEAREST"}


@dataclass(frozen=True)
class Recipe:
    """How one product is asked for.

    Attributes:
        title: for people.
        collection: id in the service's catalog, and type of its data.
        unit: that the bands are asked for in: `REFLECTANCE`, or `LINEAR_POWER` (a power ratio).
        processing: options of the Process API.
        data_filter: which scenes are used; the time range is added.
        condition: which scenes are found, CQL2 text.
    """

    title: str
    collection: str
    unit: str
    processing: Mapping[str, Any]
    data_filter: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""


def _radar(coefficient: str) -> Recipe:
    return Recipe(
        f"Sentinel-1 GRD ({coefficient})",
        "sentinel-1-grd",
        "LINEAR_POWER",
        {**_NEAREST, "backCoeff": coefficient, "orthorectify": True, "demInstance": "COPERNICUS_30"},
        {"acquisitionMode": "IW", "polarization": "DV", "resolution": "HIGH"},
        "sar:instrument_mode='IW' AND s1:polarization='DV'",
    )


RECIPES = {
    # Harmonising would only clamp negative reflectance, which the archive engine keeps; the unit REFLECTANCE has the
    # offsets of newer processing baselines taken off in any case.
    "sentinel2_l2a": Recipe("Sentinel-2 L2A", "sentinel-2-l2a", "REFLECTANCE", {**_NEAREST, "harmonizeValues": False}),
    "sentinel1_grd": _radar("SIGMA0_ELLIPSOID"),
    "sentinel1_rtc": _radar("GAMMA0_TERRAIN"),
}


def recipe_for(request: ExportRequest) -> Recipe:
    """How the product of a request is asked for.

    Raises:
        FusionError: Sentinel Hub has no such product or mask, or no name for the grid's CRS.
    """
    if request.product not in RECIPES:
        raise FusionError(
            f"Sentinel Hub is asked for {PRODUCTS[request.product].title} ({request.product})",
            f"one of {', '.join(RECIPES)}",
            "choose such a product, or another engine",
        )
    mask = request.recipe.mask
    if mask.kind != "none" and (mask.kind != "classes" or mask.earth_engine != SCENE_CLASSES):
        raise FusionError(
            f"the mask of {request.product} is by {mask.earth_engine or mask.kind}",
            "scene classes (SCL) or `mask: none` at Sentinel Hub",
            "choose classes that are clear, or another engine",
        )
    if not request.grid.crs.startswith("EPSG:"):
        raise FusionError(
            f"the grid's CRS is {request.grid.crs[:40]}, which Sentinel Hub has no name for",
            "an EPSG code that it knows; it knows all UTM zones",
            "choose the region's UTM zone as `crs`",
        )
    return RECIPES[request.product]
