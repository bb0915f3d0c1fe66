"""What happens when a run has failed: it is said in the log of a sensor, and to a function of one's own.

`FUSION_ON_FAILURE=alerts:send` names it: `send` of the module `alerts`, which whoever runs the code location can
import. It is called once for every failed run, with a `FailedRun`, and may write to a channel, a pager or a mailbox.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.failures import first_line, innermost
from fusion_assets.redaction import redacted

VARIABLE = "FUSION_ON_FAILURE"


@dataclass(frozen=True)
class FailedRun:
    """A run that has failed.

    Attributes:
        study: name.
        run_id: of Dagster; the web UI has it at `/runs/<run_id>`.
        assets: names of those it was to make.
        partition: such as `region|year`; empty for assets without.
        reason: why, in one line; logins are taken out.
    """

    study: str
    run_id: str
    assets: tuple[str, ...]
    partition: str
    reason: str

    def __str__(self) -> str:
        what = ", ".join(self.assets) or "a run"
        where = f" of {self.partition}" if self.partition else ""
        return f"study {self.study}: {what}{where} failed: {self.reason} (run {self.run_id})"


Hook = Callable[[FailedRun], object]


def hook_of(name: str) -> Hook | None:
    """The function that a setting names; None where it is empty.

    Args:
        name: `module:function`.

    Raises:
        FusionError: there is no such function.
    """
    if not name:
        return None
    module, _, function = name.partition(":")
    remedy = f"correct {VARIABLE}, or put the module's folder on PYTHONPATH"
    try:
        found = getattr(importlib.import_module(module), function) if module and function else None
    except (ImportError, AttributeError) as error:
        raise FusionError(f"{VARIABLE}={name}: {error}", "a function, as module:function", remedy) from None
    if not callable(found):
        raise FusionError(f"{VARIABLE}={name} names no function", "a function, as module:function", remedy)
    return found


def failed_runs(study_name: str, hook: Hook | None) -> dg.SensorDefinition:
    """The sensor; it runs unless it is stopped.

    Args:
        study_name: for the message.
        hook: what is called for each run, if anything.
    """

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description=f"Says that a run has failed; `{VARIABLE}=module:function` names a function that is told, too.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        failure = FailedRun(
            study_name,
            run.run_id,
            tuple(sorted(key.to_user_string() for key in run.asset_selection or ())),
            run.tags.get("dagster/partition", ""),
            redacted(first_line(_reason(context))),
        )
        context.log.warning(str(failure))
        if hook is not None:
            hook(failure)

    return sensor


def _reason(context: dg.RunFailureSensorContext) -> str:
    """Of the first step that failed, innermost; else that of the run."""
    for event in context.get_step_failure_events():
        if event.step_failure_data.error:
            return innermost(event.step_failure_data.error).message
    return context.failure_event.message or "no reason was given"
