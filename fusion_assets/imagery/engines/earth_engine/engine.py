"""The engine itself: requests in, exports and pixels out. How each step works is in the modules beside this one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.earth_engine import direct, series, shards, tasks
from fusion_assets.imagery.engines.earth_engine.connection import Connection
from fusion_assets.imagery.engines.earth_engine.polling import FILES_GRACE, is_overdue, plan_of, refreshed, verified
from fusion_assets.imagery.engines.earth_engine.records import Record, Registry
from fusion_assets.imagery.engines.earth_engine.scene_lists import SceneGroups, find_scenes, list_scenes
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.imagery.engines.operations import now, renewed
from fusion_assets.imagery.engines.protocol import Export, ExportRequest, digest, operation_id
from fusion_assets.imagery.timeseries import PIECE_SIZES, PieceSizes, Treatment
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.storage.root import Storage

_LARGEST_TILE_SCALE = 16


@dataclass(frozen=True)
class ExportOptions:
    """How pixels leave Earth Engine.

    Attributes:
        bucket: Cloud Storage bucket, or a folder in one, without `gs://`; empty fetches everything directly.
        way: `direct`, `batch`, or `auto`: batch where there is a bucket and one request does not suffice.
        most_tasks: tasks of ours that may wait or run at once; None leaves it to Earth Engine's queue.
        priority: 0 to 9999, higher first; None is Earth Engine's 100.
        when_full: whether whoever submits to a full queue should `wait` (`QueueFull`) or `stop`.
        files_grace: files of a task that succeeded may take a moment to appear; after this they are missing.
        sizes: of the pieces of a series.
    """

    bucket: str = ""
    way: Literal["auto", "direct", "batch"] = "auto"
    most_tasks: int | None = None
    priority: int | None = None
    when_full: Literal["wait", "stop"] = "stop"
    files_grace: dt.timedelta = FILES_GRACE
    sizes: PieceSizes = PIECE_SIZES


class EarthEngine:
    """Composites computed by Google Earth Engine; see `CompositeEngine`."""

    name = "earth_engine"

    def __init__(self, storage: Storage, connection: Connection, options: ExportOptions | None = None) -> None:
        """Keep the list of operations under `storage`."""
        self._registry, self.connection = Registry(storage), connection
        self._options = options or ExportOptions()
        self._listed: Callable[[], list[dict[str, Any]]] = lambda: tasks.listed(connection)

    def submit(self, request: ExportRequest) -> Export:
        """List the scenes and accept the request, or find what has been accepted; see `CompositeEngine.submit`.

        A failed export is tried anew: a new task, the same id.
        """
        scenes = find_scenes(request, self.connection)
        export_id = _identity(request, scenes)
        earlier = self._registry.read(export_id)
        if earlier is not None:
            # A failure may not have been noticed yet, and files may have been removed since.
            earlier = verified(self._present([earlier])[0], self._registry, self.folder)
            present = earlier.export
            if present.state == "FAILED":
                return self.resubmit(present)
            if present.state != "SUCCEEDED":
                return present
            return self._registry.write(dataclasses.replace(earlier, export=renewed(present))).export
        moment = now()
        export = Export(export_id, request, scenes.ids, "SUCCEEDED", self.name, moment, moment, flags=scenes.flags)
        if self._way(request, scenes) == "direct":
            return self._registry.write(Record(export, scenes, "direct")).export
        record = Record(dataclasses.replace(export, state="PENDING", finished=None), scenes, "batch")
        return self._start(record).export

    def series(
        self, request: ExportRequest, treatment: Treatment | None = None, without: Collection[str] = ()
    ) -> xr.Dataset:
        """Every pass by itself, lazily, always fetched directly; see `SeriesEngine.series`."""
        return series.lazy_series(request, self.connection, treatment, without, self._options.sizes)

    def readability(self, request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Scenes that lack something; Earth Engine reads the others itself, and fails as a whole where it cannot."""
        return {scene.id: scene.problem for scene in list_scenes(request, self.connection)[1]}

    def doubts(self, request: ExportRequest) -> tuple[str, ...]:
        """Nothing: Earth Engine keeps the numbers of its collections in one form."""
        return ()

    def resubmit(self, export: Export, tile_scale: float | None = None) -> Export:
        """Start another task for a failed export; the scenes stay.

        Args:
            export: failed.
            tile_scale: above 1 computes in smaller pieces; by default as before, twice that for what ran out of memory.
        """
        record = self._record(export)
        if record.way == "direct" or record.export.state != "FAILED":
            return record.export
        pending = dataclasses.replace(record.export, state="PENDING", finished=None, message="", submitted=now())
        out_of_memory = kind_of(record.export.message).name == "memory"
        usual = min(record.tile_scale * (2 if out_of_memory else 1), _LARGEST_TILE_SCALE)
        scale = usual if tile_scale is None else tile_scale
        again = Record(pending, record.scenes, "batch", attempt=record.attempt + 1, tile_scale=scale)
        return self._start(again).export

    def states(self, exports: Sequence[Export]) -> list[Export]:
        """The same exports as they are now: one listing for all of them."""
        records = [self._record(export) for export in exports]
        return [record.export for record in self._present(records)]

    def collect(self, export: Export, without: Collection[str] = ()) -> xr.Dataset:
        """The pixels on the grid, lazily; see `CompositeEngine.collect`. `without` counts for direct exports alone."""
        record = self._record(export)
        if record.open:
            record = self._present([record])[0]
        request, where = record.export.request, _partition(record.export.request)
        if record.export.state != "SUCCEEDED":
            raise FusionError(
                f"the task of {where} ({record.operation}) is not ready: {record.export.state}"
                + (f", {record.export.message}" if record.export.message else ""),
                "a task that has succeeded",
                kind_of(record.export.message).advice
                if record.export.state == "FAILED"
                else "wait; the sensor finished_exports requests it when it is ready",
            )
        for scene, problem in record.scenes.problems().items():
            if scene not in without:
                raise problem
        plan = plan_of(request, record.scenes, record.tile_scale, without)
        if record.way == "direct":
            pixels = direct.lazy_pixels(plan, self.connection)
        else:
            files = shards.find_shards(self.folder, record.prefix, plan.grid, plan.bands)
            pixels = shards.lazy_pixels(files, plan.grid, plan.bands)
        if record.scenes.source is None:
            return pixels
        crs, terms = record.scenes.source
        return pixels.assign_attrs(source_crs=crs, source_transform=" ".join(map(repr, terms)))

    def unreadable(self, export: Export) -> dict[str, UnreadableFile]:
        """Scenes that lack something; Earth Engine reads the others itself, and fails as a whole where it cannot."""
        return dict(self._record(export).scenes.problems())

    def finished_since(self, cursor: str | None) -> tuple[list[Export], str]:
        """Exports that were seen to finish after `cursor`, oldest first; see `CompositeEngine.finished_since`.

        Times are those of this project's clocks, not of Earth Engine's: what is seen late is told late, not lost. The
        last minutes before the cursor are told again, since several processes look. Exports that have run but whose
        files cannot be reached come last, still RUNNING, with the reason.
        """
        seen = operations.now()
        still_open, settled = [], []
        for record in self._registry.recent(operations.since(cursor)):
            if record.open:
                still_open.append(record)
            else:
                settled.append(record.export)
        # Resubmissions that follow count the same listing.
        self._listed = functools.cache(lambda: tasks.listed(self.connection))
        present = self._present(still_open, self._listed)
        settled += [record.export for record in present if not record.open]
        overdue = [record.export for record in present if is_overdue(record, self._options.files_grace)]
        return operations.in_order(settled) + overdue, seen

    def facts(self, export: Export) -> dict[str, object]:
        """What is worth recording of an export: way, collection, task, attempt, tile scale, times, EECU-seconds."""
        record = self._record(export)
        names = " and ".join(record.scenes.collections)
        facts = {"way": record.way, "collection": names, "attempt": record.attempt, **record.facts}
        if "eecu_seconds" in facts:
            # One kind of number throughout, so that the UI plots it.
            facts["eecu_seconds"] = float(facts["eecu_seconds"])
        if record.way == "batch":
            facts |= {
                "task": record.operation.rsplit("/", 1)[-1],
                "destination": f"{self.folder}/{record.prefix}",
                "tile_scale": record.tile_scale,
            }
        return facts

    @property
    def folder(self) -> str:
        """Address in Cloud Storage that tasks write to."""
        bucket = self._options.bucket.rstrip("/")
        return bucket if "://" in bucket else f"gs://{bucket}"

    def _present(
        self, records: Sequence[Record], listed: Callable[[], list[dict[str, Any]]] | None = None
    ) -> list[Record]:
        grace = self._options.files_grace
        return refreshed(records, self._registry, self.connection, self.folder, grace, listed)

    def _way(self, request: ExportRequest, scenes: SceneGroups) -> Literal["direct", "batch"]:
        if self._options.way == "batch" and not self._options.bucket:
            raise FusionError("no bucket for tasks to write to", "the name of one", "set FUSION_EE_BUCKET")
        if self._options.way != "auto":
            return self._options.way
        return "batch" if self._options.bucket and not direct.is_small(plan_of(request, scenes)) else "direct"

    def _start(self, record: Record) -> Record:
        wait = self._options.when_full == "wait"
        listed = self._listed()
        tasks.check_queue(listed, self._options.most_tasks, wait)
        export, attempt = record.export, record.attempt
        bucket, _, folder = self.folder.removeprefix("gs://").partition("/")
        name = tasks.description(export.request, export.id, attempt)
        prefix = f"fusion/{export.request.asset}/{export.id}-{attempt}"
        operation = tasks.start(
            plan_of(export.request, record.scenes, record.tile_scale),
            bucket,
            f"{folder}/{prefix}" if folder else prefix,
            name,
            tasks.request_id(export.id, attempt, self.folder),
            self.connection,
            self._options.priority,
        )
        listed.append({"name": operation, "metadata": {"state": "PENDING", "description": name}})
        return self._registry.write(dataclasses.replace(record, operation=operation, prefix=prefix))

    def _record(self, export: Export) -> Record:
        """What is known of an export; asked again where the list of operations is not at hand."""
        record = self._registry.read(export.id)
        if record is not None:
            return record
        scenes = find_scenes(export.request, self.connection)
        missing = sorted(set(export.scenes) - set(scenes.ids))
        if missing or _identity(export.request, scenes) != export.id:
            where = _partition(export.request)
            raise FusionError(
                f"the export {export.id} of {where} is not in the list of operations, and Earth Engine's scenes have "
                f"changed since ({len(missing)} are gone)",
                "the scenes that were there when the export was submitted",
                f"materialize the export of {where} again, then {export.request.asset}",
            )
        way = self._way(export.request, scenes)
        if way == "direct":
            return self._registry.write(Record(export, scenes, way))
        # The request id finds the task that was started then, if there was one.
        return self._start(Record(dataclasses.replace(export, state="PENDING", finished=None), scenes, way))


def _identity(request: ExportRequest, scenes: SceneGroups) -> str:
    # Where an archive lies is of no interest to Earth Engine: moving it must not start anything.
    placeless = dataclasses.replace(request, archive="", collections=(scenes.collection,), sign=None)
    return digest([operation_id(placeless, scenes.ids), EarthEngine.name])


def _partition(request: ExportRequest) -> str:
    return f"{request.asset} {request.region}|{request.year}"
