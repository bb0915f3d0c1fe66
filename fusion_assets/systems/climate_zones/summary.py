"""What a run found of the comparison: every point's average accuracy, and what it differs by from joining at once."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from fusion_assets.settings import Settings
from fusion_assets.storage.documents import read_document
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage
from fusion_assets.systems.climate_zones.judgement import FIGURE, answer
from fusion_assets.systems.climate_zones.tables import BASELINES, verdict_text
from fusion_assets.systems.climate_zones.wording import SETTINGS, overlap_text, parts_of, with_ends

STUDY, REPORT = "fusion_study", "fusion_report"
_WIDTH = 110


def summary(settings: Settings) -> str:
    """Text for the end of a run; empty where nothing was compared."""
    storage = Storage(settings.storage)
    path = storage.path(STUDY, None, None, "json")
    if not storage.exists(path):
        return ""
    with as_written(STUDY, f"make it anew: fusion run --select {STUDY}"):
        return "\n".join(["", *lines_of(read_document(storage, path, "fusion run")[0])])


def lines_of(document: Mapping[str, Any]) -> Iterator[str]:
    """The answer, then a line a point and baseline of every setting."""
    yield "Local climate zones: where sensors are joined"
    yield from textwrap.wrap(answer(document), _WIDTH, initial_indent="  ", subsequent_indent="  ")
    for setting, entry in document["settings"].items():
        told = f"{SETTINGS[setting]}: average accuracy, 95 % intervals; {overlap_text(entry)}"
        yield from textwrap.wrap(told, _WIDTH, initial_indent="  ", subsequent_indent="    ")
        for name, point in entry["points"].items():
            difference = entry["differences"].get(name)
            shows = verdict_text(difference[FIGURE]) if difference else ""
            split, stage = parts_of(name)
            yield f"    {split:<10}{stage:<5}{with_ends(point['figures'][FIGURE]):<28}{shows}".rstrip()
        for name, point in entry["baselines"].items():
            yield f"    {BASELINES[name]}: {with_ends(point['figures'][FIGURE])}"


def report_path(settings: Settings) -> str | None:
    """Where the report lies; None where it has not been made."""
    storage = Storage(settings.storage)
    path = storage.path(REPORT, None, None, "html")
    return path if storage.exists(path) else None
