"""How much memory compositing may take: of this machine, or of the workers that compute."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from fusion_assets.errors import FusionError

SHARE_OF_MACHINE = 4
"""By default a quarter: the models, the reports and other processes need the rest."""
SHARE_OF_WORKER = 2
"""Half of a dask worker's limit: it also holds results, and spills beyond 60 %."""
_LEAST = 100_000_000
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_UNKNOWN = 8 << 30


def memory_of(text: str) -> int | None:
    """Bytes that FUSION_MEMORY, such as `4GB` or `512MiB`, stands for; None where it is empty.

    Raises:
        FusionError: it is no amount of memory, or less than any composite needs.
    """
    if not text:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([MGT]i?B)\s*", text, re.IGNORECASE)
    amount = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if amount < _LEAST:
        raise FusionError(
            f"FUSION_MEMORY is {text!r}",
            f"an amount of memory with its unit, such as 4GB or 512MiB, at least {_LEAST // 10**6}MB",
            "correct it, or unset it to take a quarter of the machine's memory",
        )
    return amount


def memory_per_thread(budget: int | None = None) -> int:
    """Bytes that each thread may take which computes lazy arrays now.

    Args:
        budget: bytes for all threads of this machine; a quarter of what it has when None. A dask cluster that is the
            default of this process has its workers' own limits, whatever the budget.
    """
    import dask
    from dask.system import CPU_COUNT

    limits = _worker_limits()
    if limits:
        return min(limits) // SHARE_OF_WORKER
    threads = dask.config.get("num_workers", None) or CPU_COUNT
    return (budget or _machine() // SHARE_OF_MACHINE) // threads


def _worker_limits() -> list[int]:
    """Bytes a thread, of every worker that has a limit."""
    # Whoever has connected to a cluster has imported it.
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return []
    try:
        workers = distributed.default_client().scheduler_info(n_workers=-1)["workers"].values()
    except ValueError:
        return []
    return [worker["memory_limit"] // max(worker["nthreads"], 1) for worker in workers if worker["memory_limit"]]


def _machine() -> int:
    """Bytes of memory that this machine, or this container, has."""
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else _UNKNOWN
    try:
        return min(has, int(_CONTAINER.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return has
