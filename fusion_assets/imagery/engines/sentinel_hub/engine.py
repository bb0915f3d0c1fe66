"""The engine itself: series of dates. Composites and labels are refused before anything is asked or written.

The service reduces scenes on its side only by scripts and within limits of its own; medians that equal the archive
engine's are not made there. How a series is made is in `timeseries.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NoReturn

import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.protocol import Export, ExportRequest
from fusion_assets.imagery.engines.sentinel_hub.connection import Connection
from fusion_assets.imagery.engines.sentinel_hub.timeseries import series
from fusion_assets.imagery.timeseries import Treatment
from fusion_assets.imagery.unreadable import UnreadableFile


class SentinelHub:
    """Every pass by itself from the Sentinel Hub Process API; see `exports.Engine` for the protocol.

    Args:
        connection: by default that of the environment, looked up when something is asked.
    """

    name = "sentinel_hub"

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection

    def series(
        self, request: ExportRequest, treatment: Treatment | None = None, without: Collection[str] = ()
    ) -> xr.Dataset:
        """Every pass by itself, lazily, in pieces; see `Engine.series`."""
        return series(request, self._connection, treatment, without)

    def submit(self, request: ExportRequest) -> NoReturn:
        """Refuse: there are no exports here."""
        raise makes_series_only(f"{request.asset} {request.partition}")

    def states(self, exports: Sequence[Export]) -> list[Export]:
        """Refuse exports of other engines, which cannot be collected here."""
        if exports:
            raise makes_series_only(f"{exports[0].request.asset} {exports[0].request.partition}")
        return []

    def collect(self, export: Export, without: Collection[str] = ()) -> NoReturn:
        """Refuse: there are no exports here."""
        self.submit(export.request)

    def resubmit(self, export: Export) -> NoReturn:
        """Refuse: there are no exports here."""
        self.submit(export.request)

    def unreadable(self, export: Export) -> dict[str, UnreadableFile]:
        """None: there are no exports here."""
        return {}

    def readability(self, request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Nothing: the service reads its own scenes, and fails as a whole where it cannot."""
        return {}

    def doubts(self, request: ExportRequest) -> tuple[str, ...]:
        """Nothing: the service keeps the numbers of its collections in one form."""
        return ()

    def facts(self, export: Export) -> dict[str, object]:
        """Nothing; see `Engine.facts`."""
        return {}

    def finished_since(self, cursor: str | None) -> tuple[list[Export], str]:
        """None, and the same cursor: what another engine finished meanwhile is told when it is chosen again."""
        return [], operations.now() if cursor is None else cursor


def makes_series_only(what: str) -> FusionError:
    """The error of asking this engine for what it does not make.

    Args:
        what: that was asked for, in words.
    """
    return FusionError(
        f"{what}: not made by the engine sentinel_hub (FUSION_ENGINE)",
        "series of dates, for gap-free NDVI; composites and labels come from the engines archive and earth_engine",
        "fusion run --select 'group:ndvi', or another FUSION_ENGINE",
    )
