"""What a study's imagery is called, and what a stored artifact says of where it came from."""

from __future__ import annotations

from typing import Any

from fusion_assets.imagery.engines.protocol import Export, ExportRequest, digest
from fusion_assets.settings import Settings
from fusion_assets.study import Role, Study
from fusion_assets.study.imagery_requests import request_for

EXPORT_ASSETS: dict[Role, str] = {
    "sentinel2": "sentinel2_export",
    "night_lights": "night_lights_export",
    "labels": "ghsl_export",
}
"""Asset that holds the ticket of each role."""


def roles_of(study: Study) -> tuple[Role, ...]:
    """Roles whose imagery is made: what the features need, and labels where the study has them."""
    return (*study.feature_roles, *(role for role in study.products.given() if role == "labels"))


def recipe_digest(study: Study, settings: Settings, role: Role, region: str, year: int) -> str:
    """12 hexadecimal digits of everything that shapes one role's pixels: the request, and how labels are read."""
    use = study.use(role)
    request = request_for(study, settings, role, region, year).recipe_digest
    return digest([request, use.built_codes, use.built_up_threshold]) if role == "labels" else request


def export_request(study: Study, settings: Settings, asset: str, region: str, year: int) -> ExportRequest | None:
    """What an export asset would ask for now; None for other assets."""
    role = next((role for role, name in EXPORT_ASSETS.items() if name == asset), None)
    return None if role is None else request_for(study, settings, role, region, year)


def study_tags(study: Study, **more: Any) -> dict[str, str]:
    """Tags that every raster of a study carries."""
    return {"study": study.name, "study_digest": study.digest(), **{key: str(value) for key, value in more.items()}}


def export_tags(study: Study, export: Export, left_out: list[str]) -> dict[str, str]:
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


def rests_on_simulation(study: Study, settings: Settings) -> bool:
    """Whether any imagery of a study comes from a simulated archive."""
    if settings.engine != "archive":
        return False
    from fusion_assets.demo.truth import is_synthetic

    archives = [study.use(role).archive for role in roles_of(study)]
    return any(is_synthetic(archive.location if archive else settings.archive) for archive in archives)
