"""What is asked of an engine for other people's maps: one request a map and year, none for years it is silent about."""

from __future__ import annotations

import datetime as dt

from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.settings import Settings
from fusion_assets.study import ProductUse, Study
from fusion_assets.study.imagery_requests import mask_of, subdivision, use_request
from fusion_assets.study.years import WHOLE_YEAR
from fusion_assets.systems.built_up.rivals.known import RIVALS
from fusion_assets.systems.built_up.rivals.shares import split

ASSET = "rival_maps"


def rival_requests(study: Study, settings: Settings, region: str, year: int) -> dict[str, ExportRequest]:
    """By name, requests for the maps that speak of a year. Classes are asked for on a finer grid; see `shares`.

    Args:
        study: whose `rivals` they are.
        settings: with the archive.
        region: name.
        year: of the maps.
    """
    return {
        use.product: _request(study, settings, use, region, year)
        for use in study.rivals
        if year in RIVALS[use.product].years
    }


def _request(study: Study, settings: Settings, use: ProductUse, region: str, year: int) -> ExportRequest:
    rival, product, grid = RIVALS[use.product], use.recipe, study.grid(region)
    k = split(study.resolution, product.resolution) if rival.kind == "classes" else 1
    recipe = CompositeRecipe(
        bands=use.band_names,
        mask=mask_of(use),
        resampling=product.resampling,
        reducer=product.reducer,
        subdivision=subdivision(study, product) if rival.kind == "probability" else 1,
        min_valid_share=study.min_valid_share,
    )
    window = _window(study, use, year)
    return use_request(study, settings, ASSET, use, region, year, grid.refine(k), window, recipe)


def _window(study: Study, use: ProductUse, year: int) -> tuple[dt.date, dt.date]:
    """First and last day of the images of a year's map."""
    whole = RIVALS[use.product].window
    if year in use.windows:
        return use.windows[year]
    if whole is not None:
        return dt.date(whole[0], 1, 1), dt.date(whole[1], 12, 31)
    return (use.season or (study.season if use.recipe.season == "season" else WHOLE_YEAR)).dates(year)
