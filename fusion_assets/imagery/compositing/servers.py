"""Servers of scene files: what they say where GDAL says only that a read failed, and which have fallen silent."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from fusion_assets.imagery.compositing.limits import FileLimits
from fusion_assets.imagery.retries import bounded

_BUSY = (408, 425, 429)
_PAUSE = 2.0
"""Seconds at least, where a server that is busy does not say."""


@dataclass(frozen=True)
class Answer:
    """What a server says of a file.

    Attributes:
        passing: it may say something else later.
        words: what it was; empty where there is nothing to tell.
        pause: seconds that it asks to wait.
    """

    passing: bool = False
    words: str = ""
    pause: float = 0.0


def host(href: str) -> str:
    """Name of the server or store of a file on the web, safe to print."""
    address = href.removeprefix("/vsicurl/")
    # Without user and password.
    return urlsplit(address).netloc.rpartition("@")[2] or "/".join(address.strip("/").split("/")[:2])


def said(href: str, limits: FileLimits) -> Answer:
    """Ask for the first byte of a file: whether the server is busy or away, and for how long."""
    import requests
    import urllib3

    address = href.removeprefix("/vsicurl/")
    if not address.startswith(("http://", "https://")):
        return Answer()
    times = limits.connect_seconds, limits.slow_seconds

    def ask() -> requests.Response:
        # Nothing but the headers is read.
        with requests.get(address, headers={"Range": "bytes=0-0"}, timeout=times, stream=True) as response:
            return response

    try:
        response = bounded(ask)
    except (requests.ConnectionError, requests.Timeout, TimeoutError) as error:
        return Answer(True, type(error).__name__, _PAUSE)
    except (requests.RequestException, OSError, ValueError):
        return Answer()
    if response.status_code not in _BUSY and response.status_code < 500:
        return Answer()
    try:
        wanted = float(urllib3.Retry().get_retry_after(response.raw) or 0.0)
    except urllib3.exceptions.InvalidHeader:
        wanted = 0.0
    return Answer(True, f"status {response.status_code}", max(wanted, _PAUSE))


class Silence:
    """Which servers have given no answer to several reads in a row: asking them for every file takes hours."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def of(self, href: str) -> bool:
        """Whether a file's server is not to be asked now."""
        return time.monotonic() < self._until.get(host(href), 0.0)

    def note(self, href: str, answered: bool, limits: FileLimits) -> None:
        """Remember how a read ended."""
        name = host(href)
        with self._lock:
            count = self._failures[name] = 0 if answered else self._failures.get(name, 0) + 1
            if count >= limits.silent_reads:
                self._until[name] = time.monotonic() + limits.silent_seconds
