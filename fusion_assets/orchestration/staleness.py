"""Whether Dagster holds a stored partition for up to date: the one place that uses what it does not publish.

The web UI shows the same status through the same resolver; Dagster's version is pinned to one minor release, and a
test says when another would answer differently.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContext

NOT_MADE = "not made yet"
"""Why a partition is not up to date that was never made."""


class _Records(LoadingContext):
    """What the resolver reads Dagster's records through."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[Any, Any] = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        """The instance whose records are read."""
        return self._instance

    @property
    def loaders(self) -> dict[Any, Any]:
        """Batches of this context, by type."""
        return self._loaders


def why_stale(
    definitions: dg.Definitions, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> str:
    """Why one partition of an asset is not up to date, in words; empty where it is.

    It is not where it was never made, was made by other code, or from inputs that have changed since.
    """
    # A fresh resolver each time: it caches, and the step before may have changed what it would find.
    resolver = CachingStaleStatusResolver(instance, definitions.resolve_asset_graph(), _Records(instance))
    status = resolver.get_status(key, partition)
    if status is StaleStatus.MISSING:
        return NOT_MADE
    if status is StaleStatus.STALE:
        causes = resolver.get_stale_causes(key, partition)
        return "; ".join(sorted({f"{cause.asset_key.to_user_string()} {cause.reason}" for cause in causes}))
    return ""
