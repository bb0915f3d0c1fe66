"""The sensor that turns finished exports into composites and labels.

A tick is one listing of the engine and one look at Dagster's own records (`export_records.py`); what to do with an
export is decided by the pure function `decide`.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping

import dagster as dg

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.failures import Kind, kind_of
from fusion_assets.imagery.engines.protocol import CompositeEngine, Export
from fusion_assets.imagery.retries import deadline, remaining
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets.orchestration.export_records import OPERATION_TAG, Records, records_of
from fusion_assets.orchestration.instance import settle_dead_runs
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.resources import EngineResource

# What the engine may take of a tick; Dagster gives the whole tick a minute.
TICK_SECONDS = 40
# Runs of one operation that raised an error, and runs whose process died, which says less about the next one.
MAX_FAILED_RUNS = 3
MAX_DEAD_RUNS = 10
# Attempts of one export on the engine's side, the first included.
MAX_ATTEMPTS = 4
_FIRST_PAUSE = dt.timedelta(minutes=1)
# A ticket is stored moments after its operation is recorded; one still missing after this was abandoned.
TICKET_GRACE = dt.timedelta(hours=1)


def decide(export: Export, records: Records, now: dt.datetime) -> str:
    """What to do with one finished export.

    Returns:
        `request`, `wait` (look again at the next tick), or why it is left alone: `made`, `superseded`, `given up`,
        `cancelled`, `failed`, `unreachable` (it has run, but its files cannot be reached; the engine tells again).
    """
    place = (export.request.asset, export.request.partition)
    if records.made_from.get(place) == export.id:
        return "made"
    if records.ticket.get(place) != export.id:
        finished = dt.datetime.fromisoformat(export.finished or export.submitted)
        return "wait" if now - finished < TICKET_GRACE else "superseded"
    if export.state != "SUCCEEDED":
        return "failed" if export.state == "FAILED" else "unreachable"
    if export.id in records.cancelled:
        return "cancelled"
    failed, raised = records.failures.get(export.id, 0), records.raised.get(export.id, 0)
    if raised >= MAX_FAILED_RUNS or failed - raised >= MAX_DEAD_RUNS:
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
    def sensor(context: dg.SensorEvaluationContext, engine: dg.ResourceParam[EngineResource]) -> dg.SensorResult:
        settle_dead_runs(context.instance)
        now = operations.utc_now()
        with deadline(TICK_SECONDS):
            client = engine.composites()
            if client is None:
                return dg.SensorResult(
                    skip_reason="No export to collect: the engine makes none.", cursor=context.cursor
                )
            exports, cursor = client.finished_since(context.cursor)
            if odd := operations.odd():
                context.log.warning(f"left out: {number_of(len(odd), 'file')} of operations; the first: {odd[0]}")
            ours = [e for e in exports if known_partition(e.request.asset, e.request.partition)]
            records = records_of(context.instance, export_assets, ours)
            decisions = {export.id: decide(export, records, now) for export in ours}
            failures = []
            for export in ours:
                if decisions[export.id] == "failed":
                    failures.append(_failed_for_good(export, client, export_assets[export.request.asset], now, context))
                    decisions[export.id] = "wait" if failures[-1] is None else "failed"
                elif decisions[export.id] in ("given up", "unreachable"):
                    context.log.warning(f"{_place(export)}: {decisions[export.id]}; {export.message or 'see its runs'}")
        events = [failure for failure in failures if failure and not reported(context.instance, failure)]
        # The cursor stays at the oldest export that is still unsettled, so that nothing is lost between ticks.
        unsettled = [e.finished for e in ours if e.finished and decisions[e.id] in ("wait", "request")]
        cursor = min([cursor, *unsettled])
        requests = [
            dg.RunRequest(
                run_key=_run_key(export, records),
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


def _failed_for_good(
    export: Export, client: CompositeEngine, asset: str, now: dt.datetime, context: dg.SensorEvaluationContext
) -> dg.AssetObservation | None:
    """What people should see of a failed export; None where it is tried anew, now or at a later tick.

    Nothing that goes wrong here keeps the other exports waiting: it is logged, and looked at again at the next tick.
    """
    kind = kind_of(export.message)
    try:
        facts = client.facts(export)
        attempt = int(str(facts.get("attempt", 1)))
        if not kind.retried or attempt >= MAX_ATTEMPTS:
            return _failure(export, asset, kind, facts)
        # A later tick finds the new attempt finished; nothing is asked before it has rested.
        if rested(export.finished or export.submitted, attempt, now) and remaining() > 0:
            client.resubmit(export)
            context.log.info(f"{_place(export)}: attempt {attempt} failed ({kind.name}: {export.message}); tried anew")
    except FusionError as error:
        context.log.warning(f"{_place(export)}: failed ({export.message}), and could not be tried anew: {error}")
    except Exception as error:
        # Errors of other kinds may quote requests, and those carry tokens.
        problem = type(error).__name__
        context.log.error(f"{_place(export)}: failed ({export.message}), and could not be tried anew: {problem}")
    return None


def _run_key(export: Export, records: Records) -> str:
    """Operation and number of its failed runs; and when it was last asked for, where other pixels are in its place."""
    key = f"{export.id}-{records.failures.get(export.id, 0)}"
    replaced = (export.request.asset, export.request.partition) in records.made_from
    return f"{key}-{export.finished}" if replaced else key


def _place(export: Export) -> str:
    return f"{export.request.asset} {export.request.partition}"


def rested(finished: str, attempt: int, now: dt.datetime) -> bool:
    """Whether what has failed has waited long enough to be tried anew: twice as long after every attempt."""
    return now - dt.datetime.fromisoformat(finished) >= _FIRST_PAUSE * 2 ** (attempt - 1)


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


def reported(instance: dg.DagsterInstance, failure: dg.AssetObservation) -> bool:
    """Whether the newest observation of the partition already tells of this failure."""
    partition = [failure.partition] if failure.partition else None
    wanted = dg.AssetRecordsFilter(asset_key=failure.asset_key, asset_partitions=partition)
    records = instance.fetch_observations(wanted, limit=1).records
    observation = records[0].event_log_entry.asset_observation if records else None
    return observation is not None and observation.metadata == failure.metadata
