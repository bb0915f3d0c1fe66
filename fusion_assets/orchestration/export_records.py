"""What Dagster knows of exports and of the pixels made from them: tickets, materializations, runs."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterEventType

from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA

OPERATION_TAG = "fusion/operation"
# Dagster's own tag: why a run failed.
_REASON_TAG = "dagster/failure_reason"
# Dagster's daemon starts a run that died once more by itself; after this it has forgotten it.
_RETRY_GRACE = dt.timedelta(hours=1)
# Dagster hands out at most ten thousand.
_RECORDS_AT_ONCE = 1000
# Pixel asset and partition.
_Place = tuple[str, str]
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Records:
    """What Dagster knows, read once a tick.

    Attributes:
        ticket: operation of the newest ticket by (pixel asset, partition).
        made_from: operation that the newest pixels were made from, by (pixel asset, partition).
        running: (pixel asset, partition) with a run queued or under way.
        failures: failed runs by operation.
        raised: those of them that raised an error; the others died.
        cancelled: operations whose run somebody has stopped.
    """

    ticket: dict[_Place, str] = field(default_factory=dict)
    made_from: dict[_Place, str] = field(default_factory=dict)
    running: frozenset[_Place] = frozenset()
    failures: dict[str, int] = field(default_factory=dict)
    raised: dict[str, int] = field(default_factory=dict)
    cancelled: frozenset[str] = frozenset()


def records_of(instance: dg.DagsterInstance, export_assets: dict[str, str], exports: Sequence[Export]) -> Records:
    """Dagster's records about these exports: four queries an asset, three for the runs; less for what has been made."""
    # Runs before what they have made: one that ends in between is waited for, not asked for again.
    statuses = [*_UNDER_WAY, dg.DagsterRunStatus.FAILURE]
    runs = instance.get_run_records(filters=dg.RunsFilter(statuses=statuses)) if exports else []
    made_from = _newest_operations(instance, {(e.request.asset, e.request.partition): e.request.asset for e in exports})
    rest = [e for e in exports if made_from.get((e.request.asset, e.request.partition)) != e.id]
    if not rest:
        return Records(made_from=made_from)
    places = {(e.request.asset, e.request.partition): export_assets[e.request.asset] for e in rest}
    known = {export.id for export in rest}
    failed = [run.dagster_run.tags for run in runs if run.dagster_run.status is dg.DagsterRunStatus.FAILURE]
    ours = [tags for tags in failed if tags.get(OPERATION_TAG) in known]
    return Records(
        ticket=_newest_operations(instance, places),
        made_from=made_from,
        running=frozenset(place for run in runs if _under_way(run) for place in _places(run.dagster_run)),
        failures=dict(Counter(tags[OPERATION_TAG] for tags in ours)),
        raised=dict(Counter(tags[OPERATION_TAG] for tags in ours if tags.get(_REASON_TAG) == "STEP_FAILURE")),
        cancelled=frozenset(_operations_of_runs(instance, dg.DagsterRunStatus.CANCELED, known)),
    )


def _under_way(run: dg.RunRecord) -> bool:
    """Whether a run has not ended, or has died and Dagster is about to start it again."""
    if run.dagster_run.status in _UNDER_WAY:
        return True
    since = operations.utc_now() - _RETRY_GRACE
    return run.dagster_run.is_complete_and_waiting_to_retry and (run.end_time or 0) > since.timestamp()


def _places(run: dg.DagsterRun) -> list[_Place]:
    partition = run.tags.get("dagster/partition", "")
    return [(key.to_user_string(), partition) for key in run.asset_selection or ()]


def _operations_of_runs(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, known: set[str]) -> list[str]:
    """Of those operations known, the one of every run of a status."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=[status]))
    return [run.tags[OPERATION_TAG] for run in runs if run.tags.get(OPERATION_TAG) in known]


def _newest_operations(instance: dg.DagsterInstance, places: Mapping[_Place, str]) -> dict[_Place, str]:
    """Operation named by the newest materialization at each place: two queries an asset for up to a thousand of them.

    Args:
        instance: to ask.
        places: (pixel asset, partition) to the asset that is looked at, the pixels' own or the export's.
    """
    found = {}
    for pixels, asset in {(pixels, asset) for (pixels, _), asset in places.items()}:
        key = dg.AssetKey(asset)
        wanted = {partition for name, partition in places if name == pixels}
        # Beyond some number it is quicker to hear of all partitions than to name those that matter.
        named = wanted if len(wanted) <= _RECORDS_AT_ONCE else None
        latest = instance.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION, named)
        newest = [number for partition, number in latest.items() if partition in wanted]
        for start in range(0, len(newest), _RECORDS_AT_ONCE):
            some = dg.AssetRecordsFilter(asset_key=key, storage_ids=newest[start : start + _RECORDS_AT_ONCE])
            for record in instance.fetch_materializations(some, limit=_RECORDS_AT_ONCE).records:
                event = record.asset_materialization
                if event is not None and event.partition is not None and OPERATION_METADATA in event.metadata:
                    found[pixels, event.partition] = str(event.metadata[OPERATION_METADATA].value)
    return found
