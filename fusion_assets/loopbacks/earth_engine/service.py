"""The service as one object: archive, clock, faults, counters, operations, and the server in front of them."""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from pathlib import Path
from typing import Any

from fusion_assets.loopbacks.earth_engine import sampling
from fusion_assets.loopbacks.earth_engine.algorithms import algorithms_for, resolution
from fusion_assets.loopbacks.earth_engine.buckets import Buckets
from fusion_assets.loopbacks.earth_engine.catalog import Catalog
from fusion_assets.loopbacks.earth_engine.clock import Clock
from fusion_assets.loopbacks.earth_engine.counters import Counters
from fusion_assets.loopbacks.earth_engine.exporting import export
from fusion_assets.loopbacks.earth_engine.expression import Evaluator
from fusion_assets.loopbacks.earth_engine.faults import Faults
from fusion_assets.loopbacks.earth_engine.operation import Operation
from fusion_assets.loopbacks.earth_engine.operations import Operations
from fusion_assets.loopbacks.earth_engine.server import Server

_TICK_SECONDS = 0.05
_DEPTH = 10_000


class EarthEngineService:
    """A loopback Earth Engine, for `with EarthEngineService(archive) as service: ... service.url`.

    Args:
        archive: path of a STAC catalog.
        buckets: storage emulator that exports are written to; see `buckets.storage_emulator`.
        clock: a manual one moves operations only in `advance`; with the real one they finish by themselves.
        state: folder in which operations outlive the service.
        port: 0 for a free one.
        tables: feature collections by id, GeoJSON, beside the built-in ones.

    Attributes:
        faults: what goes wrong; see `Faults.add`.
        counters: what was asked.
        operations: all operations; `pending_seconds`, `running_seconds` and `queue_limit` may be changed.
        concurrency_limit: computations at once, above which 429 is answered; None for no limit.
    """

    def __init__(
        self,
        archive: str | Path,
        buckets: Buckets | None = None,
        clock: Clock | None = None,
        state: str | Path | None = None,
        port: int = 0,
        tables: dict[str, dict] | None = None,
    ) -> None:
        self.catalog = Catalog(archive, tables)
        self.buckets = buckets
        self.clock = clock or Clock()
        self.faults, self.counters = Faults(), Counters()
        self.concurrency_limit: int | None = 40
        self._algorithms = algorithms_for(self.catalog)
        folder = None if state is None else Path(state) / "operations"
        self.operations = Operations(self.clock, self.faults, self._export, folder)
        self._server = Server(self, port)
        self._stopped = threading.Event()

    @property
    def url(self) -> str:
        """Address to give to `ee.Initialize(url=...)`."""
        return self._server.url

    def __enter__(self) -> EarthEngineService:
        """Start answering."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop answering."""
        self.stop()

    def start(self) -> None:
        """Answer requests in threads; with a real clock, move operations along in another one."""
        # Graphs made by client-side loops nest deeply.
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEPTH))
        self._server.start()
        if not self.clock.manual:
            threading.Thread(target=self._tick, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self._stopped.set()
        self._server.stop()

    def evaluate(self, expression: dict[str, Any]) -> Any:
        """Value of an expression graph."""
        return Evaluator(expression, self._algorithms).value()

    def check(self, expression: dict[str, Any]) -> None:
        """Refuse an expression that cannot be evaluated, without evaluating it."""
        Evaluator(expression, self._algorithms)

    def advance(self, seconds: float) -> None:
        """Move the clock on and the operations with it; returns when their work is done."""
        self.clock.advance(seconds)
        self.operations.settle()

    def control(self, body: dict[str, Any]) -> dict[str, Any]:
        """One action of the control endpoint; see `ACTIONS` for what there is.

        Raises:
            KeyError: there is no such action.
        """
        options = {name: value for name, value in body.items() if name != "action"}
        return ACTIONS[body["action"]](self, **options) or {}

    def _export(self, operation: Operation) -> None:
        export(operation, self.evaluate, self.buckets)

    def _tick(self) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            self.operations.settle()


def _add_operations(service: EarthEngineService, project: str = "demo", count: int = 1, **facts: Any) -> dict[str, Any]:
    return {"operations": [service.operations.add(project, **facts).name for _ in range(count)]}


def _timing(service: EarthEngineService, **seconds: float) -> None:
    for name, value in seconds.items():
        if not hasattr(service.operations, name):
            raise KeyError(name)
        setattr(service.operations, name, value)


def _options(service: EarthEngineService, **options: Any) -> None:
    if "refuse_pyramid" in options:
        sampling.REFUSE_PYRAMID[0] = bool(options["refuse_pyramid"])
    if "whole_masks" in options:
        resolution.WHOLE_MASKS[0] = bool(options["whole_masks"])
    if "concurrency_limit" in options:
        service.concurrency_limit = options["concurrency_limit"]


# action -> what it does; further keys of the request's body are its options.
ACTIONS: dict[str, Any] = {
    "add_fault": lambda service, **rule: dataclasses.asdict(service.faults.add(**rule)),
    "clear_faults": lambda service: service.faults.clear(),
    "seed_faults": lambda service, seed: service.faults.seed(seed),
    "faults": lambda service: {"faults": service.faults.to_json()},
    "counters": lambda service: service.counters.to_json(),
    "reset_counters": lambda service: service.counters.reset(),
    "advance": lambda service, seconds: service.advance(seconds),
    "time": lambda service: {"now": service.clock.now(), "wall": time.time()},
    "timing": _timing,
    "options": _options,
    "operations": lambda service: {"operations": [dataclasses.asdict(op) for op in service.operations.all()]},
    "add_operations": _add_operations,
    "forget": lambda service, name: service.operations.forget(name),
}
