"""What has been found for a plan so far: who is interrupted goes on there, and plans what would have been planned."""

from __future__ import annotations

import dataclasses
import json

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import Study
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.scene_search import Part, SceneSearch
from fusion_assets.systems.embeddings.section import plan_digest

NOTES = "patch_plan_notes"
"""Folder under the storage root; empty but while a plan is being made, or after one was interrupted."""


class Notes:
    """Parts of one plan, a file each.

    Args:
        study: that is planned.
        settings: where it is stored, and which archive is searched.
    """

    def __init__(self, study: Study, settings: Settings) -> None:
        self._storage = Storage(settings.storage)
        self._key = digest([versions.PLAN, plan_digest(study), SceneSearch(study, settings).archives])

    def read(self, name: str) -> Part | None:
        """A part that was found before; None where there is none."""
        path = self._path(name)
        if not self._storage.exists(path):
            return None
        try:
            return Part(**json.loads(self._storage.read_bytes(path)))
        except (ValueError, TypeError):  # cut off by a full disk, or of another version: it is looked for again
            return None

    def write(self, name: str, part: Part) -> None:
        """Keep a part."""
        self._storage.write_bytes(json.dumps(dataclasses.asdict(part)).encode(), self._path(name))

    def clear(self) -> None:
        """Remove all parts of this plan."""
        self._storage.remove_directory(f"{self._storage.root}/{NOTES}/{self._key}")

    def _path(self, name: str) -> str:
        return self._storage.path(NOTES, None, None, "json", (self._key, name))
