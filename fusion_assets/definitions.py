"""The code location: everything Dagster loads, assembled in one place.

Loading this module must stay cheap; it imports neither TensorFlow nor Earth Engine nor scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from fusion_assets.orchestration.automation import automation_sensor
from fusion_assets.orchestration.io_managers import io_managers
from fusion_assets.orchestration.jobs import stage_jobs
from fusion_assets.orchestration.partitions import partitions_for
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.role_assets import EXPORT_ASSETS, expected_facts
from fusion_assets.orchestration.schedules import yearly_exports
from fusion_assets.orchestration.sensors import finished_exports
from fusion_assets.settings import Settings
from fusion_assets.study.imagery_requests import PIXEL_ASSETS
from fusion_assets.study.stored_outlines import configured_study
from fusion_assets.systems.built_up.defs.checks import built_up_checks
from fusion_assets.systems.built_up.defs.maps import built_up_assets
from fusion_assets.systems.ndvi.defs.assets import ndvi_assets


def build_definitions(overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Assemble the code location.

    Args:
        overrides: settings that win over the environment (see `Settings`); `study` may be a `Study`. The key
            `resources` replaces single resources.

    Raises:
        FusionError: a setting or the study is wrong.
    """
    chosen = dict(overrides or {})
    resources = chosen.pop("resources", {})
    settings = Settings.from_environment(chosen)
    study = configured_study(settings)
    partitions = partitions_for(study)
    assets = [*built_up_assets(study, settings, partitions), *ndvi_assets(study, settings, partitions)]
    jobs = stage_jobs(assets)
    by_name = {asset.key.to_user_string(): asset for asset in assets}
    exports = {PIXEL_ASSETS[role]: EXPORT_ASSETS[role] for role in PIXEL_ASSETS if PIXEL_ASSETS[role] in by_name}

    def known_partition(asset: str, key: str) -> bool:
        definition = by_name[asset].partitions_def if asset in by_name else None
        return definition is not None and definition.has_partition_key(key)

    return dg.Definitions(
        assets=assets,
        asset_checks=built_up_checks(study, partitions),
        jobs=jobs,
        schedules=[yearly_exports(study, next(job for job in jobs if job.name == "request_exports"))],
        sensors=[finished_exports(exports, known_partition, study.name), automation_sensor()],
        # A run is one partition in a process of its own; a further process a step would only cost start-up time.
        executor=dg.in_process_executor,
        resources={
            "engine": EngineResource.of(settings, study),
            **io_managers(settings.storage, expected_facts(study, settings)),
            **resources,
        },
    )


# Partitioned checks and two-dimensional mappings are announced as preview at every load; the pinned version has them.
for _category in (dg.PreviewWarning, dg.BetaWarning):
    warnings.filterwarnings("ignore", category=_category)

defs = build_definitions()
