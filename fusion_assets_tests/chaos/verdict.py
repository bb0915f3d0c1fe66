"""What must hold when all is quiet again: Dagster's records, the loopback's list and the files tell the same story."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import dagster as dg
import rasterio

# Not public, but what the web UI itself shows; Dagster's version is pinned to this minor release.
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets_tests.chaos.system import System

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
PIXELS = {
    "sentinel2_composite": "sentinel2_export",
    "night_lights_composite": "night_lights_export",
    "ghsl_labels": "ghsl_export",
}


def missing(system: System, instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """What is not materialized yet, as (asset, partition)."""
    return [
        (asset, partition)
        for asset, keys in system.partitions.items()
        for partition in sorted(keys - set(instance.get_materialized_partitions(dg.AssetKey(asset))))
    ]


def violations(system: System, instance: dg.DagsterInstance) -> list[str]:
    """Everything that is not as it must be, in words."""
    found = [f"not materialized: {asset} {partition}" for asset, partition in missing(system, instance)]
    found += [f"run {r.run_id} still {r.status.value}: {r.asset_selection}" for r in under_way(instance)]
    tickets = {export: operations_of(instance, export) for export in PIXELS.values()}
    for asset, export in PIXELS.items():
        made = operations_of(instance, asset)
        found += [f"{asset} {place} made {n} times from {op}" for (place, op), n in made.items() if n > 1]
        found += [
            f"{asset} {place} made from {op}, no ticket" for place, op in made if (place, op) not in tickets[export]
        ]
    asked = {operation for ticket in tickets.values() for _, operation in ticket}
    found += _tasks(system, asked)
    found += _registry(system.folder / "data" / "_operations", asked)
    return found + broken_files(system.folder / "data")


def under_way(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that have not ended."""
    return list(instance.get_runs(filters=dg.RunsFilter(statuses=UNDER_WAY)))


def busy(instance: dg.DagsterInstance) -> bool:
    """Whether runs or backfills are under way, or a run that has died waits for its retry."""
    asked = instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
    failed = instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    return bool(under_way(instance) or asked or any(run.is_complete_and_waiting_to_retry for run in failed))


def operations_of(instance: dg.DagsterInstance, asset: str) -> Counter[tuple[str, str]]:
    """How often each (partition, operation) of an asset was materialized."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=10_000).records
    events = [record.asset_materialization for record in records]
    return Counter((str(e.partition), str(e.metadata[OPERATION_METADATA].value)) for e in events if e is not None)


def _tasks(system: System, asked: set[str]) -> list[str]:
    tasks = system.operations()
    found = []
    for what in ("requestId", "description"):
        counted = Counter(str(task["request"].get(what)) for task in tasks)
        found += [f"{n} tasks with the {what} {value}" for value, n in counted.items() if n > 1]
    # No task fails here, so that each export has exactly one.
    started = Counter(task["description"].split(":")[3] for task in tasks)
    found += [f"{n} tasks for the export {export}" for export, n in started.items() if n != 1]
    found += [f"task {t['description']} is {t['state']}" for t in tasks if t["state"] != "SUCCEEDED"]
    found += [f"a task without ticket: {export}" for export in started.keys() - asked]
    return found + [f"a ticket without task: {export}" for export in asked - started.keys()]


def _registry(folder: Path, asked: set[str]) -> list[str]:
    found = []
    for path in folder.glob("*.json"):
        state = json.loads(path.read_text())["state"]
        if path.stem not in asked or state != "SUCCEEDED":
            found.append(f"record {path.stem} is {state}, {'has' if path.stem in asked else 'without'} ticket")
    return found


def broken_files(folder: Path) -> list[str]:
    found = [f"left behind: {path.relative_to(folder)}" for path in folder.rglob("*.tif.*") if path.is_file()]
    for path in folder.rglob("*.tif"):
        try:
            with rasterio.open(path) as raster:
                raster.read()
        except rasterio.errors.RasterioIOError as error:
            found.append(f"{path.relative_to(folder)}: {error}")
    for path in folder.rglob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            found.append(f"{path.relative_to(folder)}: {error}")
    return found
