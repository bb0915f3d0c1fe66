"""The list of operations that this engine has accepted, kept beside the artifacts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.earth_engine.scene_lists import SceneGroups
from fusion_assets.imagery.engines.protocol import CHANGED, Export
from fusion_assets.imagery.engines.restoring import check_types, fields_of
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage


@dataclass(frozen=True)
class Record:
    """An export and what else must be known to collect it.

    Attributes:
        export: as it was last seen; `finished` is when this project saw it, by its own clock.
        scenes: of the export.
        way: how the pixels come.
        operation: resource name of the task.
        prefix: of the task's files in the bucket.
        attempt: number of tasks started for it.
        tile_scale: of the present attempt.
        facts: what Earth Engine tells of the task; see `tasks.Operation`.
        succeeded: when the task was first seen to have succeeded, while its files are waited for.
    """

    export: Export
    scenes: SceneGroups
    way: Literal["direct", "batch"]
    operation: str = ""
    prefix: str = ""
    attempt: int = 1
    tile_scale: float = 1
    facts: dict[str, Any] = field(default_factory=dict)
    succeeded: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still change."""
        return self.export.state in ("PENDING", "RUNNING")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form: the export's own, with everything else under `earth_engine`."""
        more = fields_of(self)
        del more["export"], more["scenes"]
        return {**self.export.to_dict(), "earth_engine": {**more, "found": dataclasses.asdict(self.scenes)}}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Record:
        """Restore a record from `to_dict`.

        Raises:
            FusionError: it is something else, or of a version that this one does not know.
        """
        export = Export.from_dict(facts)
        with as_written(f"the operation {export.id} of {export.request.asset} {export.request.partition}", CHANGED):
            more = dict(facts["earth_engine"])
            kept = more.pop("found")
            source = kept["source"] and (kept["source"][0], tuple(kept["source"][1]))
            groups = tuple(tuple(group) for group in kept["groups"])
            lacking = tuple((index, reason) for index, reason in kept.get("lacking", ()))
            flags = tuple(kept.get("flags", ()))
            scenes = SceneGroups(kept["collection"], groups, kept["masked"], source, lacking, flags)
            check_types(record := cls(export, scenes, **more))
            if not isinstance(record.attempt, int) or sorted(scenes.ids) != sorted(export.scenes):
                raise ValueError("its scenes are not those of its groups")
        return record


class Registry:
    """Records on a storage root, one file each."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def read(self, export_id: str) -> Record | None:
        """The record of an operation id, if there is one of this engine."""
        facts = operations.read(self._storage, export_id)
        return Record.from_dict(facts) if facts and "earth_engine" in facts else None

    def write(self, record: Record) -> Record:
        """Place a record, whole or not at all."""
        path = operations.file_of(self._storage, record.export.id)
        self._storage.write_bytes(json.dumps(record.to_dict()).encode(), path)
        return record

    def recent(self, since: str) -> Iterator[Record]:
        """This engine's records that are open, or settled at `since` or later; see `operations.recent`."""
        return operations.recent(
            self._storage, since, lambda facts: Record.from_dict(facts) if "earth_engine" in facts else None
        )
