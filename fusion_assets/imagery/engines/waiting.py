"""How long who asks can wait: a limit on everything asked within it, and the waiting for exports and for a place.

A sensor's tick must end within a minute; a run may take its time.
"""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Engine, Export, ExportRequest, QueueFull

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 60.0
_T = TypeVar("_T")
_END: contextvars.ContextVar[float] = contextvars.ContextVar("end", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything asked in this block, in this thread, so many seconds altogether."""
    token = _END.set(min(_END.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _END.reset(token)


def remaining() -> float:
    """Seconds that are left; infinite without a limit."""
    return _END.get() - time.monotonic()


def bounded(work: Callable[[], _T]) -> _T:
    """Result of `work`, which is left to itself when the time is over: clients have no limits of their own.

    Raises:
        TimeoutError: the time is over.
    """
    if remaining() == math.inf:
        return work()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join(max(remaining(), 0))
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError("no answer in time")
    return results[0]


def submit_when_possible(
    engine: Engine,
    request: ExportRequest,
    limit_seconds: float,
    progress: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Export:
    """The export of a request, submitted as soon as the engine's queue has a place.

    Args:
        engine: to submit to.
        request: to submit.
        limit_seconds: the longest wait.
        progress: told, in words, what is waited for.
        sleep: waits; for tests.

    Raises:
        QueueFull: the queue was full all the time.
        FusionError: see `Engine.submit`.
    """
    waited = 0.0
    while True:
        try:
            return engine.submit(request)
        except QueueFull as full:
            if waited >= limit_seconds:
                raise
            progress(f"waiting for a place: {full.found}")
        sleep(LONGEST_PAUSE_SECONDS)
        waited += LONGEST_PAUSE_SECONDS


def wait_for(
    engine: Engine,
    exports: Sequence[Export],
    limit_seconds: float,
    progress: Callable[[Sequence[Export], float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Export]:
    """The exports when all have finished, in whatever way.

    Args:
        engine: that runs them.
        exports: to wait for.
        limit_seconds: the longest wait.
        progress: told the exports and the seconds waited, after every look.
        sleep: waits; for tests.

    Raises:
        FusionError: the limit is reached; the exports go on, and asking for them again finds them.
    """
    waited, pause = 0.0, FIRST_PAUSE_SECONDS
    while True:
        present = engine.states(exports)
        if progress:
            progress(present, waited)
        running = [export for export in present if export.state in ("PENDING", "RUNNING")]
        if not running:
            return present
        if waited >= limit_seconds:
            names = ", ".join(f"{e.request.asset} {e.request.region}|{e.request.year}" for e in running[:5])
            raise FusionError(
                f"{len(running)} exports have not finished after {waited:.0f} s: {names}",
                "exports that finish in time",
                "run the same again later, or leave it to the sensor finished_exports: no task is started twice",
            )
        pause = min(pause, limit_seconds - waited)
        sleep(pause)
        waited, pause = waited + pause, min(pause * 1.5, LONGEST_PAUSE_SECONDS)
