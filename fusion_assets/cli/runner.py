"""Making what is missing or stale, in dependency order, in this process: what `fusion run` does.

Every step is an ordinary Dagster run of one asset and partition on the project's instance, so the web UI shows the
same records. What another process is making is left to it, and looked at again when there is nothing else to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from fusion_assets.cli import interruption
from fusion_assets.cli.claims import claimed
from fusion_assets.cli.run_results import (
    doubts,
    failed_attempts,
    failed_checks,
    failure_text,
    was_interrupted,
)
from fusion_assets.cli.steps import Step, named
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.orchestration.artifacts import Artifact, ArtifactIOManager
from fusion_assets.orchestration.content_records import ContentRecord, check_content, content_record, while_replaced
from fusion_assets.orchestration.failures import first_line, innermost
from fusion_assets.orchestration.instance import creator_tags
from fusion_assets.orchestration.staleness import NOT_MADE, why_stale
from fusion_assets.orchestration.uploads import why_unsettled

_RUNS_LOOKED_AT = 50
_LOOK_SECONDS = 0.5
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
AskedNow = Callable[[str, str, int], ExportRequest | None]


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


def run_steps(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    managers: Mapping[str, ArtifactIOManager],
    steps: Iterable[Step],
    asked_now: AskedNow,
    started: Callable[[Step], None] = lambda step: None,
    waiting: Callable[[Step], None] = lambda step: None,
) -> Iterator[Outcome]:
    """Make each step that is missing or stale; after a failure what rests on it is skipped, and nothing else.

    Args:
        definitions: of the code location.
        instance: that keeps the records.
        managers: IO managers by resource key; they know what is stored.
        steps: in dependency order.
        asked_now: (asset, region, year) to the request that an export asset would make now, None for other assets.
        started: called when a step begins.
        waiting: called when all that is left waits for other processes, with the first step of it.

    Yields:
        One outcome a step, when it has ended.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came; nothing more is begun, and what was under way has no outcome.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    broken: set[tuple[dg.AssetKey, str | None]] = set()
    left, told = list(steps), None

    def settled(step: Step) -> Outcome | None:
        """Of a step that can be made; None while another process is making it."""
        if not why_not_fresh(step, definitions, instance, managers, asked_now):
            return Outcome(step, "fresh")
        with claimed(instance.root_directory, step) as ours:
            if not ours:
                return None
            # Another process may just have made it.
            reason = why_not_fresh(step, definitions, instance, managers, asked_now)
            if not reason:
                return Outcome(step, "fresh")
            started(step)
            return _made(step, job, instance, reason)

    while left:
        elsewhere: dict[tuple[dg.AssetKey, str | None], Step] = {}
        for step in left:
            interruption.check()
            this, upstream = (step.asset.key, step.partition), list(_upstream(step, definitions))
            outcome = None
            if found := next((each for each in upstream if each in broken), None):
                outcome = Outcome(step, "skipped", f"rests on {named(found)}, which was not made")
            elif not any(each in elsewhere for each in upstream):
                outcome = settled(step)
            if outcome is None:
                elsewhere[this] = step
                continue
            if outcome.state in ("skipped", "failed"):
                broken.add(this)
            yield outcome
        if len(elsewhere) == len(left):
            if told != left[0]:
                told = left[0]
                waiting(told)
            time.sleep(_LOOK_SECONDS)
        left = list(elsewhere.values())


def _made(step: Step, job: dg.JobDefinition, instance: dg.DagsterInstance, reason: str) -> Outcome:
    """Run a step; `reason` says why."""
    result = job.execute_in_process(
        asset_selection=[step.asset.key],
        partition_key=step.partition,
        instance=instance,
        raise_on_error=False,
        run_config=_QUIET,
        tags={"fusion/by": "fusion run", **creator_tags()},
    )
    interruption.check()
    if was_interrupted(result):
        raise KeyboardInterrupt
    warnings = (*failed_attempts(result), *failed_checks(result))
    if result.success:
        return Outcome(step, "made", reason, (*warnings, *doubts(result)))
    return Outcome(step, "failed", failure_text(result), warnings)


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
        before = [named(each) for each in _upstream(step, definitions) if each in made]
        if not reason and not before:
            yield Outcome(step, "fresh")
            continue
        made.add((step.asset.key, step.partition))
        if failure := _last_failure(step, instance):
            yield Outcome(step, "failed", failure)
        else:
            yield Outcome(step, "missing" if reason == NOT_MADE else "stale", reason or f"rests on {before[0]}")


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
                return first_line(innermost(event.step_failure_data.error).message)
    return "the last attempt failed" if step.partition is not None else ""


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
