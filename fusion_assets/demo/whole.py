"""A folder of simulated files that is there whole or not at all, and made once for the same parameters."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_assets.errors import FusionError
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX, sweep
from fusion_assets.storage.simulation import RECORD


@dataclass(frozen=True)
class Kind:
    """What such a folder holds.

    Attributes:
        name: plural, as people call it.
        key: of its parameters in the record.
        files: without which it is not complete.
        space: about how much it takes, for people.
    """

    name: str
    key: str
    files: Sequence[str]
    space: str


def recorded(folder: Path, kind: Kind) -> dict[str, Any] | None:
    """Parameters that a folder was made with: none in one that is not complete; None where there is no record."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        whole = all((folder / name).is_file() for name in kind.files)
        return record[kind.key] if whole else {}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def build_once(folder: Path, kind: Kind, parameters: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
    """Make a folder unless the same one is there already; return it. Several processes may at once.

    Args:
        folder: one of other parameters is replaced; anything else is left alone.
        kind: of what is made.
        parameters: that decide everything.
        write: fills an empty folder, the record included.

    Raises:
        FusionError: `folder` is something else or cannot be written.
    """
    if recorded(folder, kind) == parameters:
        return folder
    if folder.exists() and recorded(folder, kind) is None and (not folder.is_dir() or any(folder.iterdir())):
        raise FusionError(
            f"{folder} exists and holds no {kind.name} (it has no {RECORD})",
            f"a new or empty folder, or {kind.name} to replace",
            "choose another folder",
        )
    work = folder.parent / f".{folder.name}-{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}"
    try:
        work.mkdir(parents=True)
        sweep(folder.parent, f".{folder.name}-*{PARTIAL_SUFFIX}")
        try:
            write(work)
            _place(work, folder, kind, parameters)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise FusionError(
            f"{kind.name} cannot be written at {folder}: {error}",
            f"a folder with write permission and about {kind.space} of free space",
            "choose another folder, or free some space",
        ) from error
    return folder


def _place(work: Path, folder: Path, kind: Kind, parameters: Mapping[str, Any]) -> None:
    """Give a finished folder its name; where another process was first with the same one, that stays."""
    if recorded(folder, kind) == parameters:
        return
    retired = work.with_name(f"{work.name.removesuffix(PARTIAL_SUFFIX)}-old{PARTIAL_SUFFIX}")
    if folder.exists():
        folder.rename(retired)
    try:
        work.rename(folder)
    except OSError:
        if recorded(folder, kind) != parameters:
            raise
    finally:
        shutil.rmtree(retired, ignore_errors=True)
