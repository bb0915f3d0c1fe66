"""What stored artifacts of built-up land must say of where they came from."""

from __future__ import annotations

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.study.provenance import recipe_digest, roles_of

_FROM_LABELS = ("training_samples", "built_up_model", "model_evaluation", "feature_ablation", "region_transfer")
_LABELS = ("ghsl_export", "ghsl_labels")
_UNLEARNT = ("fused_stack", "training_samples")


def facts(study: Study, settings: Settings, asset: str, region: str, year: int | None) -> dict[str, str]:
    """Study, grid, recipes and features that an artifact rests on, and what learns where that is not the usual one."""
    common = {"study": study.name, "grid_digest": study.grid(region).digest}
    if asset in _LABELS and year is not None:
        return common | {"recipe_digest": recipe_digest(study, settings, "labels", region, year)}
    if asset == "rival_maps" and year is not None:
        from fusion_assets.systems.built_up.rivals.requests import rival_requests

        asked = rival_requests(study, settings, region, year)
        return common | {"recipe_digest": digest([[name, request.recipe_digest] for name, request in asked.items()])}
    roles = roles_of(study) if asset in _FROM_LABELS else study.feature_roles
    # What is made of all years says so by the recipes of all of them.
    years = study.prediction_years if year is None else (year,)
    recipes = [recipe_digest(study, settings, role, region, each) for each in years for role in roles]
    if "night_lights" in roles:
        recipes.append(study.digest("lights"))
        if study.lights_reference is not None:
            recipes.append(recipe_digest(study, settings, "night_lights", region, study.lights_reference))
    if (vectors := study.vectors) is not None:
        recipes += [vectors.recipe(settings, region, each) for each in years]
    learnt = {} if study.model == "network" or asset in _UNLEARNT else {"model": study.model}
    return common | {"recipe_digest": digest(recipes), "features": " ".join(study.feature_names)} | learnt
