"""A tick of the sensor when there is much that it need not look at: seconds, listings, memory.

Twelve exports of ours have finished and one still runs, beside ten thousand operations of others in Earth Engine's
list, or ten thousand of our own that were settled long ago. A tick is the first of its process or a later one, and
comes with its cursor or has lost it.
"""

import json
import tempfile
import time
import tracemalloc
from pathlib import Path

import dagster as dg

from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService, storage_emulator, tiny_archive
from fusion_assets.storage.root import Storage
from fusion_assets_tests.orchestration.sensor_cases import Project

MANY, OURS, YEARS = 10_000, 12, tuple(range(2015, 2025))
LONG_AGO = "2020-01-01T00:00:00.000000+00:00"


def run(many: int = MANY) -> list[dict]:
    """One row for each case and kind of tick."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, storage_emulator() as buckets:
        catalog = tiny_archive.write(Path(folder) / "tiny")
        for name, foreign, settled in (("others' operations", many, 0), ("our own, settled", 0, many)):
            service = EarthEngineService(catalog, buckets, Clock(manual=True))
            with service, dg.DagsterInstance.ephemeral() as instance:
                place = Path(folder) / str(settled)
                project = Project(place, service, instance, regions=OURS + 1 + settled // len(YEARS), years=YEARS)
                _fill(project, foreign, settled)
                for cursor in ("kept", "lost"):
                    for tick in ("first", "later"):
                        rows.append({f"{many} operations": name, "cursor": cursor, "tick": tick})
                        rows[-1] |= _measured(project, cursor, tick)
    return rows


def _fill(project: Project, foreign: int, settled: int) -> None:
    """Exports that have finished, one that runs, others' operations; records of ours with tickets and pixels."""
    service = project.service
    service.control({"action": "add_operations", "count": foreign, "description": "foreign", "state": "SUCCEEDED"})
    this = [f"r{number:03d}|2018" for number in range(OURS + 1)]
    exports = [project.submit(partition) for partition in this]
    service.operations.all()[-1].fault = {"kind": "never_ends"}
    service.advance(60)
    project.evaluate()
    storage = Storage(project.settings.storage)
    text = Path(operations.file_of(storage, exports[0].id)).read_text()
    for partition in [key for key in project.partitions if key not in this][:settled]:
        region, year = partition.split("|")
        facts = json.loads(text) | {"id": digest(partition), "finished": LONG_AGO}
        facts["request"] |= {"region": region, "year": int(year)}
        Path(operations.file_of(storage, facts["id"])).write_text(json.dumps(facts))
        project.ticket("sentinel2_export", partition, facts["id"])
        project.collected(partition, facts["id"])


def _measured(project: Project, cursor: str, tick: str) -> dict:
    def evaluate() -> int:
        project.cursor = operations.now() if cursor == "kept" else None
        if tick == "first":
            operations.forget()
        return len(project.evaluate().run_requests)

    project.service.counters.reset()
    started, worked = time.perf_counter(), time.process_time()
    requested = evaluate()
    figures = {"seconds": time.perf_counter() - started, "cpu seconds": time.process_time() - worked}
    listings, pages = project.listings(), project.service.counters.requests["operations.list"]
    tracemalloc.start()
    evaluate()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {**figures, "requested": requested, "listings": listings, "pages": pages, "peak MiB": peak / 2**20}
