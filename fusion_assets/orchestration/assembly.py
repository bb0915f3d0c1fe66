"""The code location: everything Dagster loads, assembled from what the systems say of themselves."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.orchestration import composites
from fusion_assets.orchestration.automation import automation_sensor
from fusion_assets.orchestration.catalog import catalog_asset
from fusion_assets.orchestration.engine_assets import tickets_of
from fusion_assets.orchestration.failed_runs import failed_runs, hook_of
from fusion_assets.orchestration.io_managers import io_managers
from fusion_assets.orchestration.jobs import stage_jobs
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.schedules import yearly_runs
from fusion_assets.orchestration.sensors import finished_exports
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.system import System, needs_of, present, sections_of
from fusion_assets.orchestration.uploads import finished_uploads, uploads_of
from fusion_assets.redaction import redact_logs
from fusion_assets.settings import Settings
from fusion_assets.storage.simulation import MARK
from fusion_assets.study import Role, Study
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.study.stored_outlines import configured_study

# Partitioned checks and two-dimensional mappings are announced as preview at every load; the pinned version has them.
for _category in (dg.PreviewWarning, dg.BetaWarning):
    warnings.filterwarnings("ignore", category=_category)


def build_definitions(systems: Sequence[System], overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Assemble the code location.

    Args:
        systems: that a study may use.
        overrides: settings that win over the environment (see `Settings`); `study` may be a `Study`. The key
            `resources` replaces single resources.

    Raises:
        FusionError: a setting or the study is wrong.
    """
    redact_logs()
    chosen = dict(overrides or {})
    resources = chosen.pop("resources", {})
    settings = Settings.from_environment(chosen)
    study = configured_study(settings, sections_of(systems))
    site = site_of(systems, study, settings)
    roles = roles_of(systems, study)
    assets, checks = composites.assets(site, roles), composites.checks(site, roles)
    for system in present(systems, study):
        place = site.of(system.name)
        assets += system.assets(place)
        checks += system.checks(place)
        published = (each for each in system.publications() if each.asset not in system.lacking(study))
        assets += [catalog_asset(place, each) for each in published]
    check_made(assets, needs_of(systems, study))
    stages = {**composites.STAGES, **{job: stage for system in systems for job, stage in system.stages.items()}}
    jobs = stage_jobs(assets, stages)
    by_name = {asset.key.to_user_string(): asset for asset in assets}
    yearly = {composites.YEARLY, *(job for system in systems for job in system.yearly)}
    schedules = [
        yearly_runs(study, job, _partitions_of(stages[job.name], by_name)) for job in jobs if job.name in yearly
    ]

    def has_partition(asset: str, key: str) -> bool:
        definition = by_name[asset].partitions_def if asset in by_name else None
        return definition is not None and definition.has_partition_key(key)

    sensors = [finished_exports(tickets_of(assets), has_partition, study.name), automation_sensor()]
    sensors.append(failed_runs(study.name, hook_of(settings.on_failure)))
    if sent := uploads_of(assets):
        sensors.append(finished_uploads(sent, has_partition, study.name))
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=jobs,
        schedules=schedules,
        sensors=sensors,
        # A run is one partition in a process of its own; a further process a step would only cost start-up time.
        executor=dg.in_process_executor,
        resources={
            "engine": EngineResource.of(settings, study).definition(),
            **io_managers(settings.storage, site.facts),
            **resources,
        },
    )


def check_made(assets: Sequence[dg.AssetsDefinition], needs: Mapping[str, str]) -> None:
    """Refuse an asset that rests on one that the study does not make.

    Args:
        assets: all of the code location.
        needs: by asset, what a study would have to have for it.

    Raises:
        FusionError: names both.
    """
    made = {key.to_user_string() for asset in assets for key in asset.keys}
    for asset in assets:
        for missing in sorted({key.to_user_string() for key in asset.dependency_keys} - made):
            raise FusionError(
                f"{asset.key.to_user_string()} rests on {missing}, which this study does not make",
                f"one of {', '.join(sorted(made))}",
                f"give the study {needs[missing]}" if missing in needs else "correct the name in the study",
            )


def _partitions_of(
    stage: tuple[Sequence[str], str], assets: Mapping[str, dg.AssetsDefinition]
) -> dg.PartitionsDefinition:
    """Those of the assets of a stage, which are one job's and therefore equal."""
    definition = next(assets[name].partitions_def for name in stage[0] if name in assets)
    assert definition is not None
    return definition


def roles_of(systems: Sequence[System], study: Study) -> tuple[Role, ...]:
    """Roles whose composites the systems of a study need, each once."""
    return tuple(dict.fromkeys(role for system in present(systems, study) for role in system.roles(study)))


def site_of(systems: Sequence[System], study: Study, settings: Settings) -> Site:
    """The site of a study, with the facts that its stored artifacts must carry."""
    owners = {name: system for system in systems for name in system.asset_names}

    def facts(asset: str, region: str | None, year: str | None) -> dict[str, str]:
        owner = owners.get(asset)
        if owner is not None and owner.facts is not None:
            said = owner.facts(study, settings, asset, region, None if year is None else int(year))
        elif region is None:
            said = {"study": study.name}
        else:
            said = composites.facts(study, settings, asset, region, year)
        regions = [region] if region else [each.name for each in study.regions]
        simulated = any(rests_on_simulation(study, settings, each) for each in regions)
        return said | (MARK if simulated else {})

    return Site(study, settings, facts)
