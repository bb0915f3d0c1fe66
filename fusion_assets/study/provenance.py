"""What a study's imagery is called, and what a stored artifact says of where it came from."""

from __future__ import annotations

from typing import Any

from fusion_assets.imagery.engines.protocol import Export, ExportRequest, digest
from fusion_assets.settings import Settings
from fusion_assets.storage.simulation import MARK, WORD, are_simulated, is_synthetic
from fusion_assets.study import ProductUse, Role, Study
from fusion_assets.study.imagery_requests import request_for

EXPORT_ASSETS: dict[Role, str] = {
    "sentinel2": "sentinel2_export",
    "night_lights": "night_lights_export",
    "labels": "ghsl_export",
    "embedding": "satellite_embedding_export",
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
        **(MARK if is_simulated(export) else {}),
    )


def is_simulated(export: Export) -> bool:
    """Whether an export's imagery is simulated, as far as scenes or archive tell."""
    return are_simulated(export.scenes) or is_synthetic(export.request.archive)


def rests_on_simulation(study: Study, settings: Settings, region: str | None = None) -> bool:
    """Whether any imagery of a study comes from a simulated archive.

    Other engines do not name their archive: there it is the scenes of the tickets that tell, once they are stored.

    Args:
        study: which may have other systems' sections.
        settings: with engine, archive and storage.
        region: that is asked about; by default any.
    """
    if settings.engine == "archive":
        archives = [use.archive for use in _uses(study)]
        return any(is_synthetic(archive.location if archive else settings.archive) for archive in archives)
    regions = [region] if region else [each.name for each in study.regions]
    assets = tuple(EXPORT_ASSETS[role] for role in roles_of(study))
    return any(_tickets_tell(settings.storage, each, assets) for each in regions)


def _uses(study: Study) -> list[ProductUse]:
    """Products of the study and of its systems' sections."""
    sections = [study.section(name) for name in study.sections]
    held = [value for section in sections if section is not None for _, value in section]
    return [*study.products.given().values(), *(value for value in held if isinstance(value, ProductUse))]


_TOLD: dict[tuple[str, str, tuple[str, ...]], bool] = {}


def _tickets_tell(root: str, region: str, assets: tuple[str, ...]) -> bool:
    """Whether a region's first stored ticket of any asset names simulated scenes; looked up until there are all."""
    asked = (root, region, assets)
    if asked not in _TOLD:
        from fusion_assets.storage.root import Storage

        storage = Storage(root)
        stored = {asset: storage.names(f"{asset}/{region}") for asset in assets}
        paths = [storage.path(asset, region, names[0], "json") for asset, names in stored.items() if names]
        told = any(WORD.encode() in storage.read_bytes(path) for path in paths)
        if not told and len(paths) < len(assets):
            return False
        _TOLD[asked] = told
    return _TOLD[asked]
