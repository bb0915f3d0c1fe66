"""How long and how often something elsewhere is asked: the limit of who asks, and the pauses between attempts.

A sensor's tick must end within a minute; a run may take its time.
"""

from __future__ import annotations

import contextvars
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from fusion_assets.redaction import redacted

if TYPE_CHECKING:
    from tenacity import RetryCallState

# How long somebody elsewhere may take to give one answer whole.
ANSWER_SECONDS = 120.0
# Of services that compute what they answer.
COMPUTED_SECONDS = 360.0
# The longest answer that is heard.
ANSWER_BYTES = 100_000_000
HEARTBEAT_SECONDS = 30.0
_LOGGER = logging.getLogger("fusion_assets.waiting")
_T = TypeVar("_T")
_END: contextvars.ContextVar[float] = contextvars.ContextVar("end", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything asked in this block, in this thread, so many seconds altogether."""
    token = _END.set(min(_END.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _END.reset(token)


def remaining() -> float:
    """Seconds that are left; infinite without a limit."""
    return _END.get() - time.monotonic()


def bounded(work: Callable[[], _T], whom: str = "") -> _T:
    """Result of `work`, which is left to itself when the time is over: clients have no limits of their own.

    The thread that is left does not keep the process from ending.

    Args:
        work: asks somebody.
        whom: is told while it takes long, with the host.

    Raises:
        TimeoutError: the time is over.
    """
    if remaining() == math.inf:
        return work()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    started = told = time.monotonic()
    while thread.is_alive() and (left := remaining()) > 0:
        thread.join(min(left, HEARTBEAT_SECONDS))
        if thread.is_alive() and whom:
            told = still_waiting(whom, started, told)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError("no answer in time")
    return results[0]


def still_waiting(whom: str, started: float, told: float) -> float:
    """Tell, every now and then, that somebody is still waited for; returns when that was told last.

    Args:
        whom: in words, with the host.
        started: when waiting began, by `time.monotonic`.
        told: when it was told last, or when waiting began.
    """
    now = time.monotonic()
    if now - told < HEARTBEAT_SECONDS:
        return told
    _LOGGER.warning("waiting for %s: %.0f s so far", redacted(whom), now - started)
    return now


def sleep(seconds: float) -> None:
    """Wait; the one clock of all pauses between attempts."""
    time.sleep(seconds)


def transient(error: BaseException) -> bool:
    """Whether an error says of itself that the same request may succeed later."""
    return bool(getattr(error, "transient", False))


@dataclass(frozen=True)
class RetryPolicy:
    """How often something is asked for, and how long the pauses are.

    Pauses are shortened at random, by half at most: those who were refused together do not come back together.

    Attributes:
        attempts: at most.
        pause: the first one, seconds.
        growth: factor from one pause to the next.
        longest_pause: seconds; a server that asks for a longer one is not waited for.
        hasty_attempts: at most, of callers with a deadline, who come again by themselves.
        patience: seconds after the first attempt's begin in which others begin: those who say no at once are asked
            more often than those who say nothing.
    """

    attempts: int = 4
    pause: float = 1.0
    growth: float = 2.0
    longest_pause: float = 60.0
    hasty_attempts: int | None = None
    patience: float = math.inf

    def ask(self, work: Callable[[], _T], again: Callable[[BaseException], bool] = transient) -> _T:
        """What `work` gives, asked for again while it fails.

        Args:
            work: whose errors may say by `pause` how many seconds to wait.
            again: whether another attempt may help after an error.

        Raises:
            Exception: the last one, if no attempt or no time is left, or another would not help.
        """
        # Imported here: the sensor, whose limit is above, is loaded with the definitions.
        from tenacity import Retrying, retry_if_exception

        hasty = self.hasty_attempts if remaining() < math.inf else None
        attempts = hasty or self.attempts

        def over(state: RetryCallState) -> bool:
            left = min(remaining(), self.patience - (state.seconds_since_start or 0.0))
            return state.attempt_number >= attempts or state.upcoming_sleep > min(self.longest_pause, left)

        retrying = Retrying(sleep=sleep, wait=self._pause, stop=over, retry=retry_if_exception(again), reraise=True)
        return retrying(work)

    def _pause(self, state: RetryCallState) -> float:
        grown = self.pause * self.growth ** (state.attempt_number - 1) * random.uniform(0.5, 1.0)
        error = state.outcome.exception() if state.outcome else None
        return max(grown, getattr(error, "pause", 0.0))
