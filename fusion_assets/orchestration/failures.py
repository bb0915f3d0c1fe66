"""How errors leave an asset: a `FusionError` becomes a Dagster failure with its text; only passing ones are retried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.redaction import redacted_errors

# Services on the web stumble; the same request a few seconds later often works. Of all errors, these retries are for
# those that say they are `transient`. No asset carries this policy: Dagster would apply it to mistakes and to
# interruptions too.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


@contextlib.contextmanager
def explained(attempts: int = 0) -> Iterator[None]:
    """Show a FusionError as the step's failure; the step is tried again only where that may help.

    Args:
        attempts: of this step, that have failed before.

    Raises:
        dagster.RetryRequested: in place of a transient FusionError; the failure is its cause.
        dagster.Failure: in place of another one.
    """
    try:
        with redacted_errors():
            yield
    except FusionError as error:
        failure = dg.Failure(description=str(error), allow_retries=False)
        failure.__cause__ = error
        if not error.transient:
            raise failure from error
        # It stands in for the error wherever that is shown, the last time too.
        raise dg.RetryRequested(NETWORK_RETRIES.max_retries, NETWORK_RETRIES.calculate_delay(attempts + 1)) from failure
