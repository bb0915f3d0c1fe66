"""The list of operations that this engine has accepted, kept beside the artifacts.

What does not belong here: what Earth Engine says about them (`tasks.py`).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from fusion_assets.imagery.earth_engine.scenes import Found
from fusion_assets.imagery.exports import Export
from fusion_assets.imagery.storage import Storage

_OPERATIONS = "_operations"


@dataclass(frozen=True)
class Record:
    """An export and what else must be known to collect it.

    Attributes:
        export: as it was last seen; `finished` is when this project saw it, by its own clock.
        found: its scenes.
        way: how the pixels come.
        operation: resource name of the task.
        prefix: of the task's files in the bucket.
        attempt: number of tasks started for it.
        tile_scale: of the present attempt.
        facts: what Earth Engine tells of the task; see `tasks.Operation`.
        succeeded: when the task was first seen to have succeeded, while its files are waited for.
    """

    export: Export
    found: Found
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
        more = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "export"}
        return {**self.export.to_dict(), "earth_engine": {**more, "found": dataclasses.asdict(self.found)}}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Record:
        """Restore a record from `to_dict`."""
        more = dict(facts["earth_engine"])
        found = more.pop("found")
        source = found["source"] and (found["source"][0], tuple(found["source"][1]))
        groups = tuple(tuple(group) for group in found["groups"])
        return cls(Export.from_dict(facts), Found(found["collection"], groups, found["masked"], source), **more)


class Registry:
    """Records on a storage root, one file each."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def read(self, export_id: str) -> Record | None:
        """The record of an operation id, if there is one of this engine."""
        path = self._path(export_id)
        if not self._storage.exists(path):
            return None
        facts = json.loads(self._storage.read_bytes(path))
        return Record.from_dict(facts) if "earth_engine" in facts else None

    def write(self, record: Record) -> Record:
        """Place a record, whole or not at all."""
        self._storage.write_bytes(json.dumps(record.to_dict()).encode(), self._path(record.export.id))
        return record

    def all(self) -> list[Record]:
        """Every record of this engine."""
        found = (self.read(name) for name in self._storage.names(_OPERATIONS))
        return [record for record in found if record is not None]

    def _path(self, export_id: str) -> str:
        return self._storage.path(_OPERATIONS, export_id, None, "json")
