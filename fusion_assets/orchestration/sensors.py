"""The sensor that turns finished exports into composites and labels.

A tick is one listing of the engine and one look at Dagster's own records (`export_records.py`); what to do with an
export is decided by the pure function `decide`, and `ticks.py` does it.
"""

import datetime as dt
from collections.abc import Callable

import dagster as dg

from fusion_assets.counts import number_of
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.imagery.engines.protocol import CompositeEngine, Export
from fusion_assets.imagery.retries import deadline, remaining
from fusion_assets.orchestration.export_records import Records, records_of
from fusion_assets.orchestration.instance import settle_dead_runs
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.ticks import (
    MAX_ATTEMPTS,
    TICK_SECONDS,
    TICKET_GRACE,
    Ended,
    failure_of,
    rested,
    tick_result,
    trying_anew,
)

# Runs of one operation that raised an error, and runs whose process died, which says less about the next one.
MAX_FAILED_RUNS = 3
MAX_DEAD_RUNS = 10


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
        ended = [
            Ended(
                id=export.id,
                asset=export.request.asset,
                partition=export.request.partition,
                finished=export.finished,
                decision=decisions[export.id],
                run_key=_run_key(export, records),
            )
            for export in ours
        ]
        known = list(filter(None, failures))
        return tick_result(ended, known, cursor, context.instance, study_name, "No export to collect")

    return sensor


def _failed_for_good(
    export: Export, client: CompositeEngine, asset: str, now: dt.datetime, context: dg.SensorEvaluationContext
) -> dg.AssetObservation | None:
    """What people should see of a failed export; None where it is tried anew, now or at a later tick.

    Nothing that goes wrong here keeps the other exports waiting: it is logged, and looked at again at the next tick.
    """
    kind = kind_of(export.message)
    with trying_anew(_place(export), export.message, context):
        facts = client.facts(export)
        attempt = int(str(facts.get("attempt", 1)))
        if not kind.retried or attempt >= MAX_ATTEMPTS:
            to_do = kind.advice
            return failure_of("export", asset, export.request.partition, export.id, export.message, to_do, facts)
        # A later tick finds the new attempt finished; nothing is asked before it has rested.
        if rested(export.finished or export.submitted, attempt, now) and remaining() > 0:
            client.resubmit(export)
            context.log.info(f"{_place(export)}: attempt {attempt} failed ({kind.name}: {export.message}); tried anew")
    return None


def _run_key(export: Export, records: Records) -> str:
    """Operation and number of its failed runs; and when it was last asked for, where other pixels are in its place."""
    key = f"{export.id}-{records.failures.get(export.id, 0)}"
    replaced = (export.request.asset, export.request.partition) in records.made_from
    return f"{key}-{export.finished}" if replaced else key


def _place(export: Export) -> str:
    return f"{export.request.asset} {export.request.partition}"
