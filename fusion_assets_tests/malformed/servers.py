"""Servers that accept and say nothing, trickle, lie, hang up, or never end: a STAC API and a catalog, over HTTP."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from shapely.geometry import box

from fusion_assets.imagery.engines.archive import search
from fusion_assets.imagery.engines.archive.limits import Limits
from fusion_assets.imagery.retries import RetryPolicy
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets_tests.imagery.archives import bare_item, write_catalog
from fusion_assets_tests.malformed.case import MARK, Case

FEW, MANY = 24, 150
LIMITS = Limits(
    connect_seconds=0.5,
    read_seconds=0.3,
    request_seconds=0.6,
    retries=RetryPolicy(attempts=2, pause=0.01),
    listing_seconds=1.5,
    search_seconds=1.5,
    most_bytes=1_000_000,
    most_items=50,
    most_catalogs=20,
)
_MOST_SECONDS = 6.0
_WINDOW = (dt.date(2019, 7, 1), dt.date(2019, 12, 31))
_ITEMS = ["s0", "s1", "s2"]
Say = Callable[[LoopbackHandler, bytes], None]


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    for number in range(count):
        way = str(random.choice(list(WAYS)))
        file = str(random.choice(["catalog.json", "collection.json", "s1.json"]))
        times = int(random.choice([1, 10**6]))
        what = f"{way} at {file}, {'once' if times == 1 else 'always'}"
        yield Case(f"{number} {what}", partial(_items, way, file, times), _right)


def _right(found: list[str]) -> bool:
    return found == _ITEMS


@dataclass
class _Left:
    times: int


def _items(way: str, file: str, times: int, folder: Path) -> list[str]:
    write_catalog(folder, {"a": [bare_item(name) for name in _ITEMS]})
    left = _Left(times)

    class Handler(LoopbackHandler):
        def respond(self) -> None:
            path = folder / self.path.lstrip("/").partition("?")[0]
            content = path.read_bytes() if path.is_file() else b""
            if path.name == file and left.times > 0:
                left.times -= 1
                try:
                    WAYS[way](self, content)
                except OSError:
                    self.close_connection = True
            elif content:
                self.send(200, content)
            else:
                self.send(404, {})

    search._CACHE.clear()
    started = time.monotonic()
    with LoopbackServer(Handler) as server:
        address = server.url.replace("//", f"//user:{MARK}@") + f"/catalog.json?sig={MARK}"
        try:
            found = search.find_items(address, ("a",), box(3.05, 50.1, 3.1, 50.2), _WINDOW, limits=LIMITS)
            return sorted(item.id for item in found)
        finally:
            took = time.monotonic() - started
            assert took < _MOST_SECONDS, f"{took:.1f} s"


def _head(handler: LoopbackHandler, length: int | None, status: str = "200 OK", more: str = "") -> None:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    handler.wfile.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{size}{more}\r\n".encode())


def _silent(handler: LoopbackHandler, content: bytes) -> None:
    time.sleep(2)


def _silent_after_head(handler: LoopbackHandler, content: bytes) -> None:
    _head(handler, len(content))
    time.sleep(2)


def _trickling(handler: LoopbackHandler, content: bytes) -> None:
    _head(handler, len(content))
    for place in range(40):
        handler.wfile.write(content[place : place + 1])
        handler.wfile.flush()
        time.sleep(0.1)


def _trickling_head(handler: LoopbackHandler, content: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(40):
        handler.wfile.write(f"X-{number}: a\r\n".encode())
        handler.wfile.flush()
        time.sleep(0.1)


def _endless(handler: LoopbackHandler, content: bytes) -> None:
    _head(handler, 10**12)
    for _ in range(100):
        handler.wfile.write(b" " * 100_000)


def _endless_head(handler: LoopbackHandler, content: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(5000):
        handler.wfile.write(f"X-{number}: {'a' * 1000}\r\n".encode())


def _short(handler: LoopbackHandler, content: bytes) -> None:
    _head(handler, len(content) + 100)
    handler.wfile.write(content)
    handler.close_connection = True


def _long(handler: LoopbackHandler, content: bytes) -> None:
    _head(handler, len(content) // 2)
    handler.wfile.write(content)
    handler.close_connection = True


def _status(status: str, more: str = "") -> Say:
    def say(handler: LoopbackHandler, content: bytes) -> None:
        words = json.dumps(
            {"description": f"\x1b[2J no {MARK}? https://u:{MARK}@h/?sig={MARK}".replace(f" {MARK}", "")}
        )
        _head(handler, len(words), status, more)
        handler.wfile.write(words.encode())

    return say


def _saying(body: bytes) -> Say:
    return lambda handler, content: handler.send(200, body)


WAYS: dict[str, Say] = {
    "silent": _silent,
    "silent after its head": _silent_after_head,
    "trickling": _trickling,
    "trickling its head": _trickling_head,
    "endless": _endless,
    "endless head": _endless_head,
    "too short": _short,
    "too long": _long,
    "resetting": lambda handler, content: handler.hang_up(),
    "resetting half-way": lambda handler, content: handler.send(200, content, cut=True),
    "no HTTP": lambda handler, content: [handler.wfile.write(b"SSH-2.0\r\n\r\n"), handler.hang_up()][-1],
    "gzip that is none": lambda handler, content: handler.send(200, content, headers={"Content-Encoding": "gzip"}),
    "redirecting in circles": _status("302 Found", "Location: /catalog.json\r\n"),
    "redirecting elsewhere": _status("302 Found", "Location: file:///etc/hostname\r\n"),
    "empty": _saying(b""),
    "html": _saying(b"<html>busy</html>"),
    "null": _saying(b"null"),
    "binary": _saying(bytes(range(256))),
    "deep": _saying(b"[" * 500_000),
    **{
        f"{status} Retry-After {after}": _status(status, f"Retry-After: {after}\r\n")
        for status in ("429 Slow", "503 Busy")
        for after in (
            "0",
            "-5",
            "1e400",
            "nan",
            "soon",
            "Wed, 21 Oct 1015 07:28:00 GMT",
            "Wed, 99 Foo 9999 99:99 X",
            "99999",
        )
    },
    "500": _status("500 No"),
    "403": _status("403 No"),
}
