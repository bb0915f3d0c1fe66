"""Waiting for exports and for a place in the queue, with progress, asking ever more rarely, up to a limit.

Any engine's will do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import CompositeEngine, Export, ExportRequest, QueueFull
from fusion_assets.imagery.retries import still_waiting

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 60.0


def submit_when_possible(
    engine: CompositeEngine,
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
        FusionError: see `CompositeEngine.submit`.
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
    engine: CompositeEngine,
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
    started = told = time.monotonic()
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
                f"{number_of(len(running), 'export')} not finished after {waited:.0f} s: {names}",
                "exports that finish in time",
                "run the same again later, or leave it to the sensor finished_exports: no task is started twice",
            )
        names = f"{running[0].request.asset} {running[0].request.partition}"
        told = still_waiting(f"{engine.name}: {number_of(len(running), 'export')}, {names} among them", started, told)
        pause = min(pause, limit_seconds - waited)
        sleep(pause)
        waited, pause = waited + pause, min(pause * 1.5, LONGEST_PAUSE_SECONDS)
