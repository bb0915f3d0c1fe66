"""What a run of Dagster that has ended says to whoever asked for it: errors, attempts, checks, doubts."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import RunFailureReason

from fusion_assets.orchestration.engine_assets import DOUBTS_METADATA, FLAGS_METADATA, UNREADABLE_METADATA
from fusion_assets.orchestration.failures import first_line, innermost
from fusion_assets.orchestration.metadata import lines_of

_SHOWN = 3


def was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Dagster has caught Ctrl-C, and made it a failure of the run."""
    reasons = [event.job_failure_data.failure_reason for event in result.all_events if event.is_job_failure]
    return RunFailureReason.UNEXPECTED_TERMINATION in reasons


def failed_attempts(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why the step was tried again, in one line an attempt."""
    errors = [
        event.step_retry_data.error
        for event in result.all_events
        if event.event_type is DagsterEventType.STEP_UP_FOR_RETRY
    ]
    return [
        f"attempt {number} failed, and was repeated: {first_line(innermost(error).message)}"
        for number, error in enumerate(filter(None, errors), 1)
    ]


def failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    """What checks have found that did not pass, a line each."""
    return [
        f"check {check.check_name} did not pass: {check.description or _facts_of(check)}"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    ]


def doubts(result: dg.ExecuteInProcessResult) -> Iterator[str]:
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
                return innermost(error).message.strip()
    return "the run failed; see its logs in the web UI"


def _facts_of(check: dg.AssetCheckEvaluation) -> str:
    return ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())
