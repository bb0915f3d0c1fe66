"""What has become of the tasks: one listing for all open records, and the verdict on each."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.imagery.compositing.label_cells import averaged
from fusion_assets.imagery.engines.earth_engine import shards, tasks
from fusion_assets.imagery.engines.earth_engine.connection import Connection
from fusion_assets.imagery.engines.earth_engine.expressions import Plan
from fusion_assets.imagery.engines.earth_engine.records import Record, Registry
from fusion_assets.imagery.engines.earth_engine.scene_lists import SceneGroups
from fusion_assets.imagery.engines.operations import now
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.retries import bounded, remaining

FILES_GRACE = dt.timedelta(minutes=10)


def refreshed(
    records: Sequence[Record],
    registry: Registry,
    connection: Connection,
    folder: str,
    grace: dt.timedelta,
    listed: Callable[[], list[dict[str, Any]]] | None = None,
) -> list[Record]:
    """The records with their tasks' present state, written down where it has changed.

    One listing where any of them is open. A task that is not listed was started a moment ago, or so long ago that
    Earth Engine has forgotten it: it is looked up by itself, and then its files speak for it. What the caller's
    deadline leaves no time for stays as it was, for the next look.

    Args:
        records: in any state.
        registry: to write to.
        connection: to ask.
        folder: URL of the bucket that tasks write to.
        grace: for the files of a task that succeeded.
        listed: all operations of the project; by default they are listed now.
    """
    if not any(record.open for record in records):
        return list(records)
    operations = tasks.ours(listed() if listed else tasks.listed(connection))
    by_name = {operation.name: operation for operation in operations}

    def look(record: Record) -> Record:
        if not record.open or remaining() <= 0:
            return record
        operation = by_name.get(record.operation) or tasks.get(record.operation, connection)
        new = _seen(record, operation, folder, grace)
        return record if new == record else registry.write(new)

    def needs_files(index: int) -> bool:
        operation = by_name.get(records[index].operation)
        return operation is None or operation.state == "SUCCEEDED"

    # What takes longest comes last: a bucket that does not answer must not hide a failure that is known.
    looked = {index: look(records[index]) for index in sorted(range(len(records)), key=needs_files)}
    return [looked[index] for index in range(len(records))]


def verified(record: Record, registry: Registry, folder: str) -> Record:
    """A record that has succeeded, or FAILED where its files are no longer in the bucket."""
    if record.way == "direct" or record.export.state != "SUCCEEDED":
        return record
    plan = plan_of(record.export.request, record.scenes)
    problem = _trouble(lambda: shards.find_shards(folder, record.prefix, plan.grid, plan.bands), folder)
    if problem is None or isinstance(problem, shards.BucketUnreachable):
        return record
    return registry.write(_ended(record, "FAILED", f"the task's files are gone: {problem.found}", record.facts))


def is_overdue(record: Record, grace: dt.timedelta) -> bool:
    """Whether a task succeeded a while ago, but its files can still not be reached."""
    return record.open and bool(record.succeeded) and _age(record.succeeded) > grace


def plan_of(request: ExportRequest, scenes: SceneGroups, tile_scale: float = 1, without: Collection[str] = ()) -> Plan:
    """What is computed for a request from the scenes found, some of them left out."""
    groups = tuple(tuple(name for name in group if name not in without) for group in scenes.groups)
    # The gap has been enforced when the scenes were listed.
    recipe = dataclasses.replace(request.recipe, mask=dataclasses.replace(request.recipe.mask, gap=None))
    kept = tuple(group for group in groups if group)
    if scenes.source is not None and PRODUCTS[request.product].label == "fraction":
        crs, terms = scenes.source
        recipe = averaged(recipe, request.grid, crs, Affine(*terms))
    return Plan(request.product, scenes.collection, kept, scenes.masked, recipe, request.grid, tile_scale)


def _seen(record: Record, operation: tasks.Operation | None, folder: str, grace: dt.timedelta) -> Record:
    if operation is not None and operation.state in ("PENDING", "RUNNING"):
        export = dataclasses.replace(record.export, state=operation.state)
        return dataclasses.replace(record, export=export, facts=operation.facts)
    facts = record.facts if operation is None else operation.facts
    if operation is not None and operation.state == "FAILED":
        return _ended(record, "FAILED", operation.message, facts)
    plan = plan_of(record.export.request, record.scenes)
    problem = _trouble(lambda: shards.find_shards(folder, record.prefix, plan.grid, plan.bands), folder)
    if problem is None:
        return _ended(record, "SUCCEEDED", "", facts)
    # What a task has computed is not given up because its bucket cannot be reached today.
    lost = not isinstance(problem, shards.BucketUnreachable)
    if operation is None and lost:
        return _ended(record, "FAILED", f"Earth Engine no longer knows the task, and {problem.found}", facts)
    since = record.succeeded or now()
    if lost and _age(since) > grace:
        return _ended(record, "FAILED", f"the task succeeded, but {problem.found}", facts)
    waiting = dataclasses.replace(record.export, state="RUNNING", message=f"files not ready: {problem.found}")
    return dataclasses.replace(record, export=waiting, facts=facts, succeeded=since)


def _ended(record: Record, state: Literal["SUCCEEDED", "FAILED"], message: str, facts: dict) -> Record:
    export = dataclasses.replace(record.export, state=state, finished=now(), message=message)
    return dataclasses.replace(record, export=export, facts=facts)


def _trouble(work: Callable[[], object], folder: str) -> FusionError | None:
    try:
        bounded(work)
    except FusionError as error:
        return error
    except TimeoutError:
        return shards.BucketUnreachable(f"{folder} did not answer in time")
    return None


def _age(moment: str) -> dt.timedelta:
    return dt.datetime.fromisoformat(now()) - dt.datetime.fromisoformat(moment)
