"""How errors leave an asset: a `FusionError` becomes a Dagster failure with its text; only passing ones are retried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # nowhere public, though retry policies turn on it

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.redaction import redacted_errors

# Services on the web stumble; the same request a few seconds later often works. Of all errors, these retries are for
# those that say they are `transient`. No asset carries this policy: Dagster would apply it to mistakes too.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
# Another run of the same study replaces what this one reads: it is read again.
_REPLACED_TRIES, _REPLACED_SECONDS = 3, 1.5


class Stopped(dg.DagsterError, DagsterExecutionInterruptedError):
    """Ctrl-C, or a terminated run. A retry policy makes Dagster try again, but not after an error of its own."""


@contextlib.contextmanager
def explained(attempts: int = _REPLACED_TRIES) -> Iterator[None]:
    """Show a FusionError as the step's failure; the step is tried again only where that may help.

    Args:
        attempts: of this step, that have failed before; by default more than there are retries.

    Raises:
        dagster.RetryRequested: in place of a FusionError that may pass; the failure is its cause.
        dagster.Failure: in place of another one, and of the last.
    """
    try:
        with redacted_errors():
            yield
    except FusionError as error:
        failure = dg.Failure(description=str(error), allow_retries=False)
        failure.__cause__ = error
        tries, pause = 0, 0.0
        if isinstance(error, Replaced):
            tries, pause = _REPLACED_TRIES, _REPLACED_SECONDS
        elif error.transient:
            tries, pause = NETWORK_RETRIES.max_retries, NETWORK_RETRIES.calculate_delay(attempts + 1)
        if attempts < tries:
            raise dg.RetryRequested(tries, pause) from failure
        raise failure from error
    except (KeyboardInterrupt, DagsterExecutionInterruptedError) as stop:
        raise Stopped("interrupted") from stop
