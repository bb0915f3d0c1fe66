"""How errors leave an asset: a `FusionError` becomes a Dagster failure with its text; only passing ones are retried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # nowhere public, though retry policies turn on it

from fusion_assets.errors import FusionError
from fusion_assets.redaction import redacted_errors

# Archives on the web stumble; the same request a few seconds later often works. Of the errors that people meet, these
# retries are for those that say they are `transient`; all others fail at once.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


class Stopped(dg.DagsterError, DagsterExecutionInterruptedError):
    """Ctrl-C, or a run that was terminated; as an error of Dagster's own it is not tried again by retry policies."""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Show a FusionError as the step's failure; the asset's retry policy applies only where trying again may help."""
    try:
        with redacted_errors():
            yield
    except FusionError as error:
        raise dg.Failure(description=str(error), allow_retries=error.transient) from error
    except (KeyboardInterrupt, DagsterExecutionInterruptedError) as stop:
        raise Stopped("interrupted") from stop
