"""Runs cases one after the other in a process of its own, which is ended where one hangs, and gives verdicts."""

from __future__ import annotations

import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import IO

from fusion_assets.errors import FusionError
from fusion_assets_tests.malformed.case import MARK, Case

SECONDS, MEGABYTES = 20, 2000
_FIRST_SECONDS = 120  # libraries are loaded and kernels compiled
_SPARE_MEGABYTES = 1000  # what a case may ask for beyond the limit before the process is refused memory
_MOST_CHARACTERS = 4000
FINE = ("right", "refused")


@dataclass(frozen=True)
class Verdict:
    """What became of one case.

    Attributes:
        name: of the case.
        kind: one of `FINE`, or wrong (a value that is not right, or a refusal of what is), raw (another exception than
            FusionError), leak (a secret or a control character in a text), memory, hang, death.
        text: what was said.
    """

    name: str
    kind: str
    text: str = ""


def generator(name: str) -> ModuleType:
    """The module of a generator."""
    return import_module(f"fusion_assets_tests.malformed.{name}")


def trial(name: str, seed: int, count: int) -> Iterator[Verdict]:
    """Verdicts on the cases of a generator, in their order.

    Args:
        name: of the generator.
        seed: of its cases.
        count: of them.
    """
    first = 0
    while first < count:
        ended = ""
        worker = _Worker(name, seed, count, first)
        try:
            case = worker.line(_FIRST_SECONDS)
            while case is not None:
                line = worker.line(_FIRST_SECONDS if ended == "" else SECONDS)
                ended = case
                first += 1
                if line is None:
                    break
                yield Verdict(**json.loads(line))
                case = worker.line(SECONDS)
            else:
                return
            yield Verdict(ended, "hang" if worker.alive() else "death", worker.end())
        finally:
            worker.end()


class _Worker:
    """The process that runs cases: says a name, then the verdict, each on a line."""

    def __init__(self, name: str, seed: int, count: int, first: int) -> None:
        command = [sys.executable, "-m", __name__, name, str(seed), str(count), str(first)]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, seconds: float) -> str | None:
        """The next line; None when there is none in time, or the process has ended."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def alive(self) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return self._process.poll() is None

    def end(self) -> str:
        """End the process, if it has not ended; returns the last that it said."""
        self._process.kill()
        self._process.wait()
        if self._errors.closed:
            return ""
        self._errors.seek(max(self._errors.seek(0, os.SEEK_END) - _MOST_CHARACTERS, 0))
        with self._errors:
            return self._errors.read().decode(errors="replace")


def verdict(case: Case, folder: Path) -> Verdict:
    """Run one case.

    Args:
        case: that is run.
        folder: empty.
    """
    _forget_peak()
    before = _peak_megabytes()
    try:
        value = case.work(folder)
        if case.right is not None and case.right(value):
            found = Verdict(case.name, "right")
        else:
            found = Verdict(case.name, "wrong", f"came out: {value!r}"[:_MOST_CHARACTERS])
    except FusionError as error:
        text = str(error)
        # Lines are of the message's own making; nothing else that moves a cursor is.
        leak = MARK in text or not text.replace("\n", "").isprintable() or len(text) > _MOST_CHARACTERS
        kind = "leak" if leak else "wrong" if case.must_work else "refused"
        found = Verdict(case.name, kind, text[:_MOST_CHARACTERS])
    except Exception:
        found = Verdict(case.name, "raw", traceback.format_exc()[-_MOST_CHARACTERS:])
    grown = _peak_megabytes() - before
    if grown > MEGABYTES or (found.kind == "raw" and "MemoryError" in found.text):
        return Verdict(case.name, "memory", f"{grown:.0f} MB; {found.text}")
    return found


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    return _memory("VmHWM")


def _memory(entry: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(entry))


def _work(name: str, seed: int, count: int, first: int) -> None:
    """What the process does."""
    # Standard output is the wire: what cases print goes elsewhere.
    wire = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for case in islice(generator(name).cases(seed, count), first, count):
        most = int(_memory("VmData") + MEGABYTES + _SPARE_MEGABYTES) * 1024**2
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
        print(case.name.replace("\n", " "), file=wire)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            print(json.dumps(asdict(verdict(case, Path(folder)))), file=wire)


if __name__ == "__main__":
    _work(sys.argv[1], *(int(number) for number in sys.argv[2:5]))
    os._exit(0)  # threads that a case left behind are not waited for
