"""How errors leave an asset: a `FusionError` becomes a Dagster failure with its text; only passing ones are retried."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # nowhere public, though retry policies turn on it

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.redaction import redacted_errors

# Services on the web stumble; the same request a few seconds later often works. Of all errors, these retries are for
# those that say they are `transient`. No asset carries this policy: Dagster would apply it to mistakes and to
# interruptions too.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
# Another run of the same study replaces what this one reads: it is read again.
REPLACED_RETRIES = dg.RetryPolicy(max_retries=3, delay=1.5)


class Stopped(dg.DagsterError, DagsterExecutionInterruptedError):
    """Ctrl-C, or a run that was terminated: an error of Dagster's own, after which it never tries again."""


@contextlib.contextmanager
def explained(attempts: int = 0) -> Iterator[None]:
    """Show a FusionError as the step's failure; the step is tried again only where that may help.

    Args:
        attempts: of this step, that have failed before.

    Raises:
        dagster.RetryRequested: in place of a transient FusionError, and of one about a file that another run was just
            replacing; the failure is its cause.
        dagster.Failure: in place of another one.
        Stopped: in place of an interruption.
    """
    try:
        with redacted_errors():
            yield
    except FusionError as error:
        failure = dg.Failure(description=str(error), allow_retries=False)
        failure.__cause__ = error
        policy = REPLACED_RETRIES if isinstance(error, Replaced) else NETWORK_RETRIES if error.transient else None
        if policy is None or attempts >= policy.max_retries:
            raise failure from error
        raise dg.RetryRequested(policy.max_retries, policy.calculate_delay(attempts + 1)) from failure
    except (KeyboardInterrupt, DagsterExecutionInterruptedError) as stop:
        raise Stopped("interrupted") from stop


def first_line(message: str) -> str:
    """What an error says, without the name of its class before it."""
    return re.sub(r"^[\w.]+(Error|Unreachable|UnreadableFile|UnusableScene): ", "", message.strip().splitlines()[0])


def innermost(error: Any) -> Any:
    """The error at the root of one that Dagster has recorded."""
    while error.cause is not None:
        error = error.cause
    return error
