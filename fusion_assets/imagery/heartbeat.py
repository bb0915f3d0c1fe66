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
    """Name `whom` in the log every `EVERY_SECONDS` of this block; safe to print."""
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
    while True:
        time.sleep(EVERY_SECONDS)
        with _LOCK:
            if not _WAITS:
                _speaker = None
                return
            waits = list(_WAITS.values())
        for line in _lines(waits, time.monotonic()):
            _LOG.warning(line)


def _lines(waits: list[tuple[str, float]], now: float) -> list[str]:
    """One for each who has been waited for a while; from the longest wait on."""
    since: dict[str, float] = {}
    for whom, begun in waits:
        since[whom] = min(begun, since.get(whom, begun))
    long = {whom: now - begun for whom, begun in since.items() if now - begun >= EVERY_SECONDS / 2}
    return [f"waiting for {whom}, for {seconds:.0f} s" for whom, seconds in sorted(long.items(), key=lambda w: -w[1])]
