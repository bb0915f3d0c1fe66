"""What sensors that follow operations of an engine share: a tick, from what has ended to what is done about it.

What is decided about one operation, and from which records, is each sensor's own.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA, STATE_METADATA
from fusion_assets.orchestration.export_records import OPERATION_TAG
from fusion_assets.orchestration.metadata import readable

TICK_SECONDS = 40
"""What the engine may take of a tick; Dagster gives the whole tick a minute."""
MAX_ATTEMPTS = 4
"""Of one operation on the engine's side, the first included."""
TICKET_GRACE = dt.timedelta(hours=1)
"""A ticket is stored moments after its operation is recorded; one still missing after this was abandoned."""
_FIRST_PAUSE = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Ended:
    """An operation that has ended, and what is to be done about it.

    Attributes:
        id: of the operation.
        asset: that a run is to make.
        partition: of it.
        finished: UTC, ISO 8601; None where it is not known.
        decision: `request` (a run), `wait` (look again at the next tick), or why it is left alone.
        run_key: of the run.
    """

    id: str
    asset: str
    partition: str
    finished: str | None
    decision: str
    run_key: str


def tick_result(
    ended: Sequence[Ended],
    failures: Sequence[dg.AssetObservation],
    cursor: str,
    instance: dg.DagsterInstance,
    study_name: str,
    nothing: str,
) -> dg.SensorResult:
    """Runs for what is to be run, failures that nobody has been told of, and where the next tick begins.

    Args:
        ended: operations of this study.
        failures: of those that asking again cannot help.
        cursor: up to which the engine was asked.
        instance: that failures were told on.
        study_name: for the runs' tags.
        nothing: how a tick begins to speak of itself that asks for nothing, for example `No export to collect`.
    """
    requests = [
        dg.RunRequest(
            run_key=each.run_key,
            asset_selection=[dg.AssetKey(each.asset)],
            partition_key=each.partition,
            tags={OPERATION_TAG: each.id, "fusion/study": study_name},
        )
        for each in ended
        if each.decision == "request"
    ]
    # The cursor stays at the oldest that is still unsettled, so that nothing is lost between ticks.
    cursor = min([cursor, *(each.finished for each in ended if each.finished and each.decision in ("wait", "request"))])
    events = [failure for failure in failures if not _reported(instance, failure)]
    if requests or events:
        return dg.SensorResult(run_requests=requests, asset_events=events, cursor=cursor)
    counted = Counter(each.decision for each in ended)
    text = ", ".join(f"{count} {decision}" for decision, count in sorted(counted.items())) or "none known"
    return dg.SensorResult(skip_reason=dg.SkipReason(f"{nothing}: {text}."), cursor=cursor)


@contextmanager
def trying_anew(place: str, message: str, context: dg.SensorEvaluationContext) -> Iterator[None]:
    """Nothing that goes wrong inside keeps other operations waiting: it is logged, and looked at again.

    Args:
        place: asset and partition of what has failed.
        message: why.
        context: to log to.
    """
    try:
        yield
    except FusionError as error:
        context.log.warning(f"{place}: failed ({message}), and could not be tried anew: {error}")
    except Exception as error:
        # Errors of other kinds may quote requests, and those carry tokens.
        context.log.error(f"{place}: failed ({message}), and could not be tried anew: {type(error).__name__}")


def rested(finished: str, attempt: int, now: dt.datetime) -> bool:
    """Whether what has failed has waited long enough to be tried anew: twice as long after every attempt."""
    return now - dt.datetime.fromisoformat(finished) >= _FIRST_PAUSE * 2 ** (attempt - 1)


def failure_of(
    what: str, asset: str, partition: str, operation: str, message: str, to_do: str, facts: Mapping[str, object]
) -> dg.AssetObservation:
    """What people see on an asset when asking again cannot help.

    Args:
        what: has failed: `export` or `upload`.
        asset: that holds the ticket.
        partition: of it.
        operation: its id.
        message: the engine's.
        to_do: about it.
        facts: worth recording beside.
    """
    kind = kind_of(message)
    return dg.AssetObservation(
        asset,
        partition=partition,
        description=f"The {what} failed ({kind.name}): {message}",
        metadata={
            OPERATION_METADATA: operation,
            STATE_METADATA: "FAILED",
            "kind": kind.name,
            "message": message,
            "to_do": to_do,
            **readable(facts),
        },
    )


def _reported(instance: dg.DagsterInstance, failure: dg.AssetObservation) -> bool:
    """Whether the newest observation of the partition already tells of this failure."""
    partition = [failure.partition] if failure.partition else None
    wanted = dg.AssetRecordsFilter(asset_key=failure.asset_key, asset_partitions=partition)
    records = instance.fetch_observations(wanted, limit=1).records
    observation = records[0].event_log_entry.asset_observation if records else None
    return observation is not None and observation.metadata == failure.metadata
