"""Saying who is waited for: a line in the log while something elsewhere takes its time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_SECONDS = 30.0
_LOG = logging.getLogger(__name__)
_LOCK = threading.Lock()
_WAITS: dict[object, tuple[str, float]] = {}
_speaker: threading.Thread | None = None


@contextmanager
def waiting_for(whom: str) -> Iterator[None]:
    """Name `whom`, who must be safe to print, in the log for every `EVERY_SECONDS` that this block takes."""
    wait = object()
    with _LOCK:
        _WAITS[wait] = whom, time.monotonic()
        _start()
    try:
        yield
    finally:
        with _LOCK:
            del _WAITS[wait]


def _start() -> None:
    """One thread speaks for all; it ends when nobody is waited for, and does not live on in forks."""
    global _speaker
    if _speaker is None or not _speaker.is_alive():
        _speaker = threading.Thread(target=_speak, daemon=True, name="heartbeat")
        _speaker.start()


def _speak() -> None:
    global _speaker
    said: dict[str, float] = {}
    while True:
        time.sleep(EVERY_SECONDS / 10)
        with _LOCK:
            if not _WAITS:
                _speaker = None
                return
            # Of several waits for the same, the longest counts.
            since = dict(sorted(_WAITS.values(), key=lambda wait: -wait[1]))
        now = time.monotonic()
        for whom, begun in since.items():
            if now - max(begun, said.get(whom, begun)) >= EVERY_SECONDS:
                said[whom] = now
                _LOG.warning("waiting for %s, for %.0f s", whom, now - begun)
