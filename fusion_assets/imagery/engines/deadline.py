"""How long the present caller can wait: a limit on everything asked within it, however deep.

A sensor's tick must end within a minute; a run may take its time.
"""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

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


def bounded(work: Callable[[], _T]) -> _T:
    """Result of `work`, which is left to itself when the time is over: clients have no limits of their own.

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
    thread.join(max(remaining(), 0))
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError("no answer in time")
    return results[0]
