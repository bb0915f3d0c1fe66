"""How errors leave an asset: a `FusionError` becomes a Dagster failure with its text; only passing ones are retried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # nowhere public, though retry policies turn on it

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.redaction import redacted_errors

# Archives on the web stumble; the same request a few seconds later often works. Of the errors that people meet, these
# retries are for those that say they are `transient`; all others fail at once.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
# Another run of the same study replaces what this one reads: it is read again.
_REPLACED_TRIES, _REPLACED_SECONDS = 3, 1.5


class Stopped(dg.DagsterError, DagsterExecutionInterruptedError):
    """Ctrl-C, or a run that was terminated. A retry policy makes Dagster try again, but not after an error of its own."""


@contextlib.contextmanager
def explained(attempt: int = _REPLACED_TRIES) -> Iterator[None]:
    """Show a FusionError as the step's failure; the asset's retry policy applies only where trying again may help.

    Args:
        attempt: how often the step has been begun before: one whose input is being replaced begins again, a few times.
    """
    try:
        with redacted_errors():
            yield
    except FusionError as error:
        if isinstance(error, Replaced) and attempt < _REPLACED_TRIES:
            raise dg.RetryRequested(_REPLACED_TRIES, _REPLACED_SECONDS) from error
        raise dg.Failure(description=str(error), allow_retries=error.transient) from error
    except (KeyboardInterrupt, DagsterExecutionInterruptedError) as stop:
        raise Stopped("interrupted") from stop
