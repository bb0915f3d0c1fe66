"""Unfinished files: what they are called, and how those of killed processes disappear."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

PARTIAL_SUFFIX = ".partial"
WORK_PREFIX = "fusion-work-"
"""Of temporary files and directories outside the storage root; those of killed processes are found by it."""
STALE_AFTER_S = 24 * 3600


def sweep(directory: str | Path, pattern: str) -> None:
    """Remove files and directories that match pattern and were last touched more than a day ago.

    A killed process cannot tidy up after itself; whoever comes next does.

    Args:
        directory: where to look; not below it.
        pattern: glob such as `.*.partial`.
    """
    for old in Path(directory).glob(pattern):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > STALE_AFTER_S:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
