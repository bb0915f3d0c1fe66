"""What was asked of the service: requests and bytes by endpoint, statuses, and how many at once."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any


class Counters:
    """Counts since the start or the last `reset`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Start again from nothing."""
        with self._lock:
            self.requests: Counter[str] = Counter()
            self.statuses: Counter[str] = Counter()
            self.bytes_in: Counter[str] = Counter()
            self.bytes_out: Counter[str] = Counter()
            self.faults: Counter[str] = Counter()
            self.at_once: Counter[str] = Counter()
            self.most_at_once: Counter[str] = Counter()

    @contextlib.contextmanager
    def during(self, endpoint: str, received: int) -> Iterator[int]:
        """Count a request while it is answered; gives how many of its endpoint run, this one included."""
        with self._lock:
            self.requests[endpoint] += 1
            self.bytes_in[endpoint] += received
            self.at_once[endpoint] += 1
            running = self.at_once[endpoint]
            self.most_at_once[endpoint] = max(self.most_at_once[endpoint], running)
        try:
            yield running
        finally:
            with self._lock:
                self.at_once[endpoint] -= 1

    def answered(self, endpoint: str, status: int, sent: int) -> None:
        """Count an answer."""
        with self._lock:
            self.statuses[f"{endpoint} {status}"] += 1
            self.bytes_out[endpoint] += sent

    def struck(self, kind: str) -> None:
        """Count a fault."""
        with self._lock:
            self.faults[kind] += 1

    def to_json(self) -> dict[str, Any]:
        """All counts, with totals."""
        with self._lock:
            names = ("requests", "statuses", "bytes_in", "bytes_out", "faults", "most_at_once")
            counts: dict[str, Any] = {name: dict(getattr(self, name)) for name in names}
        totals = {f"total_{name}": sum(counts[name].values()) for name in ("requests", "bytes_in", "bytes_out")}
        return {**counts, **totals}
