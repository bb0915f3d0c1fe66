"""How long a server of scene files is waited for; `storage/raster_files.py` says how much of a file is read at once."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_assets.imagery.retries import ANSWER_SECONDS
from fusion_assets.storage.patience import CONNECT_SECONDS


@dataclass(frozen=True)
class FileLimits:
    """See the attributes; times in seconds.

    Attributes:
        connect_seconds: to accept a connection.
        request_seconds: for one answer, whole.
        slow_seconds: at less than `slow_bytes` a second.
        slow_bytes: see `slow_seconds`.
        read_seconds: for one part of one file, with all attempts and the pauses between them.
        silent_reads: that fail one after the other, with no answer between them, before a server counts as silent.
        silent_seconds: for which a silent server is not asked again.
    """

    connect_seconds: float = CONNECT_SECONDS
    request_seconds: float = ANSWER_SECONDS
    slow_seconds: float = 30.0
    slow_bytes: int = 1000
    read_seconds: float = 300.0
    silent_reads: int = 8
    silent_seconds: float = 60.0


FILE_LIMITS = FileLimits()
