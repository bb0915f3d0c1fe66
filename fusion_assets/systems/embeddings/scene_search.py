"""Looking for pairs of scenes around some places: what an archive holds there, and what each place gets of it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely

from fusion_assets.imagery.engines.archive.engine import scenes_for
from fusion_assets.imagery.engines.protocol import ExportRequest, NoScenes
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.scenes import Scene
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_places import is_on_web
from fusion_assets.study import ProductUse, Study
from fusion_assets.study.imagery_requests import mask_of, use_request
from fusion_assets.systems.embeddings.pairing import UNUSABLE, Pair, Patch, Rules, SceneLook, pair_at
from fusion_assets.systems.embeddings.section import EmbeddingsUse, use_of

PLAN = "patch_plan"
OPTICS, RADAR = "optics", "radar"
_CIRRUS = "B10"
_MARGIN = 0.02
"""Degrees around places that are searched together: scenes that hold a whole patch touch its centre."""
_PIXEL_M = 60


@dataclass
class Part:
    """What was found around some places; all of it can be written as JSON.

    Attributes:
        rows: of the plan, one a place, in their order; times as ISO 8601.
        found: sensors with scenes there, `optics` and `radar`.
        unusable: by sensor that has only scenes of no use, why: found, expected, remedy.
        doubts: why single scenes were passed over.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    unusable: dict[str, list[str]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


class SceneSearch:
    """Finds pairs in the archive of a study, or in those of its two products. Several threads may ask at once."""

    def __init__(self, study: Study, settings: Settings) -> None:
        """Nothing is asked yet."""
        self._study, self._settings, self._use = study, settings, use_of(study)
        use = self._use
        self._rules = Rules(use.patch_size, use.max_gap_hours, use.min_clear)
        # Whoever fetches patches finds B10 by itself: it says nothing of the ground.
        bands = tuple(name for name in use.bands if name != _CIRRUS)
        self._optics = self._recipe(use.sentinel2, bands, mask_of(use.sentinel2))
        self._radar = self._recipe(use.sentinel1, use.sentinel1.band_names, Mask("none"))

    @staticmethod
    def _recipe(use: ProductUse, bands: tuple[str, ...], mask: Mask) -> CompositeRecipe:
        pays = bool(use.archive and use.archive.requester_pays)
        return CompositeRecipe(bands, mask, reducer="none", requester_pays=pays)

    @property
    def archives(self) -> dict[str, str]:
        """Catalog or API by sensor."""
        uses = {OPTICS: self._use.sentinel2, RADAR: self._use.sentinel1}
        return {name: use.archive.location if use.archive else self._settings.archive for name, use in uses.items()}

    @property
    def on_web(self) -> bool:
        """Whether a search waits for a server."""
        return any(map(is_on_web, self.archives.values()))

    def around(self, places: pd.DataFrame) -> Part:
        """What places near each other get.

        Args:
            places: `lon`, `lat`, `epsg`, `x`, `y` as `places.py` draws them, and `cloudy`: whether a scene with cloud
                is wanted.

        Raises:
            UnreadableFile: a file that cannot be read now.
            FusionError: as `scenes_for`.
        """
        part = Part()
        optics = self._scenes(OPTICS, self._use.sentinel2, self._optics, places, part)
        radar = self._scenes(RADAR, self._use.sentinel1, self._radar, places, part)
        direction = self._use.sentinel1.direction
        taken = [scene for scene in radar if direction in ("any", scene.direction)]
        look = SceneLook(self._optics, self._radar.requester_pays)
        place: Any
        for place in places.itertuples():
            pair = Pair(UNUSABLE)
            if not part.unusable:
                pair = pair_at(place.lon, place.lat, optics, taken, self._rules, look, place.cloudy)
            part.rows.append(_row(self._use, pair, place))
        part.doubts = sorted({*part.doubts, *look.doubts})
        return part

    def _scenes(
        self, name: str, use: ProductUse, recipe: CompositeRecipe, around: pd.DataFrame, part: Part
    ) -> list[Scene]:
        """Scenes of one sensor, with what there is to say of them noted in the part."""
        try:
            scenes = scenes_for(self._request(use, recipe, around))
        except NoScenes:
            return []
        except UnreadableFile as problem:
            if problem.transient:
                raise
            # How many scenes may be missing is not what a plan goes by.
            remedy = problem.remedy.partition("; or raise `max_unreadable_share`")[0]
            part.unusable[name] = [problem.found, problem.expected, remedy]
            part.doubts.append(problem.found)
            return []
        part.doubts += [scene.problem.found for scene in scenes if scene.problem]
        part.found.append(name)
        return scenes

    def _request(self, use: ProductUse, recipe: CompositeRecipe, around: pd.DataFrame) -> ExportRequest:
        first = around.iloc[0]
        grid = Patch(int(first.epsg), first.lon, first.lat, first.x, first.y, self._use.patch_size).grid(_PIXEL_M)
        region, year = self._study.regions[0].name, self._use.period[0].year
        request = use_request(self._study, self._settings, PLAN, use, region, year, grid, self._use.period, recipe)
        west, south, east, north = around.lon.min(), around.lat.min(), around.lon.max(), around.lat.max()
        # No cell crosses the antimeridian.
        outline = shapely.box(
            max(west - _MARGIN, -180), south - _MARGIN, min(east + _MARGIN, 180), min(north + _MARGIN, 90)
        )
        return dataclasses.replace(request, geometry=json.loads(shapely.to_geojson(outline)))


def _row(use: EmbeddingsUse, pair: Pair, place: Any) -> dict[str, Any]:
    """A row of the plan; `place` has the place as it was drawn, in its own zone."""
    patch, optics, radar = pair.patch or place, pair.optics, pair.radar
    row = {name: getattr(patch, name) for name in ("lon", "lat", "epsg", "x", "y")}
    row |= {"state": pair.state, "clear_share": pair.clear_share, "cloudy": pair.cloudy, "gap_hours": pair.gap_hours}
    if optics is None or radar is None:
        return row | dict.fromkeys(_OF_PAIRS) | {"incidence": np.nan}
    return row | {
        "optics": optics.id,
        "optics_time": optics.start.isoformat(),
        "optics_product": use.sentinel2.product,
        "radar": radar.id,
        "radar_time": radar.start.isoformat(),
        "radar_product": use.sentinel1.product,
        "orbit": radar.orbit,
        "direction": radar.direction or None,
        "incidence": np.nan if radar.incidence is None else radar.incidence,
        "unit": use.unit,
    }


_OF_PAIRS = (
    *("optics", "optics_time", "optics_product"),
    *("radar", "radar_time", "radar_product", "orbit", "direction", "unit"),
)
"""What a place without a pair has none of."""
