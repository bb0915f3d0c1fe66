"""The sensor that turns finished exports into composites and labels.

A tick is one listing of the engine and one look at Dagster's own records per asset; what to do with an export is
decided by the pure function `decide`.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterEventType

from fusion_assets.imagery.export_failures import Kind, kind_of
from fusion_assets.imagery.exports import Export
from fusion_assets.imagery_assets import OPERATION_METADATA
from fusion_assets.instance import settle_dead_runs
from fusion_assets.metadata import readable
from fusion_assets.resources import EngineResource

OPERATION_TAG = "fusion/operation"
MAX_FAILED_RUNS = 3
# Attempts of one export on the engine's side, the first included.
MAX_ATTEMPTS = 4
_FIRST_PAUSE = dt.timedelta(minutes=1)
# A ticket is stored moments after its operation is recorded; one still missing after this was abandoned.
_TICKET_GRACE = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Records:
    """What Dagster knows, read once a tick.

    Attributes:
        ticket: operation of the newest ticket by (pixel asset, partition).
        made_from: operation that the newest pixels were made from, by (pixel asset, partition).
        running: (pixel asset, partition) with a run queued or under way.
        failures: failed runs by operation.
    """

    ticket: dict[tuple[str, str], str] = field(default_factory=dict)
    made_from: dict[tuple[str, str], str] = field(default_factory=dict)
    running: frozenset[tuple[str, str]] = frozenset()
    failures: dict[str, int] = field(default_factory=dict)


def decide(export: Export, records: Records, now: dt.datetime) -> str:
    """What to do with one finished export.

    Returns:
        `request`, `wait` (look again at the next tick), or why it is left alone: `made`, `superseded`, `given up`,
        `failed`.
    """
    place = (export.request.asset, export.request.partition)
    if records.made_from.get(place) == export.id:
        return "made"
    if records.ticket.get(place) != export.id:
        finished = dt.datetime.fromisoformat(export.finished or export.submitted)
        return "wait" if now - finished < _TICKET_GRACE else "superseded"
    if export.state == "FAILED":
        return "failed"
    if records.failures.get(export.id, 0) >= MAX_FAILED_RUNS:
        return "given up"
    if place in records.running:
        return "wait"
    return "request"


def finished_exports(
    export_assets: dict[str, str], known_partition: Callable[[str, str], bool], study_name: str
) -> dg.SensorDefinition:
    """The sensor `finished_exports`.

    Args:
        export_assets: export asset by pixel asset, for example `{"ghsl_labels": "ghsl_export"}`.
        known_partition: (pixel asset, partition key) to whether the study has it.
        study_name: for the runs' tags.
    """

    @dg.sensor(
        name="finished_exports",
        asset_selection=dg.AssetSelection.assets(*export_assets),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests the composite or labels of every export that has finished, once for each operation.",
    )
    def sensor(context: dg.SensorEvaluationContext, engine: EngineResource) -> dg.SensorResult | dg.SkipReason:
        settle_dead_runs(context.instance)
        client = engine.client()
        exports, cursor = client.finished_since(context.cursor)
        ours = [e for e in exports if known_partition(e.request.asset, e.request.partition)]
        records = _records(context.instance, export_assets, ours)
        now = dt.datetime.now(dt.UTC)
        decisions = {export.id: decide(export, records, now) for export in ours}
        events = []
        for export in ours:
            place = f"{export.request.asset} {export.request.partition}"
            if decisions[export.id] == "given up":
                context.log.warning(f"{place}: given up; see its failed runs")
            if decisions[export.id] == "failed":
                facts = client.facts(export)
                kind = kind_of(export.message)
                if kind.retried and int(str(facts.get("attempt", 1))) < MAX_ATTEMPTS:
                    # A later tick finds the new attempt finished; nothing is asked before it has rested.
                    if _rested(export, facts, now):
                        client.resubmit(export)
                    decisions[export.id] = "wait"
                    continue
                failure = _failure(export, export_assets[export.request.asset], kind, facts)
                if not _reported(context.instance, failure):
                    context.log.warning(f"{place}: {export.message}; {kind.advice}")
                    events.append(failure)
        # The cursor stays at the oldest export that is still unsettled, so that nothing is lost between ticks.
        open_since = [e.finished or e.submitted for e in ours if decisions[e.id] in ("wait", "request")]
        cursor = min([cursor, *open_since])
        requests = [
            dg.RunRequest(
                run_key=f"{export.id}-{records.failures.get(export.id, 0)}",
                asset_selection=[dg.AssetKey(export.request.asset)],
                partition_key=export.request.partition,
                tags={OPERATION_TAG: export.id, "fusion/study": study_name},
            )
            for export in ours
            if decisions[export.id] == "request"
        ]
        if requests or events:
            return dg.SensorResult(run_requests=requests, asset_events=events, cursor=cursor)
        counted = Counter(decisions.values())
        text = ", ".join(f"{count} {decision}" for decision, count in sorted(counted.items())) or "none known"
        return dg.SensorResult(skip_reason=dg.SkipReason(f"No export to collect: {text}."), cursor=cursor)

    return sensor


def _rested(export: Export, facts: Mapping[str, object], now: dt.datetime) -> bool:
    """Whether a failed export has waited long enough to be tried anew: twice as long after every attempt."""
    finished = dt.datetime.fromisoformat(export.finished or export.submitted)
    return now - finished >= _FIRST_PAUSE * 2 ** (int(str(facts.get("attempt", 1))) - 1)


def _failure(export: Export, asset: str, kind: Kind, facts: Mapping[str, object]) -> dg.AssetObservation:
    """What people see on the export asset when asking again cannot help."""
    return dg.AssetObservation(
        asset,
        partition=export.request.partition,
        description=f"The export failed ({kind.name}): {export.message}",
        metadata={
            OPERATION_METADATA: export.id,
            "state": "FAILED",
            "kind": kind.name,
            "message": export.message,
            "to_do": kind.advice,
            **readable(facts),
        },
    )


def _reported(instance: dg.DagsterInstance, failure: dg.AssetObservation) -> bool:
    """Whether the newest observation of the partition already tells of this failure."""
    partition = [failure.partition] if failure.partition else None
    wanted = dg.AssetRecordsFilter(asset_key=failure.asset_key, asset_partitions=partition)
    records = instance.fetch_observations(wanted, limit=1).records
    told = records[0].event_log_entry.asset_observation if records else None
    return told is not None and told.metadata == failure.metadata


def _records(instance: dg.DagsterInstance, export_assets: dict[str, str], exports: Iterable[Export]) -> Records:
    """Dagster's records about these exports: four queries an asset, two for the runs."""
    exports = list(exports)
    ticket, made_from = {}, {}
    for asset in {export.request.asset for export in exports}:
        for partition, operation in _newest_operations(instance, export_assets[asset]).items():
            ticket[asset, partition] = operation
        for partition, operation in _newest_operations(instance, asset).items():
            made_from[asset, partition] = operation
    under_way = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    ]
    running = {
        (key.to_user_string(), run.tags.get("dagster/partition", ""))
        for run in (instance.get_runs(filters=dg.RunsFilter(statuses=under_way)) if exports else [])
        for key in run.asset_selection or ()
    }
    known = {export.id for export in exports}
    failed = instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) if exports else []
    failures = Counter(run.tags[OPERATION_TAG] for run in failed if run.tags.get(OPERATION_TAG) in known)
    return Records(ticket, made_from, frozenset(running), dict(failures))


def _newest_operations(instance: dg.DagsterInstance, asset: str) -> dict[str, str]:
    """Operation named by the newest materialization of each partition: two queries, however many partitions."""
    key = dg.AssetKey(asset)
    newest = instance.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION)
    if not newest:
        return {}
    wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(newest.values()))
    found = {}
    for record in instance.fetch_materializations(wanted, limit=len(newest)).records:
        event = record.asset_materialization
        if event is not None and event.partition is not None and OPERATION_METADATA in event.metadata:
            found[event.partition] = str(event.metadata[OPERATION_METADATA].value)
    return found
