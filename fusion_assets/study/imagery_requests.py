"""What a study asks of an engine: one `ExportRequest` for each product, region and year.

The only place where a study's choices meet a product's recipe.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math

from shapely import box, to_geojson, transform

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import unproject
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.recipe import CompositeRecipe, Mask, Product
from fusion_assets.settings import Settings
from fusion_assets.study import ProductUse, Role, Study
from fusion_assets.study.product_use import CloudScore, MinCoverage

# Asset that holds the pixels of each role.
PIXEL_ASSETS: dict[Role, str] = {
    "sentinel2": "sentinel2_composite",
    "night_lights": "night_lights_composite",
    "labels": "ghsl_labels",
    "embedding": "satellite_embedding_composite",
}
# A block's observation count and the export's tiling both assume at most this many sub-pixels along an edge.
_FINEST = 255
_DIGITS = 7
"""Of an outline's degrees: a centimetre."""


def request_for(study: Study, settings: Settings, role: Role, region: str, year: int) -> ExportRequest:
    """The request for one role of a study.

    Raises:
        FusionError: working pixels more than 255 times finer than the grid's.
    """
    use = study.use(role)
    recipe = CompositeRecipe(
        bands=use.band_names,
        mask=mask_of(use),
        resampling=use.recipe.resampling,
        reducer=use.recipe.reducer,
        subdivision=subdivision(study, use.recipe),
        min_valid_share=study.min_valid_share,
    )
    window = study.window(role, year)
    return use_request(study, settings, PIXEL_ASSETS[role], use, region, year, study.grid(region), window, recipe)


def use_request(
    study: Study,
    settings: Settings,
    asset: str,
    use: ProductUse,
    region: str,
    year: int,
    grid: Grid,
    window: tuple[dt.date, dt.date],
    recipe: CompositeRecipe,
) -> ExportRequest:
    """The request for one use of a product, on any grid and for any days."""
    archive = use.archive
    return ExportRequest(
        asset=asset,
        product=use.product,
        region=region,
        year=year,
        grid=grid,
        geometry=json.loads(to_geojson(study.polygon(region))),
        window=window,
        recipe=dataclasses.replace(recipe, requester_pays=bool(archive and archive.requester_pays)),
        archive=archive.location if archive else settings.archive,
        collections=(use.collection,) if use.collection else use.recipe.collections,
        max_cloud_cover=use.max_cloud_cover,
        sign=archive.sign if archive else None,
        allow_deprecated=use.allow_deprecated,
        assets=tuple(sorted(use.assets.items())),
    )


def outline_of(grid: Grid) -> dict[str, object]:
    """The outline of a grid as GeoJSON in degrees, for imagery that is needed beyond the region's own outline."""
    outline = transform(unproject(box(*grid.bounds), grid.crs), lambda at: at.round(_DIGITS))
    return json.loads(to_geojson(outline))


def full_recipe(
    use: ProductUse, resolution: float, min_valid_share: float = 0.25, working_resolution: float | None = None
) -> CompositeRecipe:
    """The recipe of all that a product measures, on a grid of any pixel size.

    All bands in every unit, unless the study chooses; clear by the product's mask and by its further ones, none of them
    where the study says `mask: none`.

    Args:
        use: what the study says of the product.
        resolution: edge of the grid's pixels in metres.
        min_valid_share: see `CompositeRecipe`.
        working_resolution: edge of the pixels that scenes are reduced on, in metres; None: the product's own.

    Raises:
        FusionError: working pixels more than 255 times finer than the grid's.
    """
    product = use.recipe
    return CompositeRecipe(
        bands=use.bands or product.band_names,
        mask=mask_of(use),
        resampling=product.resampling,
        reducer=product.reducer,
        subdivision=_subdivision(resolution, working_resolution, product),
        min_valid_share=min_valid_share,
        more_masks=() if use.mask == "none" else product.more_masks,
    )


def mask_of(use: ProductUse) -> Mask:
    """The product's mask with the study's override."""
    mask = use.recipe.mask
    if use.mask is None:
        return mask
    if use.mask == "none":
        return Mask("none")
    if isinstance(use.mask, CloudScore):
        return Mask("score", (use.mask.band,), use.mask.band, (use.mask.cloud_score,))
    if isinstance(use.mask, MinCoverage):
        # Who asks for a least coverage relies on the band: a scene without it is an error.
        return dataclasses.replace(mask, values=(use.mask.min_coverage,), optional=False)
    return dataclasses.replace(mask, values=tuple(use.mask.classes))


def subdivision(study: Study, product: Product) -> int:
    """Edge k of a pixel in working pixels: native resolution, twice as fine for lights, or the study's choice."""
    return _subdivision(study.resolution, study.working_resolution, product)


def _subdivision(resolution: float, working: float | None, product: Product) -> int:
    if product.label is not None:
        return 1
    finest = product.resolution / 2 if product.resampling == "bilinear" else product.resolution
    k = max(1, math.ceil(resolution / (working or finest) - 1e-6))
    if k > _FINEST:
        raise FusionError(
            f"a pixel of {resolution:g} m would be split into {k} x {k} working pixels of {product.title}",
            f"at most {_FINEST} x {_FINEST}",
            f"set working_resolution in the study to {resolution / _FINEST:.0f} or more",
        )
    return k
