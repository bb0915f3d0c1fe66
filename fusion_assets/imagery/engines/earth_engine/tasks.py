"""Tasks: exports to a bucket, started once, and what the list of operations says about them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read, status_of
from fusion_assets.imagery.engines.earth_engine.expressions import NO_DATA, Plan, composite_image, crs_text
from fusion_assets.imagery.engines.protocol import QueueFull, State, digest
from fusion_assets.imagery.engines.services import Undocumented, is_text

LONGEST_DESCRIPTION = 100
QUEUE_LIMIT = 3000
"""Tasks that Earth Engine lets wait in one project."""
_OURS = re.compile(r"[\w.-]+:[\w.-]*:\d+:([0-9a-f]{12}):(\d+)")
# Earth Engine's states -> ours; a task that is being cancelled still runs.
_STATES: dict[str, State] = {
    "PENDING": "PENDING",
    "RUNNING": "RUNNING",
    "CANCELLING": "RUNNING",
    "SUCCEEDED": "SUCCEEDED",
    "CANCELLED": "FAILED",
    "FAILED": "FAILED",
}


class Labelled(Protocol):
    """What a task is started for: an asset of ours and its partition."""

    @property
    def asset(self) -> str:
        """Its name."""

    @property
    def region(self) -> str:
        """Name of the region."""

    @property
    def year(self) -> int:
        """Year of the partition."""


@dataclass(frozen=True)
class Operation:
    """One of our tasks, as the list of operations shows it.

    Attributes:
        name: resource name.
        export_id: operation id of the export it was started for.
        attempt: 1 for the first task of an export.
        state: in our words.
        message: Earth Engine's, when it failed.
        facts: `created`, `started`, `ended` (RFC 3339), `attempt_on_earth_engine` and `eecu_seconds`, as far as known.
    """

    name: str
    export_id: str
    attempt: int
    state: State
    message: str
    facts: dict[str, Any]


def description(request: Labelled, export_id: str, attempt: int) -> str:
    """Asset, region, year, digest and attempt in the characters that Earth Engine allows."""
    tail = f":{request.year}:{export_id}:{attempt}"
    head = f"{request.asset}:{_plain(request.region)}"
    return head[: LONGEST_DESCRIPTION - len(tail)] + tail


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)


def request_id(export_id: str, attempt: int, folder: str) -> str:
    """What makes Earth Engine itself start a task once, however often it is asked, for each place to write to."""
    return f"fusion-{export_id}-{attempt}-{digest(folder)[:6]}"


def start(
    plan: Plan, bucket: str, prefix: str, name: str, once: str, connection: Connection, priority: int | None = None
) -> str:
    """Start the task of a plan, or find the one that the same request id has started; returns its resource name.

    Raises:
        FusionError: Earth Engine refuses it.
    """
    import ee

    connection.open()
    grid, about = plan.grid, f"starting the task {name}"
    task = ee.batch.Export.image.toCloudStorage(
        read(lambda: composite_image(plan), about),
        description=name,
        bucket=bucket,
        fileNamePrefix=prefix,
        crs=crs_text(grid),
        crsTransform=list(grid.transform[:6]),
        dimensions=f"{grid.width}x{grid.height}",
        maxPixels=max(grid.width * grid.height, 1),
        fileFormat="GeoTIFF",
        formatOptions={"noData": NO_DATA},
        priority=priority,
    )
    config = task.config or {}
    # Not `task.start()`: that draws an id of its own, and the answer may be lost.
    answer = connection.ask(lambda: ee.data.exportImage(once, config), about)
    return read(lambda: named(answer), about)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """All operations of the project, as Earth Engine shows them: one listing, page by page."""
    import ee

    connection.open()
    about = "listing the tasks"
    entries = connection.ask(ee.data.listOperations, about)
    return read(lambda: [_entry(entry) for entry in entries], about)


def ours(operations: list[dict[str, Any]]) -> list[Operation]:
    """Those that this engine has started; foreign ones and ones without description are none of its business."""
    tasks = (_operation(entry) for entry in operations)
    return [operation for operation in tasks if operation is not None]


def get(name: str, connection: Connection) -> Operation | None:
    """One task; None when Earth Engine no longer knows it."""
    import ee

    def ask() -> dict[str, Any] | None:
        try:
            return ee.data.getOperation(name)
        except ee.EEException as error:
            if status_of(error) == 404 or "not found" in str(error).lower():
                return None
            raise

    about = f"looking up the task {name}"
    entry = connection.ask(ask, about)
    return None if entry is None else read(lambda: _operation(_entry(entry)), about)


def named(entry: Any) -> str:
    """Resource name of an operation as it is answered.

    Raises:
        Undocumented: it has none.
    """
    if not is_text(entry["name"]) or not entry["name"]:
        raise Undocumented("a task without a name")
    return entry["name"]


def _entry(entry: Any) -> dict[str, Any]:
    """An operation as it is listed, which is what it is documented to be as far as it is looked at.

    Raises:
        ValueError: it is something else.
    """
    metadata, error = entry.get("metadata") or {}, entry.get("error") or {}
    texts = (metadata.get(key) for key in ("description", "state", "createTime", "startTime", "endTime"))
    spent = metadata.get("batchEecuUsageSeconds", 0)
    if not all(text is None or is_text(text) for text in (error.get("message"), *texts)) or not math.isfinite(spent):
        raise Undocumented("a task whose texts or numbers are none")
    named(entry)
    return entry


def _operation(entry: dict[str, Any]) -> Operation | None:
    metadata = entry.get("metadata") or {}
    match = _OURS.fullmatch(metadata.get("description") or "")
    if match is None:
        return None
    state = _STATES.get(metadata.get("state", ""), "RUNNING")
    message = str((entry.get("error") or {}).get("message", ""))
    if metadata.get("state") == "CANCELLED":
        message = message or "Cancelled."
    names = {
        "createTime": "created",
        "startTime": "started",
        "endTime": "ended",
        "attempt": "attempt_on_earth_engine",
        "batchEecuUsageSeconds": "eecu_seconds",
    }
    facts = {ours: metadata[theirs] for theirs, ours in names.items() if theirs in metadata}
    return Operation(entry["name"], match[1], int(match[2]), state, message, facts)


def check_queue(operations: list[dict[str, Any]], most: int | None, wait: bool = False) -> None:
    """Refuse to start another task into a full queue.

    Args:
        operations: as listed.
        most: tasks of ours that may wait or run at the same time; None for no limit of one's own.
        wait: whether whoever asks should wait for a place.

    Raises:
        QueueFull: with `wait`; otherwise a plain FusionError: the project's queue, or one's own share of it, is full.
    """
    open_states = ("PENDING", "RUNNING", "CANCELLING")
    waiting = sum((entry.get("metadata") or {}).get("state") == "PENDING" for entry in operations)
    mine = sum(
        (entry.get("metadata") or {}).get("state") in open_states and _operation(entry) is not None
        for entry in operations
    )
    refusal = QueueFull if wait else FusionError
    remedy = "wait until some have finished (https://code.earthengine.google.com/tasks), or cancel what is not needed"
    if waiting >= QUEUE_LIMIT:
        raise refusal(f"{waiting} tasks wait in this project's queue", f"fewer than {QUEUE_LIMIT}", remedy)
    if most is not None and mine >= most:
        ours = f"{number_of(mine, 'task')} of this project's studies"
        raise refusal(f"{ours} waiting or running", f"fewer than {most}", remedy)
