"""What tells simulated imagery, and how what is made of it says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

NOTICE = "SYNTHETIC: made from a simulated archive; no satellite measured it, no place looks like this."
MARK = {"synthetic": "yes"}
"""What files say of themselves, among their tags, attributes or facts."""
RECORD = "demo.json"
"""The record of its making, beside an archive's catalog."""
WORD = "SYNTHETIC"
"""Part of the id of every simulated scene, whatever service hands it on."""


def is_synthetic(archive: str) -> bool:
    """Whether an archive is simulated: a local one beside the record of its making."""
    try:
        record = json.loads((Path(archive).parent / RECORD).read_text(encoding="utf-8"))
        return bool(record.get("synthetic"))
    except (OSError, ValueError, AttributeError):
        return False


def are_simulated(scenes: Iterable[str]) -> bool:
    """Whether any of these ids is that of a simulated scene."""
    return any(WORD in scene for scene in scenes)


def is_marked(facts: Mapping[str, object]) -> bool:
    """Whether tags, attributes or facts say that what they are of is simulated."""
    return all(facts.get(key) == text for key, text in MARK.items())
