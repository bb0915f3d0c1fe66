"""Composites of a study's imagery, for any system: which there are, what people see of them, how they are written."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export, ExportRequest, digest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.engine_assets import export_asset, pixel_asset
from fusion_assets.orchestration.raster_checks import raster_check
from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.study import ProductUse, Role, Study
from fusion_assets.study.imagery_requests import PIXEL_ASSETS, request_for
from fusion_assets.study.provenance import EXPORT_ASSETS, export_tags, recipe_digest

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.storage.raster_writing import RasterFile

GROUP = "imagery"
YEARLY = "request_exports"
"""The job that the yearly schedule starts."""
STAGES = {
    YEARLY: (
        ("sentinel2_export", "night_lights_export", "satellite_embedding_export"),
        "Ask the engine for one region and year.",
    ),
    "make_composites": (
        ("sentinel2_composite", "night_lights_composite", "satellite_embedding_composite"),
        "Collect finished exports.",
    ),
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
    "embedding": (
        "Ticket for one year of Google's **Satellite Embedding** over a region: which images the engine found.",
        "Google's **Satellite Embedding** of one year: 64 numbers a pixel, averaged onto the region's grid and brought "
        "back to unit length, with `observation_count`. What the numbers mean by themselves nobody says.",
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


def map_imagery(
    site: Site,
    names: tuple[str, str],
    use: ProductUse,
    asked: Callable[[Study, Settings, str, int], ExportRequest],
    partitions: dg.PartitionsDefinition,
    code: str,
    texts: tuple[str, str],
) -> list[dg.AssetsDefinition]:
    """Ticket and composite of one sensor on the pixels that a system's map is made of.

    Args:
        site: whose group they are in.
        names: of ticket and composite.
        use: of the product.
        asked: (study, settings, region, year) to what the engine is asked for.
        partitions: region x year.
        code: version of what they are made by.
        texts: what the UI shows of ticket and composite.
    """
    study, settings = site.study, site.settings

    def request(region: str, year: int) -> ExportRequest:
        return asked(study, settings, region, year)

    def write(pixels: "xr.Dataset", export: Export, left_out: list[str]) -> "RasterFile":
        facts = site.facts(names[1], export.request.region, str(export.request.year))
        raster = write_composite(pixels, export, export_tags(study, export, left_out) | facts | {"code_version": code})
        _check_known(raster, export, names[0])
        return raster

    common: dict[str, Any] = {
        "request": request, "partitions": partitions, "code": code, "tags": {"product": use.product}
    }  # fmt: skip
    return [
        export_asset(site, names[0], description=texts[0], **common),
        pixel_asset(site, names[1], names[0], write=write, description=texts[1], **common),
    ]


def _check_known(raster: "RasterFile", export: Export, ticket: str) -> None:
    """Refuse imagery without a band: no cell could be told from it."""
    unknown = [band for band in export.request.recipe.bands if not raster.stats[band]["valid_share"]]
    if unknown:
        raster.discard()
        raise FusionError(
            f"no pixel of {export.request.region} {export.request.year} is known in {', '.join(unknown)} "
            f"({number_of(len(export.scenes), 'scene')})",
            "a clear observation in most of the region",
            f"look at the scenes of {ticket} and the masks of the product, or choose another season or year",
        )


def write_composite(pixels: "xr.Dataset", export: Export, tags: dict[str, str]) -> "RasterFile":
    """Write a composite, every band in its unit."""
    from fusion_assets.imagery.compositing.composite import OBSERVATION_COUNT
    from fusion_assets.imagery.unit_vectors import unit_vectors
    from fusion_assets.storage.raster_writing import write_raster

    product = PRODUCTS[export.request.product]
    if product.unit_vectors:
        names = export.request.recipe.bands
        pixels = pixels.assign({name: (("y", "x"), band) for name, band in unit_vectors(pixels, names).items()})
    units = {band: product.numbers(band).unit for band in export.request.recipe.bands} | {OBSERVATION_COUNT: "1"}
    return write_raster(pixels, nodata=float("nan"), tags=tags, units=units, region=export.request.area)
