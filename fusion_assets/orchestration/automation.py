"""When assets are made without anyone asking.

From the fused stack on, an asset is requested when its inputs have changed, or when it first becomes possible. Exports
are asked for by people or by the yearly schedule; composites and labels follow the sensor that watches exports, and
carry no condition: they would be requested as soon as the ticket exists, before the export has finished.
"""

from __future__ import annotations

import dagster as dg


def automatic(*own_pace: str) -> dg.AutomationCondition:
    """Request when dependencies were updated, or when first possible.

    `AutomationCondition.eager()` alone loses what was materialized before its first tick.

    Args:
        own_pace: names of upstream assets whose updates do not trigger by themselves.
    """
    condition = dg.AutomationCondition
    updated = condition.any_deps_updated()
    if own_pace:
        updated = updated.ignore(dg.AssetSelection.assets(*own_pace))
    first = (
        condition.missing()
        & ~condition.execution_failed()
        & ~condition.in_progress()
        & ~condition.any_deps_missing()
        & ~condition.any_deps_in_progress()
    )
    eager = condition.eager().replace("any_deps_updated", updated)
    # A tick learns what was made as it begins, and what is in progress a moment later. What finishes in between looks
    # neither made nor in progress, and would be made again: what was in progress a tick ago waits for the next one.
    settled = ~condition.newly_requested() & ~(~condition.in_progress()).newly_true()
    return settled & (eager | first) & condition.all_deps_blocking_checks_passed()


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates these conditions; running unless stopped (Dagster's own default is stopped)."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        # Backfills are looked at every half minute only; single runs start at once.
        emit_backfills=False,
        description="Requests stacks, samples, models and predictions when what they are made from has changed.",
    )
