"""What a study asks of an engine for its maps of embeddings, and what stored artifacts must say to belong to it."""

from __future__ import annotations

import dataclasses

from fusion_assets.imagery.engines.protocol import ExportRequest, digest
from fusion_assets.settings import Settings
from fusion_assets.study import ProductUse, Study
from fusion_assets.study.imagery_requests import full_recipe, outline_of, use_request
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.maps import IMAGERY, imagery_grid
from fusion_assets.systems.embeddings.section import learning_digest, map_grid, map_period, plan_digest, use_of
from fusion_assets.systems.embeddings.sensors import FINEST, POLARISATIONS

OPTICS, RADAR = IMAGERY
OPTICS_EXPORT, RADAR_EXPORT = f"{OPTICS}_export", f"{RADAR}_export"
MAP = "embedding_map"
OF_PLAN = ("patch_plan", "patches", "patch_index")


def optics_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """Sentinel-2 of the period in the bands that the encoder reads: the median of clear observations."""
    return _request(study, settings, OPTICS, use_of(study).sentinel2, use_of(study).bands, region, year)


def radar_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """Sentinel-1 of the period: the median of its passes, which has less speckle than each of them."""
    return _request(study, settings, RADAR, use_of(study).sentinel1, POLARISATIONS, region, year)


def _request(
    study: Study, settings: Settings, asset: str, use: ProductUse, bands: tuple[str, ...], region: str, year: int
) -> ExportRequest:
    section = use_of(study)
    grid = imagery_grid(map_grid(study, region), section.patch_size)
    recipe = full_recipe(use.model_copy(update={"bands": bands}), FINEST, study.min_valid_share)
    request = use_request(study, settings, asset, use, region, year, grid, map_period(study, year), recipe)
    # What is needed reaches beyond the region.
    return dataclasses.replace(request, geometry=outline_of(grid))


def facts_of(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    """What a stored artifact must say to belong to this study: its name and recipe, and of a region its grid."""
    learnt = learning_digest(study)
    if region is None:
        return {"study": study.name, "recipe_digest": plan_digest(study) if asset in OF_PLAN else learnt}
    grid = map_grid(study, region)
    if year is None:
        return {"study": study.name, "grid_digest": grid.digest, "recipe_digest": learnt}
    optics, radar = (of(study, settings, region, year).recipe_digest for of in (optics_request, radar_request))
    parts = {OPTICS_EXPORT: [optics], OPTICS: [optics], RADAR_EXPORT: [radar], RADAR: [radar]}
    seen = imagery_grid(grid, use_of(study).patch_size) if asset in parts else grid
    recipe = digest([versions.IMAGERY, *parts.get(asset, [optics, radar, learnt])])
    return {"study": study.name, "grid_digest": seen.digest, "recipe_digest": recipe}
