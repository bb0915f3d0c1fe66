"""Who makes a step: several `fusion run` on one instance share the work, and none is done twice.

A claim is a lock on a file of the instance's home, so that it ends with its process, however that ends. Machines that
have no home in common share work through Dagster's queue, which gives every run to one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    from fusion_assets.cli.steps import Step

CLAIMS = "claims"
"""Folder of the locks, below the instance's home."""


@contextmanager
def claimed(home: str | Path, step: Step) -> Iterator[bool]:
    """Claim a step; gives whether this process has it, False when another one is making it.

    Args:
        home: of the instance.
        step: to be made.

    Raises:
        FusionError: the home cannot be written.
    """
    from filelock import FileLock, Timeout

    from fusion_assets.imagery.engines.protocol import digest

    path = Path(home) / CLAIMS / f"{digest([step.asset.key.to_user_string(), step.partition])}.lock"
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError) as error:
        raise FusionError(
            f"{path} cannot be locked: {getattr(error, 'strerror', None) or error}",
            "a home of the Dagster instance that can be written, on a file system with locks",
            "set DAGSTER_HOME to one",
        ) from None
    try:
        yield True
    finally:
        lock.release()
