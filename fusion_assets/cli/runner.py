"""Making what is missing or stale, in dependency order, in this process: what `fusion run` does.

Every step is an ordinary Dagster run of one asset and partition on the project's instance, so the web UI shows the
same records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import RunFailureReason
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from fusion_assets.cli import interruption
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.orchestration.artifacts import Artifact, ArtifactIOManager
from fusion_assets.orchestration.content_records import ContentRecord, check_content, content_record, while_replaced
from fusion_assets.orchestration.engine_assets import DOUBTS_METADATA, FLAGS_METADATA, UNREADABLE_METADATA
from fusion_assets.orchestration.instance import creator_tags
from fusion_assets.orchestration.metadata import lines_of
from fusion_assets.orchestration.partitions import EVERY_REGION, dimensions_of
from fusion_assets.orchestration.staleness import NOT_MADE, why_stale
from fusion_assets.orchestration.uploads import why_unsettled
from fusion_assets.study import Study
from fusion_assets.study.provenance import EXPORT_ASSETS

_SHOWN = 3
_RUNS_LOOKED_AT = 50
AskedNow = Callable[[str, str, int], ExportRequest | None]


@dataclass(frozen=True)
class Step:
    """One asset and partition to make."""

    asset: dg.AssetsDefinition
    partition: str | None

    @property
    def name(self) -> str:
        """Asset and partition for people."""
        return _named((self.asset.key, self.partition))

    @property
    def dimensions(self) -> dict[str, str]:
        """What the partition says by dimension."""
        return dimensions_of(self.partition, self.asset.partitions_def)


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

    Attributes:
        step: which one.
        state: `made`, `fresh` (nothing to do), `failed`, or `skipped` (something it rests on failed).
        message: error text, or the reason why the step was run or skipped.
        warnings: attempts that failed before the last one, checks that did not pass, and what is doubtful about the
            scenes that were read.
    """

    step: Step
    state: str
    message: str = ""
    warnings: tuple[str, ...] = ()


def plan(
    definitions: dg.Definitions,
    study: Study,
    regions: Sequence[str] = (),
    years: Sequence[int] = (),
    select: str = "",
    lacking: Mapping[str, str] | None = None,
) -> list[Step]:
    """Assets and partitions to look at, region by region, upstream first.

    Args:
        definitions: of the code location.
        study: that they were built from.
        regions: names or titles; empty means all.
        years: prediction and composite years; empty means all. The label year is added when predictions are among
            the assets, because they rest on its model. What is made of all years, or of all regions, waits for a plan
            with all of them.
        select: Dagster asset selection, for example `built_up_prediction` or `+training_samples`; names may be
            separated by commas; empty means all.
        lacking: by asset or group that the study has not, what it would have to have for it.

    Raises:
        FusionError: unknown region, year or selection.
    """
    graph = definitions.resolve_asset_graph()
    chosen = _selected(definitions, study, select, lacking or {})
    known = [region.name for region in study.regions]
    regions = list(dict.fromkeys(study.region_called(region).name for region in regions))
    _check("years", years, list(study.years), "--years")
    wanted = set(years or study.years)
    if not select and study.label_year is not None and wanted & set(study.prediction_years):
        wanted.add(study.label_year)
    ordered = [key for level in graph.toposorted_asset_keys_by_level for key in level if key in chosen]
    chosen_regions = regions or known
    steps = [
        step
        for key in ordered
        for step in _steps_of(definitions.get_assets_def(key))
        if _years_of(step, study) <= wanted and _regions_of(step, known) <= set(chosen_regions)
    ]
    # Region by region, except what rests on all of them: that comes last, an asset after what it rests on.
    last = {key: EVERY_REGION in definitions.get_assets_def(key).tags_by_key[key] for key in ordered}
    steps.sort(key=lambda step: (True, 0) if last[step.asset.key] else (False, _place(step, chosen_regions)))  # stable
    if not steps:
        raise FusionError(
            f"nothing to do: {select or 'the study'} has no partition in {', '.join(map(str, sorted(wanted)))}",
            f"years the assets have; what is learnt belongs to the label year, {study.label_year}, or to all regions",
            "choose other --years or another --select, or leave --region out",
        )
    return steps


def check_engine_makes(engine: str, assets: Collection[str], of_series: Sequence[str]) -> None:
    """Refuse a plan that the chosen engine cannot carry out, before anything is begun.

    Args:
        engine: name.
        assets: names of the assets that are to be made.
        of_series: groups of assets that are made of series alone.

    Raises:
        FusionError: exports are among them, and the engine makes none.
    """
    from fusion_assets.imagery.engines.protocol import series_only
    from fusion_assets.imagery.engines.sentinel_hub import SentinelHub

    exports = [name for name in EXPORT_ASSETS.values() if name in assets]
    if engine == SentinelHub.name and exports:
        groups = " or ".join(f"'group:{name}'" for name in of_series)
        raise series_only(engine, ", ".join(exports), *([groups] if groups else []))


def run_steps(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    managers: Mapping[str, ArtifactIOManager],
    steps: Iterable[Step],
    asked_now: AskedNow,
    started: Callable[[Step], None] = lambda step: None,
) -> Iterator[Outcome]:
    """Make each step that is missing or stale; after a failure what rests on it is skipped, and nothing else.

    Args:
        definitions: of the code location.
        instance: that keeps the records.
        managers: IO managers by resource key; they know what is stored.
        steps: in dependency order.
        asked_now: (asset, region, year) to the request that an export asset would make now, None for other assets.
        started: called when a step begins.

    Yields:
        One outcome a step, when it has ended.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came; nothing more is begun, and what was under way has no outcome.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    broken: set[tuple[dg.AssetKey, str | None]] = set()
    for step in steps:
        interruption.check()
        upstream = next((each for each in _upstream(step, definitions) if each in broken), None)
        if upstream:
            broken.add((step.asset.key, step.partition))
            yield Outcome(step, "skipped", f"rests on {_named(upstream)}, which was not made")
            continue
        reason = why_not_fresh(step, definitions, instance, managers, asked_now)
        if not reason:
            yield Outcome(step, "fresh")
            continue
        started(step)
        result = job.execute_in_process(
            asset_selection=[step.asset.key],
            partition_key=step.partition,
            instance=instance,
            raise_on_error=False,
            run_config=quiet,
            tags={"fusion/by": "fusion run", **creator_tags()},
        )
        interruption.check()
        if was_interrupted(result):
            raise KeyboardInterrupt
        warnings = (*failed_attempts(result), *_failed_checks(result))
        if result.success:
            yield Outcome(step, "made", reason, (*warnings, *_doubts(result)))
        else:
            broken.add((step.asset.key, step.partition))
            yield Outcome(step, "failed", failure_text(result), warnings)


def foreseen_steps(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    managers: Mapping[str, ArtifactIOManager],
    steps: Iterable[Step],
    asked_now: AskedNow,
) -> Iterator[Outcome]:
    """What `run_steps` would do and why; nothing is made.

    Args:
        definitions: of the code location.
        instance: that keeps the records.
        managers: IO managers by resource key.
        steps: in dependency order.
        asked_now: as for `run_steps`.

    Yields:
        One outcome a step: `fresh`, or `missing`, `stale`, `failed` (at the last attempt) with the reason.
    """
    made: set[tuple[dg.AssetKey, str | None]] = set()
    for step in steps:
        interruption.check()
        reason = why_not_fresh(step, definitions, instance, managers, asked_now)
        before = [_named(each) for each in _upstream(step, definitions) if each in made]
        if not reason and not before:
            yield Outcome(step, "fresh")
            continue
        made.add((step.asset.key, step.partition))
        if failure := _last_failure(step, instance):
            yield Outcome(step, "failed", failure)
        else:
            yield Outcome(step, "missing" if reason == NOT_MADE else "stale", reason or f"rests on {before[0]}")


def _last_failure(step: Step, instance: dg.DagsterInstance) -> str:
    """First line of the error of the last attempt; empty where that did not fail, or nobody tried."""
    tags = {}
    if step.partition is not None:
        assert step.asset.partitions_def is not None
        status = instance.get_status_by_partition(step.asset.key, [step.partition], step.asset.partitions_def)
        if not status or status.get(step.partition) is not AssetPartitionStatus.FAILED:
            return ""
        tags = {"dagster/partition": step.partition}
    elif instance.get_latest_materialization_event(step.asset.key):
        return ""
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags=tags)
    for run in instance.get_runs(failed, limit=_RUNS_LOOKED_AT):
        for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
            event = entry.dagster_event
            if event and event.step_key == step.asset.node_def.name and event.step_failure_data.error:
                return _first_line(_innermost(event.step_failure_data.error).message)
    return "the last attempt failed" if step.partition is not None else ""


def was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Dagster has caught Ctrl-C, and made it a failure of the run."""
    reasons = [event.job_failure_data.failure_reason for event in result.all_events if event.is_job_failure]
    return RunFailureReason.UNEXPECTED_TERMINATION in reasons


def why_not_fresh(
    step: Step,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    managers: Mapping[str, ArtifactIOManager],
    asked_now: AskedNow,
) -> str:
    """Why a step has to be run; empty when what is stored is up to date.

    Missing and stale mean what the web UI means by them: never made, made by other code or another recipe, or made
    from inputs that have changed since. A file that has been removed or damaged is missing too, and a ticket is stale
    when the study or the archive is no longer the one it was asked with (an outline that has moved, say), or when it is
    of an upload that had not ended.
    """
    key, partition = step.asset.key, step.partition
    stale = why_stale(definitions, instance, key, partition)
    if stale:
        return stale
    manager, artifact = manager_of(step, managers)
    try:
        while_replaced(lambda: _look(manager, artifact, content_record(instance, key, partition)))
    except FusionError as error:
        return f"what is stored cannot be used: {error.found}"
    where = step.dimensions
    request = None
    if where.keys() == {"region", "year"}:
        request = asked_now(key.to_user_string(), where["region"], int(where["year"]))
    if request is not None and manager.load(artifact)["request"] != request.to_dict():
        return "the study or the archive has changed"
    return why_unsettled(step.asset, lambda: manager.load(artifact))


def manager_of(step: Step, managers: Mapping[str, ArtifactIOManager]) -> tuple[ArtifactIOManager, Artifact]:
    """What a step stores, and the manager that stores it."""
    key = step.asset.key
    artifact = Artifact.of(key, step.partition, step.asset.partitions_def)
    return managers[step.asset.get_io_manager_key_for_asset_key(key)], artifact


def _look(manager: ArtifactIOManager, artifact: Artifact, record: ContentRecord | None) -> None:
    manager.verify(artifact)
    check_content(manager, artifact, record)


def _upstream(step: Step, definitions: dg.Definitions) -> Iterator[tuple[dg.AssetKey, str | None]]:
    """Assets and partitions that a step reads, by the mappings of its asset."""
    graph = definitions.resolve_asset_graph()
    partitions = step.asset.partitions_def
    this = (
        None
        if step.partition is None or partitions is None
        else partitions.subset_with_partition_keys([step.partition])
    )
    for parent in graph.get(step.asset.key).parent_keys:
        upstream = graph.get(parent).partitions_def
        if upstream is None:
            yield parent, None
            continue
        mapping = graph.get_partition_mapping(step.asset.key, parent)
        upstream_keys = mapping.get_upstream_mapped_partitions_result_for_partitions(this, partitions, upstream)
        yield from ((parent, str(key)) for key in upstream_keys.partitions_subset.get_partition_keys())


def _steps_of(asset: dg.AssetsDefinition) -> list[Step]:
    """All partitions of an asset, or the asset alone."""
    partitions = asset.partitions_def
    return [Step(asset, str(key)) for key in partitions.get_partition_keys()] if partitions else [Step(asset, None)]


def _years_of(step: Step, study: Study) -> set[int]:
    """Years that a partition is about: its own, or without one all that are predicted."""
    year = step.dimensions.get("year")
    return {int(year)} if year else set(study.prediction_years)


def _regions_of(step: Step, known: Collection[str]) -> set[str]:
    """Regions that a partition is about: its own, or without one all."""
    region = step.dimensions.get("region")
    return {region} if region else set(known)


def _place(step: Step, regions: Sequence[str]) -> int:
    """Place of a step's region among others; what is of no region comes before them."""
    region = step.dimensions.get("region")
    return regions.index(region) if region else -1


def _named(made: tuple[dg.AssetKey, str | None]) -> str:
    """Asset and partition for people."""
    return f"{made[0].to_user_string()} {made[1] or ''}".rstrip()


def _selected(definitions: dg.Definitions, study: Study, select: str, lacking: Mapping[str, str]) -> set[dg.AssetKey]:
    graph = definitions.resolve_asset_graph()
    if not select:
        return set(graph.executable_asset_keys)
    names = ", ".join(sorted(key.to_user_string() for key in graph.executable_asset_keys))
    chosen: set[dg.AssetKey] = set()
    problem = "matches no asset of this study"
    try:
        clauses = [dg.AssetSelection.from_string(clause.strip()).resolve(graph) for clause in select.split(",")]
        chosen = set().union(*clauses)
    except Exception as error:
        problem = f"is not an asset selection ({type(error).__name__})"
    if chosen:
        return chosen
    for name, needed in lacking.items():
        if name in select and name not in names:
            raise FusionError(f"--select {select!r}: study {study.name} has no such asset", f"a study with {needed}",
                              "choose another asset, or change the study")  # fmt: skip
    raise FusionError(f"--select {select!r} {problem}", names, "choose among these")


def _check(what: str, given: Sequence[object], known: Sequence[object], option: str) -> None:
    unknown = [item for item in given if item not in known]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise FusionError(
            f"{option}: the study has no {what} {', '.join(map(str, unknown[:5]))}{more}",
            ", ".join(map(str, known)),
            f"choose among these, or add it to the study and leave {option} out",
        )


def failed_attempts(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why the step was tried again, in one line an attempt."""
    errors = [
        event.step_retry_data.error
        for event in result.all_events
        if event.event_type is DagsterEventType.STEP_UP_FOR_RETRY
    ]
    return [
        f"attempt {number} failed, and was repeated: {_first_line(_innermost(error).message)}"
        for number, error in enumerate(filter(None, errors), 1)
    ]


def _first_line(message: str) -> str:
    """What an error says, without the name of its class before it."""
    return re.sub(r"^[\w.]+(Error|Unreachable|UnreadableFile|UnusableScene): ", "", message.strip().splitlines()[0])


def _innermost(error: Any) -> Any:
    """The error at the root of one that Dagster has recorded."""
    while error.cause is not None:
        error = error.cause
    return error


def _failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        f"check {check.check_name} did not pass: {check.description or _facts_of(check)}"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    ]


def _facts_of(check: dg.AssetCheckEvaluation) -> str:
    return ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())


def _doubts(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """What assets say of doubtful or missing scenes, shortened; the whole is in the asset's metadata."""
    for event in result.all_events:
        if event.event_type is not DagsterEventType.ASSET_MATERIALIZATION:
            continue
        metadata = event.step_materialization_data.materialization.metadata
        for name in (UNREADABLE_METADATA, FLAGS_METADATA, DOUBTS_METADATA):
            lines = lines_of(metadata[name]) if name in metadata else []
            yield from lines[:_SHOWN]
            if len(lines) > _SHOWN:
                yield f"and {len(lines) - _SHOWN} more; all are in the asset's metadata, under {name}"


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    """The message of the FusionError behind a failed run, or the innermost error's first lines."""
    for event in result.all_events:
        if event.event_type in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
            data = event.event_specific_data
            failure = getattr(data, "user_failure_data", None)
            if failure is not None and failure.description:
                return str(failure.description)
            error = getattr(data, "error", None)
            if error is not None:
                return _innermost(error).message.strip()
    return "the run failed; see its logs in the web UI"
