"""The imagery that a study's roles need: optics, lights and labels, each an export and its pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import Export, ExportRequest, digest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import RECIPE_VERSION
from fusion_assets.orchestration.artifacts import Expected
from fusion_assets.orchestration.engine_assets import export_asset, pixel_asset
from fusion_assets.orchestration.partitions import Partitions
from fusion_assets.settings import Settings
from fusion_assets.study import Role, Study
from fusion_assets.study.imagery_requests import PIXEL_ASSETS, request_for
from fusion_assets.systems.built_up.features import labels
from fusion_assets.systems.ndvi import imagery_requests as ndvi

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.storage.raster_writing import RasterFile

EXPORT_ASSETS: dict[Role, str] = {
    "sentinel2": "sentinel2_export",
    "night_lights": "night_lights_export",
    "labels": "ghsl_export",
}
_EXPORT_TEXT: dict[Role, str] = {
    "sentinel2": "Ticket for one season of **Sentinel-2** over a region: which scenes the engine found.",
    "night_lights": "Ticket for one year of **VIIRS night lights** over a region: which months the engine found.",
    "labels": "Ticket for the **settlement labels** of the label year (GHSL, or a land cover map).",
}
_PIXEL_TEXT: dict[Role, str] = {
    "sentinel2": (
        "Cloud-free **Sentinel-2** reflectance of one season: median over time of clear observations, averaged onto "
        "the region's grid, with `observation_count`. No data where nothing was clear. Unit: reflectance (0 to 1)."
    ),
    "night_lights": (
        "**Night-time radiance** of one year: median of the months with cloud-free coverage, on the region's grid, "
        "with `observation_count`. Unit: nW/cm2/sr."
    ),
    "labels": (
        "**Settlement labels** of the label year on the region's grid: the source's class or built-up fraction, and "
        "`built_up` (1 yes, 0 no, 255 no data or outside the region). Agreement with them is not accuracy: GHSL is "
        "itself made from satellite imagery."
    ),
}


def expected_facts(study: Study, settings: Settings) -> Expected:
    """What a stored artifact must say to belong to this study: name, grid, recipes it rests on, features."""
    role_of = {asset: role for role, asset in (*PIXEL_ASSETS.items(), *EXPORT_ASSETS.items())}
    learnt = ("training_samples", "built_up_model", "model_evaluation", "feature_ablation", "region_transfer")

    def facts(asset: str, region: str | None, year: str | None) -> dict[str, str]:
        if region is None:
            return {}
        if asset in ndvi.ASSETS and year is not None:
            return ndvi.facts_of(study, settings, asset, region, int(year))
        found = {"study": study.name, "grid_digest": study.grid(region).digest}
        if asset in role_of and year is not None:
            return found | {"recipe_digest": recipe_digest(study, settings, role_of[asset], region, int(year))}
        roles = roles_of(study) if asset in learnt else study.feature_roles
        # What is made of all years says so by the recipes of all of them.
        years = study.prediction_years if year is None else (int(year),)
        recipes = [recipe_digest(study, settings, role, region, each) for each in years for role in roles]
        if "night_lights" in roles:
            recipes.append(study.digest("lights"))
            if study.lights_reference is not None:
                recipes.append(recipe_digest(study, settings, "night_lights", region, study.lights_reference))
        return found | {"recipe_digest": digest(recipes), "features": " ".join(study.feature_names)}

    return facts


def recipe_digest(study: Study, settings: Settings, role: Role, region: str, year: int) -> str:
    """12 hexadecimal digits of everything that shapes one role's pixels: the request, and how labels are read."""
    use = study.use(role)
    asked = request_for(study, settings, role, region, year).recipe_digest
    return digest([asked, use.built_codes, use.built_up_threshold]) if role == "labels" else asked


def export_request(study: Study, settings: Settings, asset: str, region: str, year: int) -> ExportRequest | None:
    """What an export asset would ask for now; None for other assets."""
    role = next((role for role, name in EXPORT_ASSETS.items() if name == asset), None)
    return None if role is None else request_for(study, settings, role, region, year)


def check_engine_makes(engine: str, assets: Collection[str]) -> None:
    """Refuse a plan that the chosen engine cannot carry out, before anything is begun.

    Args:
        engine: name.
        assets: names of the assets that are to be made.

    Raises:
        FusionError: exports are among them, and the engine makes none.
    """
    from fusion_assets.imagery.engines.protocol import series_only
    from fusion_assets.imagery.engines.sentinel_hub import SentinelHub

    exports = [name for name in EXPORT_ASSETS.values() if name in assets]
    if engine == SentinelHub.name and exports:
        raise series_only(engine, ", ".join(exports), "'group:ndvi'")


def roles_of(study: Study) -> tuple[Role, ...]:
    """Roles whose imagery is made: what the features need, and labels where the study has them."""
    return (*study.feature_roles, *(role for role in study.products.given() if role == "labels"))


def role_assets(
    role: Role, study: Study, settings: Settings, partitions: Partitions, group: str
) -> list[dg.AssetsDefinition]:
    """Export and pixels of one role."""
    use = study.use(role)

    def request(region: str, year: int) -> ExportRequest:
        return request_for(study, settings, role, region, year)

    common: dict[str, Any] = {
        "partitions_def": partitions.label_year if role == "labels" else partitions.every_year,
        "group_name": group,
        "tags": {"product": use.product},
    }
    sections = ("resolution", "season", "working_resolution", "min_valid_share", f"products.{role}")
    code = digest([study.digest(*sections), dataclasses.asdict(use.recipe), RECIPE_VERSION])

    def tags_of(export: Export, left_out: list[str]) -> dict[str, str]:
        asked = export.request
        recipe = recipe_digest(study, settings, role, asked.region, asked.year)
        return provenance(study, export, left_out) | {"recipe_digest": recipe, "code_version": code}

    write = _write_labels if role == "labels" else _write_composite
    return [
        export_asset(EXPORT_ASSETS[role], request, code, description=_EXPORT_TEXT[role], **common),
        pixel_asset(
            PIXEL_ASSETS[role],
            EXPORT_ASSETS[role],
            request,
            lambda pixels, export, left_out: write(study, pixels, export, tags_of(export, left_out)),
            code,
            tolerance=study.max_unreadable_share,
            description=_PIXEL_TEXT[role],
            **common,
        ),
    ]


def study_tags(study: Study, **more: Any) -> dict[str, str]:
    """Tags that every raster of a study carries."""
    return {"study": study.name, "study_digest": study.digest(), **{key: str(value) for key, value in more.items()}}


def provenance(study: Study, export: Export, left_out: list[str]) -> dict[str, str]:
    """Tags that say where the pixels of an export came from."""
    first, last = export.request.window
    return study_tags(
        study,
        region=export.request.region,
        year=export.request.year,
        product=export.request.product,
        engine=export.engine,
        operation=export.id,
        window=f"{first}/{last}",
        scene_count=len(export.scenes) - len(left_out),
        scenes_left_out=len(left_out),
    )


def _write_composite(study: Study, pixels: xr.Dataset, export: Export, tags: dict[str, str]) -> RasterFile:
    from fusion_assets.imagery.compositing.composite import OBSERVATION_COUNT
    from fusion_assets.storage.raster_writing import write_raster

    unit = PRODUCTS[export.request.product].unit
    units = dict.fromkeys(export.request.recipe.bands, unit) | {OBSERVATION_COUNT: "1"}
    return write_raster(pixels, nodata=float("nan"), tags=tags, units=units, region=export.request.area)


def labels_of(study: Study, pixels: xr.Dataset, request: ExportRequest) -> xr.Dataset:
    """Labels of a region from the pixels of its label product; see `labels.built_up_labels`."""
    use, cells = study.use("labels"), labels.source_cells(pixels)
    return labels.built_up_labels(
        pixels,
        use.recipe,
        request.grid.inside(request.area),
        built_codes=use.built_codes or (),
        threshold=use.built_up_threshold,
        source_pixel_m2=labels.source_cell_m2(request.grid, *cells) if use.recipe.label == "fraction" else 1.0,
    )


def _write_labels(study: Study, pixels: xr.Dataset, export: Export, tags: dict[str, str]) -> RasterFile:
    from fusion_assets.storage.raster_writing import write_raster

    labelled = labels_of(study, pixels, export.request)
    where = {key: str(value) for key, value in pixels.attrs.items()}
    units = dict.fromkeys(map(str, labelled.data_vars), "1")
    return write_raster(labelled, nodata=labels.NO_DATA, tags=tags | where, units=units, region=export.request.area)
