"""What requests are answered from, as one object: archive, clock, faults, counters, operations."""

from __future__ import annotations

import dataclasses
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
from fusion_assets.loopbacks.earth_engine.ingesting import INGEST_IMAGE, IngestedAssets
from fusion_assets.loopbacks.earth_engine.operation import Operation
from fusion_assets.loopbacks.earth_engine.operations import Operations


class Backend:
    """A loopback Earth Engine without its address; see `EarthEngineService` for the arguments.

    Attributes:
        faults: what goes wrong; see `Faults.add`.
        counters: what was asked.
        ingested: images that were imported; `quota_bytes` may be changed.
        operations: all operations; `pending_seconds`, `running_seconds` and `queue_limit` may be changed.
        concurrency_limit: computations at once, above which 429 is answered; None for no limit.
    """

    def __init__(
        self,
        archive: str | Path,
        buckets: Buckets | None = None,
        clock: Clock | None = None,
        state: str | Path | None = None,
        tables: dict[str, dict] | None = None,
    ) -> None:
        self.ingested = IngestedAssets(None if state is None else Path(state) / "assets")
        self.catalog = Catalog(archive, tables, self.ingested)
        self.buckets = buckets
        self.clock = clock or Clock()
        self.faults, self.counters = Faults(), Counters()
        self.concurrency_limit: int | None = 40
        self._algorithms = algorithms_for(self.catalog)
        folder = None if state is None else Path(state) / "operations"
        self.operations = Operations(self.clock, self.faults, self._work, folder)

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

    def _work(self, operation: Operation) -> None:
        if operation.type == INGEST_IMAGE:
            self.ingested.ingest(operation, self.buckets)
            return
        export(operation, self.evaluate, self.buckets)


def _add_operations(backend: Backend, project: str = "demo", count: int = 1, **facts: Any) -> dict[str, Any]:
    return {"operations": [backend.operations.add(project, **facts).name for _ in range(count)]}


def _timing(backend: Backend, **seconds: float) -> None:
    for name, value in seconds.items():
        if not hasattr(backend.operations, name):
            raise KeyError(name)
        setattr(backend.operations, name, value)


def _options(backend: Backend, **options: Any) -> None:
    if "refuse_pyramid" in options:
        sampling.REFUSE_PYRAMID[0] = bool(options["refuse_pyramid"])
    if "whole_masks" in options:
        resolution.WHOLE_MASKS[0] = bool(options["whole_masks"])
    if "concurrency_limit" in options:
        backend.concurrency_limit = options["concurrency_limit"]


# action -> what it does; further keys of the request's body are its options.
ACTIONS: dict[str, Any] = {
    "add_fault": lambda backend, **rule: dataclasses.asdict(backend.faults.add(**rule)),
    "clear_faults": lambda backend: backend.faults.clear(),
    "seed_faults": lambda backend, seed: backend.faults.seed(seed),
    "faults": lambda backend: {"faults": backend.faults.to_json()},
    "counters": lambda backend: backend.counters.to_json(),
    "reset_counters": lambda backend: backend.counters.reset(),
    "advance": lambda backend, seconds: backend.advance(seconds),
    "time": lambda backend: {"now": backend.clock.now(), "wall": time.time()},
    "timing": _timing,
    "options": _options,
    "operations": lambda backend: {"operations": [dataclasses.asdict(op) for op in backend.operations.all()]},
    "add_operations": _add_operations,
    "forget": lambda backend, name: backend.operations.forget(name),
}
