"""The engine itself: series of dates alone.

The service reduces scenes on its side only by scripts and within limits of its own; medians that equal the archive
engine's are not made there. How a series is made is in `series.py`.
"""

from __future__ import annotations

from collections.abc import Collection

import xarray as xr

from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.engines.sentinel_hub.connection import Connection
from fusion_assets.imagery.engines.sentinel_hub.series import series
from fusion_assets.imagery.timeseries import PIECE_SIZES, PieceSizes, Treatment
from fusion_assets.imagery.unreadable import UnreadableFile


class SentinelHub:
    """Every pass by itself from the Sentinel Hub Process API; see `SeriesEngine`.

    Args:
        connection: by default that of the environment, looked up when something is asked.
        sizes: of the pieces of a series.
    """

    name = "sentinel_hub"

    def __init__(self, connection: Connection | None = None, sizes: PieceSizes = PIECE_SIZES) -> None:
        self._connection, self._sizes = connection, sizes

    def series(
        self, request: ExportRequest, treatment: Treatment | None = None, without: Collection[str] = ()
    ) -> xr.Dataset:
        """Every pass by itself, lazily, in pieces; see `SeriesEngine.series`."""
        return series(request, self._connection, treatment, without, self._sizes)

    def readability(self, request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Nothing: the service reads its own scenes, and fails as a whole where it cannot."""
        return {}

    def doubts(self, request: ExportRequest) -> tuple[str, ...]:
        """Nothing: the service keeps the numbers of its collections in one form."""
        return ()
