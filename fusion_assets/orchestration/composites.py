"""Composites of a study's imagery, for any system: which there are, what people see of them, how they are written."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import Export, ExportRequest, digest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.engine_assets import export_asset, pixel_asset
from fusion_assets.orchestration.raster_checks import raster_check
from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.study import Role, Study
from fusion_assets.study.imagery_requests import PIXEL_ASSETS, request_for
from fusion_assets.study.provenance import EXPORT_ASSETS, export_tags, recipe_digest

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.storage.raster_writing import RasterFile

GROUP = "imagery"
YEARLY = "request_exports"
"""The job that the yearly schedule starts."""
STAGES = {
    YEARLY: (("sentinel2_export", "night_lights_export"), "Ask the engine for one region and year."),
    "make_composites": (("sentinel2_composite", "night_lights_composite"), "Collect finished exports."),
}
_TEXTS: dict[Role, tuple[str, str]] = {
    "sentinel2": (
        "Ticket for one season of **Sentinel-2** over a region: which scenes the engine found.",
        "Cloud-free **Sentinel-2** reflectance of one season: median over time of clear observations, averaged onto "
        "the region's grid, with `observation_count`. No data where nothing was clear. Unit: reflectance (0 to 1).",
    ),
    "night_lights": (
        "Ticket for one year of **VIIRS night lights** over a region: which months the engine found.",
        "**Night-time radiance** of one year: median of the months with cloud-free coverage, on the region's grid, "
        "with `observation_count`. Unit: nW/cm2/sr.",
    ),
}
Write = Callable[["xr.Dataset", Export, dict[str, str]], "RasterFile"]


def assets(site: Site, roles: Sequence[Role]) -> list[dg.AssetsDefinition]:
    """Ticket and composite of each role, in every year."""
    imagery, years = site.of(GROUP), site.partitions.every_year
    return [each for role in roles for each in role_assets(imagery, role, years, *_TEXTS[role], write_composite)]


def checks(site: Site, roles: Sequence[Role]) -> list[dg.AssetChecksDefinition]:
    """What must hold for every composite."""
    return [
        raster_check(
            site, PIXEL_ASSETS[role], site.partitions.every_year, site.study.use(role).band_names, ranges_of(site, role)
        )
        for role in roles
    ]


def ranges_of(site: Site, role: Role) -> dict[str, tuple[float, float]]:
    """Physical range of every band of a role's product."""
    return {band.name: band.valid_range for band in site.study.use(role).recipe.all_bands}


def facts(study: Study, settings: Settings, asset: str, region: str, year: str | None) -> dict[str, str]:
    """What a stored artifact must say: study, grid and, where it is imagery, its recipe."""
    common = {"study": study.name, "grid_digest": study.grid(region).digest}
    role = {name: role for role, name in (*PIXEL_ASSETS.items(), *EXPORT_ASSETS.items())}.get(asset)
    if role is None or year is None:
        return common
    return common | {"recipe_digest": recipe_digest(study, settings, role, region, int(year))}


def role_assets(
    site: Site, role: Role, years: dg.PartitionsDefinition | None, ticket_text: str, text: str, write: Write
) -> list[dg.AssetsDefinition]:
    """Ticket and pixels of one role.

    Args:
        site: whose group they are in.
        role: what is asked for.
        years: partitions of both.
        ticket_text: what the UI shows of the ticket.
        text: what it shows of the pixels.
        write: (lazy pixels, export, tags) to the written raster.
    """
    study, settings, use = site.study, site.settings, site.study.use(role)

    def request(region: str, year: int) -> ExportRequest:
        return request_for(study, settings, role, region, year)

    sections = ("resolution", "season", "working_resolution", "min_valid_share", f"products.{role}")
    code = digest([study.digest(*sections), product_facts(use.recipe), RECIPE_VERSION])

    def written(pixels: "xr.Dataset", export: Export, left_out: list[str]) -> "RasterFile":
        recipe = recipe_digest(study, settings, role, export.request.region, export.request.year)
        tags = export_tags(study, export, left_out) | {"recipe_digest": recipe, "code_version": code}
        return write(pixels, export, tags)

    common: dict[str, Any] = {"request": request, "partitions": years, "code": code, "tags": {"product": use.product}}
    return [
        export_asset(site, EXPORT_ASSETS[role], description=ticket_text, **common),
        pixel_asset(site, PIXEL_ASSETS[role], EXPORT_ASSETS[role], write=written, description=text, **common),
    ]


def write_composite(pixels: "xr.Dataset", export: Export, tags: dict[str, str]) -> "RasterFile":
    """Write a composite, every band in its unit."""
    from fusion_assets.imagery.compositing.composite import OBSERVATION_COUNT
    from fusion_assets.storage.raster_writing import write_raster

    product = PRODUCTS[export.request.product]
    units = {band: product.numbers(band).unit for band in export.request.recipe.bands} | {OBSERVATION_COUNT: "1"}
    return write_raster(pixels, nodata=float("nan"), tags=tags, units=units, region=export.request.area)
