"""Fetching the patches of a shard: ahead in threads, into a journal; every patch is got, or missing with its reason."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery import retries
from fusion_assets.imagery.threads import threads
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets.systems.embeddings.corpus.journal import Journal
from fusion_assets.systems.embeddings.corpus.reading import Pixels, Read, UnfitPatch

_LOG = logging.getLogger(__name__)
_TELL_EVERY = 100


@dataclass(frozen=True)
class Pace:
    """How patches are asked for.

    Attributes:
        threads: that ask at once.
        pauses: seconds before what could not be read is asked for again, each once; the last is longer than a server
            counts as silent.
        most_unread: share of the patches that may stay unread at the end; more are a failure of the archive, not of
            patches, and a later run goes on where this one ended.
    """

    threads: int = 8
    pauses: tuple[float, ...] = (5.0, 65.0)
    most_unread: float = 0.05


def fetch(patches: Sequence[Mapping[str, Any]], read: Read, journal: Journal, pace: Pace | None = None) -> dict:
    """Fetch what the journal does not hold yet.

    Args:
        patches: rows of the plan.
        read: of the engine.
        journal: takes what is read, and what is missing for good.
        pace: see there.

    Returns:
        Why patches could not be read, by patch; those that the journal holds are not among them, so that a later run
        asks for them again.

    Raises:
        Unreachable: too many could not be read.
        FusionError: the journal cannot be written, or a reader is refused what no patch has to do with.
    """
    pace = pace or Pace()
    unread: dict[int, str] = {}
    for pause in (0.0, *pace.pauses):
        left = [row for row in patches if int(row["patch"]) not in journal]
        if not left:
            return {}
        if pause:
            _LOG.warning("%s not read; asked for again in %.0f s", number_of(len(left), "patch", "patches"), pause)
            retries.sleep(pause)
        with threads(pace.threads) as pool:
            unread = _round(left, read, journal, pool, 2 * pace.threads)
        if not unread:
            return {}
    if len(unread) > pace.most_unread * len(patches):
        reason = next(iter(unread.values()))
        raise Unreachable(
            f"{len(unread)} of {number_of(len(patches), 'patch', 'patches')} cannot be read now; the first: {reason}",
            f"at most {pace.most_unread:.0%} after {len(pace.pauses) + 1} attempts each",
            "run it again later: what has been fetched is kept",
        )
    return unread


def _round(
    left: Iterable[Mapping[str, Any]], read: Read, journal: Journal, pool: ThreadPoolExecutor, ahead: int
) -> dict[int, str]:
    """Ask for each patch once, `ahead` of them at a time; returns why some could not be read."""
    unread: dict[int, str] = {}
    waiting: dict[Future[Pixels], int] = {}
    done = 0

    def take() -> None:
        nonlocal done
        refused: FusionError | None = None
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            patch = waiting.pop(future)
            try:
                found: Pixels | str = future.result()
            except (UnfitPatch, UnusableScene) as problem:
                found = problem.found
            except FusionError as problem:
                if not (isinstance(problem, UnreadableFile) or problem.transient):
                    refused = problem  # it is about the account, the disk or the plan, not about this patch
                    continue
                unread[patch] = problem.found
                continue
            journal.add(patch, found)
            done += 1
            if done % _TELL_EVERY == 0:
                _LOG.info("%s fetched", number_of(done, "patch", "patches"))
        journal.flush()
        if refused is not None:
            # What was fetched beside it is kept first.
            raise refused

    for row in left:
        waiting[pool.submit(read, row)] = int(row["patch"])
        while len(waiting) >= ahead:
            take()
    while waiting:
        take()
    return unread
