"""Disks that are full: what is said of them, wherever it is noticed, and temporary folders on them."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusion_assets.errors import FusionError
from fusion_assets.storage.leftovers import WORK_PREFIX, sweep

_SPACE, _QUOTA = "is full (No space left on device)", "has reached this user's quota (Disk quota exceeded)"
_FULL = {errno.ENOSPC: _SPACE, errno.EDQUOT: _QUOTA}
# Libraries in other languages raise errors of their own, and pass on the system's words.
_WORDS = {"no space left on device": _SPACE, "disk quota exceeded": _QUOTA}


def why_full(error: BaseException | None) -> str:
    """What an error says of a disk, whatever has wrapped it: that it is full, or a quota; else nothing."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return _FULL[error.errno]
        text = str(error).lower()
        if told := next((said for words, said in _WORDS.items() if words in text), ""):
            return told
        error = error.__cause__ or error.__context__
    return ""


def full(place: str | Path, why: str, needed: int | None, remedy: str) -> FusionError:
    """The error of a disk that is full.

    Args:
        place: a directory on it, or where one was to be.
        why: see `why_full`.
        needed: bytes that were to be written, where that is known.
        remedy: what to do beside freeing space.
    """
    there = next((folder for folder in (Path(place), *Path(place).parents) if folder.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    wanted = "free space" if needed is None else f"{megabytes(needed)} for one file"
    return FusionError(f"the disk of {place} {why}: {megabytes(free)} free", wanted, f"free some space, or {remedy}")


def megabytes(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


@contextmanager
def temporary_folder(root: Path | None = None) -> Iterator[Path]:
    """A folder for unfinished files, gone afterwards; those of killed processes are swept away.

    Args:
        root: where it is made; by default TMPDIR.

    Raises:
        FusionError: it cannot be made, or its disk is full.
    """
    place = root or Path(tempfile.gettempdir())
    with temporary_files(place):
        sweep(place, f"{WORK_PREFIX}*")
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=place, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


@contextmanager
def temporary_files(place: str | Path) -> Iterator[None]:
    """Say of temporary files that cannot be written where they were to be; other errors pass.

    Raises:
        FusionError: the disk is full or broken, or the place cannot be written.
    """
    try:
        yield
    except FusionError:
        raise
    except Exception as error:
        if why := why_full(error):
            raise full(place, why, None, "set TMPDIR to a larger disk") from error
        if isinstance(error, OSError) and str(error.filename or "").startswith(str(place)):
            raise FusionError(
                f"temporary files cannot be kept in {place}: {error.strerror}",
                "a directory that can be written",
                "set TMPDIR to one",
            ) from error
        raise
