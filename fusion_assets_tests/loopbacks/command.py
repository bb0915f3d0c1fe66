"""`fusion loopback` in a process of its own."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

WAIT_SECONDS = 120


@contextlib.contextmanager
def command(*arguments: object) -> Iterator[tuple[dict[str, str], subprocess.Popen]]:
    """Start the command; gives the variables that it prints, and the process, which is killed at the end."""
    line = [sys.executable, "-m", "fusion_assets.cli.main", "loopback", *map(str, arguments)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        variables = {}
        for text in iter(process.stdout.readline, ""):
            if text.startswith("export "):
                name, _, value = shlex.split(text)[1].partition("=")
                variables[name] = value
            elif variables:
                break  # what follows is for people
        yield variables, process
    finally:
        process.kill()
        process.communicate()


def wait_for(wanted: object, read: Callable[..., object], *arguments: object) -> None:
    """Read until what is read is what is wanted, generously."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (value := read(*arguments)) != wanted:
        assert time.monotonic() < deadline, value
        time.sleep(0.05)
