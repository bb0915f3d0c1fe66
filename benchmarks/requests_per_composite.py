"""What composites ask of Earth Engine: requests by kind and bytes, counted by the loopback service.

Needed bytes are float32 bands times pixels of the grid; fetched bytes are answers with pixels, or the files of tasks.
What does not belong here: how fast Earth Engine computes, which only Earth Engine can tell.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

KINDS = {
    "value.compute": "compute",
    "image.computePixels": "pixels",
    "image.export": "export",
    "operations.list": "list",
    "operations.get": "get",
}
WAYS = ("direct", "batch")
YEARS = 16


def run() -> list[dict[str, Any]]:
    """Requests of one kind a column; `composites`, `each` (requests a composite), bytes and their ratio.

    Single composites of 12 x 12 pixels and of 2400 x 2400; 16 years submitted one after the other; a study from
    exports to pixels as `fusion run` makes it, and the same again with nothing to do; and what is planned, without
    being asked for, for a province at native and at coarser working resolution.
    """
    from fusion_assets.demo import build_demo_archive
    from fusion_assets.loopbacks.earth_engine import EarthEngineService, storage_emulator
    from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_request

    with tempfile.TemporaryDirectory() as folder, storage_emulator() as buckets:
        catalog = build_demo_archive(Path(folder) / "archive", seed=3, size_km=12, years=(2015, 2016))
        with EarthEngineService(catalog, buckets) as service:
            optics, lights = (demo_request(catalog, name, 4) for name in ("sentinel2_l2a", "viirs_monthly"))
            labels = demo_request(catalog, "ghsl_smod_p2016")
            large = dataclasses.replace(labels, grid=_finer(labels.grid, 2400))
            # Other years than above: Earth Engine starts a task of one request id once, wherever it is to write.
            backfill = [dataclasses.replace(lights, year=2020 + year) for year in range(YEARS)]
            cases = {f"{request.product}, 12 x 12": [request] for request in (optics, lights, labels)}
            cases |= {"ghsl_smod_p2016, 2400 x 2400": [large], f"viirs_monthly, {YEARS} years": backfill}
            rows = [_engine(service, folder, f"{name}, {way}", way, r) for name, r in cases.items() for way in WAYS]
            rows += [row for way in WAYS for row in _project(service, folder, catalog, way)]
            return [*rows, *_planned(optics)]


def _finer(grid: Any, edge: int) -> Any:
    from affine import Affine

    from fusion_assets.grids.grid import Grid

    return Grid(grid.crs, grid.transform @ Affine.scale(grid.width / edge), edge, edge)


def _needed(request: Any) -> int:
    return 4 * (len(request.recipe.bands) + 1) * math.prod(request.grid.shape)


def _engine(service: Any, folder: str, name: str, way: Any, requests: list[Any]) -> dict[str, Any]:
    """Submitted one after the other, waited for, collected."""
    from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions
    from fusion_assets.imagery.engines.waiting import wait_for
    from fusion_assets.storage.root import Storage

    place = re.sub(r"\W+", "-", name)
    connection = Connection("demo", service.url)
    engine = EarthEngine(Storage(Path(folder) / place), connection, ExportOptions(f"exports/{place}", way))
    connection.open()

    def work() -> None:
        exports = [engine.submit(request) for request in requests]
        # Not a part of what is counted: how often one looks depends on how long tasks take.
        service.operations.settle()
        for export in wait_for(engine, exports, 600):
            engine.collect(export).compute()

    return _counted(service, name, place, work, len(requests), sum(map(_needed, requests)))


def _project(service: Any, folder: str, catalog: Path, way: str) -> Iterator[dict[str, Any]]:
    """Exports, composites and labels of a study of two years through Dagster, each step a run; then once more."""
    import dagster as dg

    from fusion_assets.cli.runner import run_steps
    from fusion_assets.cli.steps import plan
    from fusion_assets.orchestration.assembly import build_definitions, site_of
    from fusion_assets.orchestration.instance import prepare_home
    from fusion_assets.orchestration.io_managers import managers
    from fusion_assets.settings import Settings
    from fusion_assets.study import study_of
    from fusion_assets.study.imagery_requests import request_for
    from fusion_assets.study.provenance import export_request, roles_of
    from fusion_assets.systems.registry import SYSTEMS
    from fusion_assets_tests.demo_study import demo_study

    place = f"project-{way}"
    study = study_of(demo_study(catalog, earth_engine={"way": way}))
    settings = Settings.from_environment(
        {"study": study, "engine": "earth_engine", "storage": f"{folder}/{place}", "ee_project": "demo"}
        | {"ee_url": service.url, "ee_bucket": f"exports/{place}"}
    )
    years = {role: [2015] if role == "labels" else [2015, 2016] for role in roles_of(study)}
    asked = [request_for(study, settings, role, "here", year) for role, found in years.items() for year in found]
    os.environ["DAGSTER_HOME"] = f"{folder}/home-{way}"
    prepare_home(study.name)
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": study})
    steps = plan(definitions, study, select="*ghsl_labels, *sentinel2_composite, *night_lights_composite")
    stored = managers(settings.storage, site_of(SYSTEMS, study, settings).facts)

    def work(expected: str) -> None:
        with dg.DagsterInstance.get() as instance:
            for outcome in run_steps(definitions, instance, stored, steps, partial(export_request, study, settings)):
                assert outcome.state == expected, outcome

    for name, expected, needed in ((f"fusion run, {way}", "made", asked), (f"again, {way}", "fresh", [])):
        yield _counted(service, name, place, partial(work, expected), len(asked), sum(map(_needed, needed)))


def _counted(
    service: Any, name: str, place: str, work: Callable[[], None], composites: int, needed: int
) -> dict[str, Any]:
    counters, buckets = service.counters, service.buckets
    counters.reset()
    work()
    row = {"name": name, "composites": composites, **{short: counters.requests[kind] for kind, short in KINDS.items()}}
    row["each"] = sum(row[short] for short in KINDS.values()) / composites
    if not needed:
        return row
    files = sum(len(buckets.read("exports", file)) for file in buckets.names("exports", place + "/"))
    fetched = counters.bytes_out["image.computePixels"] + files
    return row | {"fetched_bytes": fetched, "needed_bytes": needed, "ratio": fetched / needed}


def _planned(request: Any) -> Iterator[dict[str, Any]]:
    """Requests for pixels of a season of 60 scenes, eight bands, over 160 x 140 pixels of 1 km."""
    from fusion_assets.grids.grid import Grid
    from fusion_assets.imagery.engines.earth_engine.direct import tile_edge
    from fusion_assets.imagery.engines.earth_engine.expressions import Plan
    from fusion_assets.imagery.products import PRODUCTS

    grid = Grid(request.grid.crs, request.grid.transform, 140, 160)
    for k in (100, 50, 10):
        bands = PRODUCTS["sentinel2_l2a"].default_bands
        recipe = dataclasses.replace(request.recipe, bands=bands, subdivision=k)
        plan = Plan("sentinel2_l2a", "C", (("a",),) * 60, True, recipe, grid)
        edge = tile_edge(plan)
        tiles = math.ceil(grid.height / edge) * math.ceil(grid.width / edge)
        name = f"planned: province at {1000 // k} m, direct"
        row = {"name": name, "composites": 1, "compute": 1, "pixels": tiles, "export": 0, "list": 0, "get": 0}
        yield row | {"each": tiles + 1.0, "needed_bytes": 4 * len(plan.bands) * math.prod(grid.shape)}


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(run()))
