"""The service's clock: the real one, or one that only moves when told to."""

from __future__ import annotations

import datetime as dt
import threading
import time


class Clock:
    """Seconds since 1970, of this service.

    Args:
        manual: stand still between calls of `advance`, starting at `start`.
        start: seconds since 1970; now by default.
    """

    def __init__(self, manual: bool = False, start: float | None = None) -> None:
        self.manual = manual
        self._lock = threading.Lock()
        self._offset = (time.time() if start is None else start) - (0 if manual else time.time())

    def now(self) -> float:
        """The time."""
        with self._lock:
            return self._offset if self.manual else time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Move on; negative numbers skew a clock that clients trust."""
        with self._lock:
            self._offset += seconds


def timestamp(seconds: float) -> str:
    """As the API writes times."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
