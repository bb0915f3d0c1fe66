"""An archive of one square, the reserved one, as the demo archive has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fusion_assets.demo.catalog import write_catalog, write_collection
from fusion_assets.demo.frame import Frame
from fusion_assets.demo.squares.items import COLLECTIONS, square_tasks
from fusion_assets.demo.squares.place import Square, squares_beside
from fusion_assets.storage.simulation import RECORD

FRAME = Frame.at((87.0, 27.0), 100)


def square_named(name: str) -> Square:
    return next(square for square in squares_beside(FRAME) if square.name == name)


RESERVED = square_named("radiance_reserved")


def one_square(root: Path, seed: int = 0) -> Path:
    """Path of the `catalog.json` of the reserved square."""
    return archive_of(root, [RESERVED], seed)


def archive_of(root: Path, squares: Sequence[Square], seed: int = 0) -> Path:
    """Path of the `catalog.json` of an archive of some squares."""
    tasks = square_tasks(root, "SYNTHETIC_abc", seed, FRAME)
    items = [item for square in squares for item in tasks[squares_beside(FRAME).index(square)]()]
    for name, (title, text) in COLLECTIONS.items():
        write_collection(root, name, title, text, [item for item in items if item["collection"] == name])
    write_catalog(root, "square", "SYNTHETIC square", COLLECTIONS)
    (root / RECORD).write_text(json.dumps({"synthetic": True}))
    return root / "catalog.json"
