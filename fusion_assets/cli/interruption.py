"""Commands end on SIGINT and SIGTERM, whatever they are doing.

Python looks at signals between its own instructions, and native code (a raster that is being read, a network that is
being trained) may not come to one for long; libraries catch what is raised, or wait for their threads. So a command
works in a process of its own, and the process that people see watches over it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

GRACE_SECONDS = 11.0
"""How long work has to end by itself."""
TIDY_SECONDS = 6
"""How long the records of killed work are tidied."""
# Of prctl(2).
_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36
_STOPPING = (signal.SIGINT, signal.SIGTERM)
# Written to by Python itself in the moment of a signal, whichever handler a library has set.
_noted: list[int] = []
_pipe: list[int] = []


def supervised(work: Callable[[], int], tidy: Callable[[], object]) -> int:
    """Do work in a process of its own; returns its exit code.

    At SIGINT or SIGTERM the work is told so. When it has not ended in `GRACE_SECONDS`, or at a second signal, it is
    killed with all that it has started. It dies with this process, too.

    Args:
        work: returns the exit code.
        tidy: called, for `TIDY_SECONDS` at most, after work that had to be killed.
    """
    watcher = os.getpid()
    _prctl(_CHILD_SUBREAPER, 1)  # what the work starts stays in sight, whoever started it has died
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    worker = os.fork()
    if worker:
        return _watched(worker, tidy)
    os.setsid()  # a terminal tells the watcher alone
    end_with_parent(watcher)
    code = 1
    try:
        for number in _STOPPING:
            signal.signal(number, signal.default_int_handler)  # also where a script ignores them for us
        _listen()
        sys.unraisablehook = _report_unraisable
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        code = work()
    except KeyboardInterrupt:
        code = exit_code()
    if received():  # also where a library has caught what it raised
        _leave(exit_code())
    return code


def received() -> int | None:
    """Which of SIGINT and SIGTERM this work has got first; None where none."""
    if _pipe and not _noted:
        with contextlib.suppress(BlockingIOError):
            _noted.extend(number for number in os.read(_pipe[0], 4096) if number in _STOPPING)
    return _noted[0] if _noted else None


def check() -> None:
    """Raise KeyboardInterrupt where a signal has come, even if a library has caught what it raised."""
    if received():
        raise KeyboardInterrupt


def exit_code() -> int:
    """Of work that has been interrupted: 130 or 143."""
    return 128 + (received() or signal.SIGINT)


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent dies, where the system can (Linux)."""
    _prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def kill_session(leader: int) -> None:
    """Kill all processes of a session, and all that this process has started; not this process itself."""
    for _ in range(3):  # some may just be starting others
        members = {process for process in psutil.pids() if _session_of(process) == leader}
        members |= {process.pid for process in psutil.Process().children(recursive=True)}
        for process in members - {os.getpid()}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _session_of(process: int) -> int:
    try:
        return os.getsid(process)
    except OSError:
        return -1


def _listen() -> None:
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    _pipe[:], _noted[:] = [reading], []
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)


def _report_unraisable(unraisable: UnraisableHookArgs) -> None:
    """Say what cannot be raised, such as in callbacks of the garbage collector, but for interruptions: see `check`."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _leave(code: int) -> None:
    """End without waiting for threads that may be in native code for long."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _watched(worker: int, tidy: Callable[[], object]) -> int:
    """Wait for the work; its exit code, or that of the signal that it was told of. Signals are blocked after it."""
    caught: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        if len(caught) == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, number)
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)
        else:
            kill_session(worker)

    def pause(number: int, frame: FrameType | None) -> None:
        os.killpg(worker, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)  # until the shell lets it go on
        os.killpg(worker, signal.SIGCONT)

    for number in _STOPPING:
        signal.signal(number, stop)
    signal.signal(signal.SIGALRM, lambda number, frame: kill_session(worker))
    if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
        signal.signal(signal.SIGTSTP, pause)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    _, status = os.waitpid(worker, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # to the end: Python gives its handlers back before
    signal.setitimer(signal.ITIMER_REAL, 0)
    code = os.waitstatus_to_exitcode(status)
    if caught:
        kill_session(worker)
    if code < 0:
        _tidied(tidy)
    if caught:
        return 128 + caught[0]
    return code if code >= 0 else 128 - code


def _tidied(tidy: Callable[[], object]) -> None:
    helper = os.fork()
    if helper:
        os.waitpid(helper, 0)
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(TIDY_SECONDS)
    with contextlib.suppress(BaseException):
        tidy()
    os._exit(0)
