"""How errors leave an asset: a `FusionError` becomes a Dagster failure with its text, and is not retried."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dagster as dg

from fusion_assets.errors import FusionError

# Archives on the web stumble; the same request a few seconds later often works.
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Show a FusionError as the step's failure; trying again cannot help, so retries are off."""
    try:
        yield
    except FusionError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
