"""Local climate zones and the stage of fusion, as the shared rooms know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import System

if TYPE_CHECKING:
    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study
    from fusion_assets.study.sections import SystemSection

_STAGES = {
    "read_zone_patches": (("lcz_patches", "lcz_splits"), "Check and convert labelled patches, and hold some back."),
    "train_fusion": (("fusion_model", "fusion_prediction"), "Train a network, and ask it for what it has not seen."),
    "sum_fusion": (("independent_sum",), "Average networks that were trained apart."),
    "score_baselines": (("zone_baselines",), "Ask simple methods for the same patches."),
    "score_fusion": (("fusion_scores",), "Figures of a network over cities and trainings."),
    "compare_fusion": (("fusion_study",), "Put every stage of fusion beside the others."),
}


def _assets(site: Site) -> list[dg.AssetsDefinition]:
    from fusion_assets.systems.climate_zones.defs.patches import patch_assets
    from fusion_assets.systems.climate_zones.defs.study import study_assets
    from fusion_assets.systems.climate_zones.defs.trainings import training_assets

    return [*patch_assets(site), *training_assets(site), *study_assets(site)]


def _lacking(study: Study) -> Mapping[str, str]:
    section = study.section("climate_zones")
    if section is not None:
        return {} if 6 in section.stages else {"independent_sum": "stage 6 in its section `climate_zones`"}
    names = [name for assets, _ in _STAGES.values() for name in assets]
    return dict.fromkeys(("climate_zones", *names), "a section `climate_zones`")


def _facts(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    return {"study": study.name, "recipe_digest": study.digest("climate_zones")}


def _section() -> SystemSection:
    from fusion_assets.systems.climate_zones.section import CLIMATE_ZONES_SECTION

    return CLIMATE_ZONES_SECTION


CLIMATE_ZONES = System(
    name="climate_zones",
    stages=_STAGES,
    assets=_assets,
    lacking=_lacking,
    section=_section,
    facts=_facts,
    working=("zone_arrays", "zone_states"),
)
