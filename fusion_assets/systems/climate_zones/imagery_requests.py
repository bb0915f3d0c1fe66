"""What a study asks of an engine for its maps of zones, and what stored artifacts must say to belong to it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from fusion_assets.imagery.engines.protocol import ExportRequest, digest
from fusion_assets.settings import Settings
from fusion_assets.storage.simulation import MARK, is_synthetic
from fusion_assets.study import ProductUse, Study
from fusion_assets.study.imagery_requests import full_recipe, outline_of, use_request
from fusion_assets.systems.climate_zones.channels import MAPPABLE, band_of
from fusion_assets.systems.climate_zones.mapping import imagery_grid
from fusion_assets.systems.climate_zones.section import areas_year, map_grid, map_years, reads_radar, use_of
from fusion_assets.systems.climate_zones.so2sat.layout import PIXEL_M, SEN1
from fusion_assets.systems.climate_zones.versions import PUBLISHED

OPTICS_EXPORT, OPTICS = "lcz_sentinel2_export", "lcz_sentinel2"
RADAR_EXPORT, RADAR = "lcz_sentinel1_export", "lcz_sentinel1"
MODEL, MAP, AREAS, EXPORT = "lcz_model", "lcz_map", "lcz_areas", "lcz_export"
VERSION = "1"
"""Raise when the same settings would give other values."""
_OF_OPTICS = tuple(band_of(name) for name in MAPPABLE if name not in SEN1)
_OF_RADAR = tuple(band_of(name) for name in MAPPABLE if name in SEN1)


def optics_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """Sentinel-2 level 1C of a season in the bands that networks read: the median of clear observations."""
    return _request(study, settings, OPTICS, use_of(study).sentinel2, _OF_OPTICS, region, year)


def radar_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """Sentinel-1 of a season: the median of its passes, which has less speckle than each of them."""
    return _request(study, settings, RADAR, use_of(study).sentinel1, _OF_RADAR, region, year)


def asked_for(study: Study) -> Mapping[str, Callable[[Study, Settings, str, int], ExportRequest]]:
    """What maps of a study are made from: by asset, how its request is made."""
    found: dict[str, Callable[[Study, Settings, str, int], ExportRequest]] = {OPTICS: optics_request}
    return found | ({RADAR: radar_request} if reads_radar(study) else {})


def window_of(study: Study, use: ProductUse, year: int) -> tuple[dt.date, dt.date]:
    """First and last day of a year's imagery: the product's window or season, else the study's season."""
    return use.windows[year] if year in use.windows else (use.season or study.season).dates(year)


def _request(
    study: Study, settings: Settings, asset: str, use: ProductUse, bands: tuple[str, ...], region: str, year: int
) -> ExportRequest:
    grid = imagery_grid(map_grid(study, region))
    recipe = full_recipe(use.model_copy(update={"bands": bands}), PIXEL_M, study.min_valid_share)
    request = use_request(study, settings, asset, use, region, year, grid, window_of(study, use, year), recipe)
    # What is needed reaches beyond the region.
    return dataclasses.replace(request, geometry=outline_of(grid))


def facts_of(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    """What a stored artifact must say to belong to this study: its name, grid and recipe.

    What is learnt from synthetic cities says so, wherever it is applied.
    """
    if region is None and asset != MODEL:
        return {"study": study.name, "recipe_digest": study.digest("climate_zones")}
    learnt = learnt_from(study, settings)
    if region is None:
        return {"study": study.name, "recipe_digest": learnt} | _mark(study)
    grid = map_grid(study, region)
    if year is None:
        recipes = [facts_of(study, settings, MAP, region, each)["recipe_digest"] for each in map_years(study)]
        return {"study": study.name, "grid_digest": grid.digest, "recipe_digest": digest(recipes)} | _mark(study)
    seen = {name: of(study, settings, region, year).recipe_digest for name, of in asked_for(study).items()}
    parts = {name: [each] for name, each in seen.items()}
    parts |= {ticket: parts[name] for ticket, name in ((OPTICS_EXPORT, OPTICS), (RADAR_EXPORT, RADAR)) if name in parts}
    of_grid = imagery_grid(grid) if asset in parts else grid
    recipe = digest([VERSION, *parts.get(asset, [*seen.values(), learnt])])
    common = {"study": study.name, "grid_digest": of_grid.digest, "recipe_digest": recipe}
    return common | ({} if asset in parts else _mark(study))


def learnt_from(study: Study, settings: Settings) -> str:
    """12 hexadecimal digits of all that the network of maps is learnt from and how."""
    use = use_of(study)
    if use.weights_file is not None:
        return digest([PUBLISHED, content_of(use.weights_file)])
    section, file = study.digest("climate_zones"), use.areas_file
    if file is None:
        return section
    year = areas_year(study)
    asked = [of(study, settings, each.name, year) for each in study.regions for of in (optics_request, radar_request)]
    return digest([section, content_of(file), [[each.recipe_digest, each.grid.digest] for each in asked]])


def content_of(file: Path) -> str | None:
    """Digest of a small file's content; None where there is no such file."""
    return _content(str(file), file.stat().st_mtime_ns) if file.is_file() else None


@lru_cache(maxsize=8)
def _content(path: str, _: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _mark(study: Study) -> dict[str, str]:
    if use_of(study).areas_file is not None or use_of(study).weights_file is not None:
        return {}  # the imagery tells
    files = use_of(study).files
    return MARK if files is None or is_synthetic(str(files / "catalog.json")) else {}
