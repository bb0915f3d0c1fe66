"""Scenes of the plan by their names: an archive is searched where and when the plan says that each was seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pystac
import shapely

from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets.study.product_use import ProductUse

_AROUND = 1e-3
"""Degrees: a scene that holds a patch touches the square around its centre."""


@dataclass(frozen=True)
class _Seen:
    """One scene, where and when it saw something."""

    use: ProductUse
    lon: float
    lat: float
    day: dt.date


class NamedScenes:
    """STAC items by the ids that rows of the plan name.

    Args:
        rows: of the plan, those with a pair.
        optics: use of the optical product.
        radar: use of the radar product.
        archive: where products are that name no archive of their own.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], optics: ProductUse, radar: ProductUse, archive: str) -> None:
        self._archive = archive
        self._seen = {
            str(row[kind]): _Seen(use, float(row["lon"]), float(row["lat"]), row[f"{kind}_time"].date())
            for kind, use in (("optics", optics), ("radar", radar))
            for row in rows
        }

    def __call__(self, name: str) -> pystac.Item:
        """The item of a scene.

        Raises:
            KeyError: the plan names none such, or the archive has it no more.
            Unreachable: a server that does not answer now.
            FusionError: an archive that cannot be read.
        """
        seen = self._seen[name]
        place, use = seen.use.archive, seen.use
        around = shapely.box(seen.lon - _AROUND, seen.lat - _AROUND, seen.lon + _AROUND, seen.lat + _AROUND)
        found = find_items(
            place.location if place else self._archive,
            (use.collection,) if use.collection else use.recipe.collections,
            around,
            (seen.day, seen.day),
            place.sign if place else None,
        )
        return {item.id: item for item in found}[name]
