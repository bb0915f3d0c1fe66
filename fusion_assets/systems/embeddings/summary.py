"""What a run found: how many places have a pair of scenes, what is missing, and what the encoder is worth."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from fusion_assets.settings import Settings
from fusion_assets.storage.documents import read_document
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage

PLAN, EVALUATION, REPORT = "patch_plan", "embedding_evaluation", "embeddings_report"
_WIDTH = 110


def summary(settings: Settings) -> str:
    """Text for the end of a run; empty where nothing was planned."""
    from fusion_assets.systems.embeddings.plan import warnings_of

    storage = Storage(settings.storage)
    path = storage.path(PLAN, None, None, "json")
    if not storage.exists(path):
        return ""
    command = f"fusion run --select {PLAN}"
    with as_written(PLAN, f"make it anew: {command}"):
        plan = read_document(storage, path, command)[0]
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in plan["splits"].items())
        lines = [
            "Patches of radar and optics",
            f"  {plan['planned']:,} of {plan['asked']:,} places have a pair of scenes ({kinds}), half of them within "
            f"{plan['gap_hours']:.1f} h",
        ]
        lines += [f"  {warning}" for warning in warnings_of(plan)]
    lines += _worth(storage)
    return "\n".join(["", *(part for line in lines for part in textwrap.wrap(line, _WIDTH, subsequent_indent="    "))])


def _worth(storage: Storage) -> Iterator[str]:
    """What the encoder is worth; nothing where it was not judged."""
    from fusion_assets.systems.embeddings.judgement import headline

    path = storage.path(EVALUATION, None, None, "json")
    if not storage.exists(path):
        return
    command = f"fusion run --select {EVALUATION}"
    with as_written(EVALUATION, f"make it anew: {command}"):
        yield from (f"  {line}" for line in headline(read_document(storage, path, command)[0]))


def report_path(settings: Settings) -> str | None:
    """Where the report lies; None where it has not been made."""
    storage = Storage(settings.storage)
    path = storage.path(REPORT, None, None, "html")
    return path if storage.exists(path) else None
