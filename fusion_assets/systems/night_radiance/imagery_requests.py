"""What a study asks of an engine for its night radiance, and what stored artifacts must say to belong to it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.protocol import ExportRequest, digest
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.study.imagery_requests import full_recipe, mask_of, use_request
from fusion_assets.systems.night_radiance.cells import STEP
from fusion_assets.systems.night_radiance.section import (
    announcing_years,
    grid_of,
    places_of,
    settlement_of,
    use_of,
    years_of,
)

OPTICS_EXPORT, OPTICS, CELLS = "landsat_export", "landsat_composite", "radiance_cells"
SENSOR = "radiance_sensor"
EVALUATION, MODEL, MAP, REPORT = "radiance_evaluation", "radiance_model", "radiance_map", "radiance_report"
UPLOAD, PATCHES = "radiance_upload", "radiance_patches"
LIGHTS, COVERAGE = "avg_rad", "cf_cvg"
VERSION = "1"
"""Raise when the same settings would give other values."""
_WEST, _NORTH = -180 - STEP / 2, 75 + STEP / 2
"""Where the product's lattice begins: its first cell has its middle on 180 W, 75 N."""
MARGIN = 8
"""Cells around a region: what is interpolated at its edge rests on them."""


def optics_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """Day imagery of a year on the fine grid: all bands, masked by all that the product masks by."""
    use, grid = use_of(study).optics, grid_of(study, region)
    recipe = full_recipe(use, grid.resolution, study.min_valid_share)
    return use_request(study, settings, OPTICS, use, region, year, grid, window_of(year), recipe)


def cells_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """Every composite of a year's lights on the product's own cells, with what it rests on."""
    use = use_of(study).lights
    recipe = CompositeRecipe((LIGHTS, COVERAGE), mask_of(use), resampling="nearest", reducer="none")
    grid = cells_around(grid_of(study, region))
    request = use_request(study, settings, CELLS, use, region, year, grid, window_of(year), recipe)
    # What is needed reaches beyond the region.
    return dataclasses.replace(request, geometry=_outline(grid))


def cells_around(grid: Grid) -> Grid:
    """The product's cells that a grid lies in, and some around it."""
    import numpy as np

    x, y = np.meshgrid(np.linspace(*grid.bounds[::2], 50), np.linspace(*grid.bounds[1::2], 50))
    longitude, latitude = to_lonlat(grid.crs).transform(x, y)
    first_column = math.floor((longitude.min() - _WEST) / STEP) - MARGIN
    last_column = math.floor((longitude.max() - _WEST) / STEP) + MARGIN
    first_row = math.floor((_NORTH - latitude.max()) / STEP) - MARGIN
    last_row = math.floor((_NORTH - latitude.min()) / STEP) + MARGIN
    from affine import Affine

    corner = Affine(STEP, 0.0, _WEST + first_column * STEP, 0.0, -STEP, _NORTH - first_row * STEP)
    return Grid("EPSG:4326", corner, last_row - first_row + 1, last_column - first_column + 1)


def _outline(grid: Grid) -> dict[str, object]:
    west, south, east, north = grid.bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def window_of(year: int) -> tuple[dt.date, dt.date]:
    """First and last day of what is mapped, the same for day imagery and lights."""
    return dt.date(year, 1, 1), dt.date(year, 12, 31)


def facts_of(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    """What a stored artifact must say to belong to this study: its name, grid and recipe."""
    if region is None:
        # What is learnt from all regions says so by the recipes of all of them.
        of_all = [facts_of(study, settings, MAP, each.name, year)["recipe_digest"] for each in study.regions]
        return {"study": study.name, "recipe_digest": digest(of_all)}
    grid = cells_around(grid_of(study, region)) if asset == CELLS else grid_of(study, region)
    common = {"study": study.name, "grid_digest": grid.digest}
    if year is None:
        # What is made of all years says so by the recipes of all of them.
        recipes = [facts_of(study, settings, MAP, region, each)["recipe_digest"] for each in years_of(study)]
        return common | {"recipe_digest": digest(recipes)}
    optics = optics_request(study, settings, region, year).recipe_digest
    use, lights = use_of(study), cells_request(study, settings, region, year).recipe_digest
    if use.fires == "remove":
        told = [cells_request(study, settings, region, each).recipe_digest for each in announcing_years(study, year)]
        lights = digest([lights, "without fires", *told])
    seen = settlement_of(study)
    learnt = [use.method, use.footprint, use.rounds, use.members, places_of(study), *seen]
    cut = use.patches and [use.patches.size, use.patches.margin]
    parts: dict[str, list[object]] = {
        OPTICS_EXPORT: [optics],
        OPTICS: [optics],
        CELLS: [lights],
        SENSOR: [optics, lights, use.footprint],
        PATCHES: [optics, lights, use.footprint, use.rounds, cut],
    }
    return common | {"recipe_digest": digest([VERSION, *parts.get(asset, [optics, lights, learnt])])}
