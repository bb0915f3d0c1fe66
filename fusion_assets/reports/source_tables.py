"""Tables of what went in: exports and their scenes, software."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.redaction import public_url
from fusion_assets.reports.tables import table_of

_MOST_CHARACTERS = 600_000
"""Of all scene ids together: the page travels by mail."""


def exports_table(exports: Sequence[Export]) -> dict[str, Any]:
    """Everything that was asked of an engine."""
    rows = []
    for export in _ordered(exports):
        request, (first, last) = export.request, export.request.window
        rows.append(
            (
                request.asset, str(request.year), PRODUCTS[request.product].title, f"{first} to {last}",
                f"{len(export.scenes):,}", export.engine, export.id, request.recipe_digest,
            )
        )  # fmt: skip
    columns = ("made into", "year", "product", "days", "scenes", "engine", "operation", "recipe")
    return table_of("Imagery and labels", columns, rows, (1, 4), (3,))


def scene_lists(exports: Sequence[Export]) -> list[dict[str, str]]:
    """Ids of the scenes of every operation; where they are too many for a page, the first of each."""
    share = _MOST_CHARACTERS // max(len(exports), 1)
    lists = []
    for export in _ordered(exports):
        shown, used = [], 0
        for scene in export.scenes:
            used += len(scene) + 2
            if used > share:
                break
            shown.append(scene)
        left = len(export.scenes) - len(shown)
        more = f" and {left:,} more, named in the ticket of the operation" if left else ""
        title = f"{export.request.asset} {export.request.year}, operation {export.id}"
        lists.append({"title": title, "scenes": ", ".join(shown) + more})
    return lists


def archive_name(archive: str) -> str:
    """An archive as a page may name it: its address, or the last two parts of a path, for pages are handed on."""
    return public_url(archive) if "://" in archive else "/".join(PurePath(archive).parts[-2:])


def citation(title: str, region: str, made: str, study: str) -> str:
    """How a page is to be cited.

    Args:
        title: of the page.
        region: that it is about.
        made: day, ISO 8601.
        study: name and digest.
    """
    package = f"fusion_assets {version('fusion-assets')}"
    return f"Cite as: {title}: {region}. Made {made} with {package}; study {study}."


def software(*packages: str) -> tuple[str, str]:
    """The row of a table that names packages with their versions."""
    return "software", ", ".join(f"{name} {version(name)}" for name in packages)


def _ordered(exports: Sequence[Export]) -> list[Export]:
    return sorted(exports, key=lambda export: (export.request.asset, export.request.year))
