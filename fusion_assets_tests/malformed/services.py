"""Earth Engine and Sentinel Hub whose answers are odd, late, cut or endless: what engines and doctor make of them."""

from __future__ import annotations

import copy
import datetime as dt
import functools
import hashlib
import io
import itertools
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests
import xarray as xr
from affine import Affine
from shapely.geometry import box, mapping

from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions, access
from fusion_assets.imagery.engines.earth_engine import connection as earth_engine
from fusion_assets.imagery.engines.earth_engine.outlines import fetch_outline
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.engines.sentinel_hub import connection as sentinel_hub
from fusion_assets.imagery.engines.sentinel_hub.pace import Pace
from fusion_assets.imagery.engines.sentinel_hub.series import series
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.imagery.retries import RetryPolicy
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets.loopbacks.sentinel_hub import SentinelHubService, tiny_archive
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import small_request, small_season
from fusion_assets_tests.malformed.case import MARK, Case
from fusion_assets_tests.malformed.oddities import junk, owners
from fusion_assets_tests.malformed.servers import WAYS, Say

FEW, MANY = 30, 200
_SECONDS, _MOST_SECONDS, _MOST_BYTES = 1.5, 12.0, 4_000_000
_GAUL = "FAO/GAUL/2015/level2"
_JULY = dt.date(2018, 7, 1), dt.date(2018, 7, 31)
_GRID = Grid(tiny_archive.CRS, Affine(10, 0, tiny_archive.WEST, 0, -10, tiny_archive.NORTH), 20, 24)


@dataclass
class _Trouble:
    """What befalls answers whose path ends so, from one on, so many times."""

    path: str
    say: Say
    after: int = 0
    times: int = 10**6

    def strikes(self, path: str) -> bool:
        if not path.endswith(self.path):
            return False
        self.after -= 1
        self.times -= self.after < 0
        return self.after < 0 <= self.times


class _Front(LoopbackServer):
    """Stands before a service, and spoils what it answers."""

    def __init__(self, target: str) -> None:
        super().__init__(_Handler)
        self.target, self.lock = target, threading.Lock()
        self.trouble: _Trouble | None = None


class _Handler(LoopbackHandler):
    server: _Front

    def respond(self) -> None:
        front = self.server
        kept = {name: text for name, text in self.headers.items() if name.lower() not in ("host", "accept-encoding")}
        answer = requests.request(
            self.command, front.target + self.path, data=self.received(), headers=kept, timeout=20
        )
        content, kind = answer.content, answer.headers.get("Content-Type", "application/json")
        if kind.startswith("application/json"):
            content = content.replace(front.target.encode(), front.url.encode())
        with front.lock:
            trouble = front.trouble
            strikes = trouble is not None and trouble.strikes(urlsplit(self.path).path)
        try:
            if strikes and trouble is not None:
                trouble.say(self, content)
            else:
                self.send(answer.status_code, content, kind)
        except OSError:
            self.close_connection = True


@functools.cache
def _earth_engine() -> tuple[_Front, str]:
    """A service for all cases of a process, and the archive it serves; limits are short and pauses none."""
    retries.sleep = lambda seconds: None
    earth_engine.RETRIES = RetryPolicy(attempts=2, pause=0)
    earth_engine.ANSWER_SECONDS = earth_engine.COMPUTED_SECONDS = access.LIMIT_SECONDS = _SECONDS  # type: ignore[assignment]
    archive, _ = small_season(tempfile.mkdtemp())
    service = EarthEngineService(archive, clock=Clock(manual=True))
    service.start()
    front = _Front(service.url)
    front.start()
    return front, archive


@functools.cache
def _sentinel_hub() -> _Front:
    archive = Path(tempfile.mkdtemp())
    tiny_archive.write(archive)
    service = SentinelHubService(archive / "catalog.json", (f"{MARK}-id", f"{MARK}-secret"))
    service.token_mark = f"{MARK}-token"
    service.__enter__()
    front = _Front(service.url)
    front.start()
    token = f"{front.url}{urlsplit(service.token_url).path}"
    os.environ.update(service.variables | {"SH_BASE_URL": front.url, "SH_TOKEN_URL": token})
    return front


def _earth_engine_front() -> _Front:
    return _earth_engine()[0]


def _connection(kind: type[Connection] = Connection) -> Connection:
    return kind("demo", _earth_engine()[0].url)


def _pixels(found: xr.Dataset) -> str:
    return hashlib.sha256(b"".join(found[name].values.tobytes() for name in found.data_vars)).hexdigest()


def _composite(folder: Path) -> str:
    engine = EarthEngine(Storage(folder), _connection())
    pixels = engine.collect(engine.submit(small_request(_earth_engine()[1]))).compute()
    return _pixels(pixels)


def _dates(folder: Path) -> str:
    engine = EarthEngine(Storage(folder), _connection())
    return _pixels(engine.series(small_request(_earth_engine()[1])).compute())


def _task(folder: Path) -> str:
    engine = EarthEngine(Storage(folder), _connection(), ExportOptions(f"exports/{time.time_ns()}", "batch"))
    export = engine.submit(small_request(_earth_engine()[1]))
    (present,) = engine.states([export])
    for told in (json.dumps(present.to_dict()), json.dumps(engine.facts(present))):
        assert MARK not in told
    return present.state


def _outline(folder: Path) -> str:
    return json.dumps(fetch_outline(_GAUL, "ADM2_NAME", "Bagmati", _connection()), sort_keys=True)


def _look(work: Callable[..., str], *arguments: Any) -> str:
    text = work(_connection(access.Once), *arguments)
    assert text.isprintable() and len(text) < 1000 and MARK not in text, text[:1000]
    return "looked"


def _passes(folder: Path) -> str:
    corners = to_lonlat(_GRID.crs).transform_bounds(*_GRID.bounds)
    recipe = CompositeRecipe(("B04", "B08"), PRODUCTS["sentinel2_l2a"].mask, reducer="none")
    request = ExportRequest(
        "dates", "sentinel2_l2a", "here", 2018, _GRID, mapping(box(*corners)), _JULY, recipe, "",
        PRODUCTS["sentinel2_l2a"].collections,
    )  # fmt: skip
    return _pixels(series(request, _sentinel_hub_connection()).compute())


def _check(folder: Path) -> str:
    text = sentinel_hub.check(_sentinel_hub_connection())
    assert text.isprintable() and MARK not in text
    return "looked"


def _sentinel_hub_connection() -> sentinel_hub.Connection:
    hasty = RetryPolicy(attempts=2, pause=0.01, growth=1)
    pace = Pace(
        retries=hasty, partial_retries=RetryPolicy(attempts=2, pause=0), between_requests=0.0005, most_refusals=2,
        longest_wait=0.5, request_seconds=_SECONDS, token_seconds=_SECONDS, search_seconds=4, check_seconds=6,
        most_bytes=_MOST_BYTES,
    )  # fmt: skip
    return sentinel_hub.Connection(_sentinel_hub().url, os.environ["SH_TOKEN_URL"], pace)


def _doctor(folder: Path) -> str:
    looks: tuple[Callable[[Any], str], ...] = (access.endpoint, access.project, access.answers)
    for look in looks:
        _look(look)
    return _look(access.queue, None, False)


# What is done, and the ends of the paths that it asks.
_DEEDS: dict[str, tuple[Callable[[], _Front], Callable[[Path], str], tuple[str, ...]]] = {
    "composite": (_earth_engine_front, _composite, ("value:compute", "image:computePixels", "image:computePixels")),
    "dates": (_earth_engine_front, _dates, ("value:compute", "image:computePixels")),
    "signing in": (_earth_engine_front, _composite, ("/algorithms", "/rest")),
    "task": (_earth_engine_front, _task, ("image:export", "/operations", "/operations")),
    "outline": (_earth_engine_front, _outline, ("value:compute",)),
    "doctor": (_earth_engine_front, _doctor, ("value:compute", "/operations", "/config", "/rest")),
    "collection": (
        _earth_engine_front, lambda folder: _look(_readable), ("assets/COPERNICUS/S2_SR_HARMONIZED",),
    ),
    "passes": (_sentinel_hub, _passes, ("/token", "/search", "/search", "/process", "/process")),
    "check": (_sentinel_hub, _check, ("/token", "/collections")),
}  # fmt: skip


def _readable(connection: Connection) -> str:
    return access.readable("COPERNICUS/S2_SR_HARMONIZED", connection)


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    random = np.random.default_rng(seed)
    for number in range(count):
        deed = str(random.choice(list(_DEEDS)))
        path = str(random.choice(_DEEDS[deed][2]))
        pixels = path in ("image:computePixels", "/process")
        kind = str(random.choice(["field", "body", "server"], p=[0.65, 0.2, 0.15] if not pixels else [0, 0.8, 0.2]))
        what, say = _KINDS[kind](random, path)
        trouble = _Trouble(path, say, int(random.choice([0, 0, 0, 1])), int(random.choice([1, 10**6, 10**6])))
        name = f"{number} {deed}: {what} at {path}, {trouble.after} + {min(trouble.times, 9)}"
        yield Case(name[:150].encode("ascii", "replace").decode(), partial(_work, deed, trouble), partial(_right, deed))


def _field(random: np.random.Generator, path: str) -> tuple[str, Say]:
    """A field of the JSON is gone, or is something else."""
    at, odd, gone = int(random.integers(10_000)), junk(random), random.random() < 0.15

    def say(handler: LoopbackHandler, content: bytes) -> None:
        answer = {"": json.loads(content)}
        places = list(itertools.islice(owners(answer), 20_000))
        owner, key = places[at % len(places)]
        if gone and isinstance(owner, dict):
            del owner[key]
        else:
            owner[key] = odd
        handler.send(200, json.dumps(answer.get("")).encode())

    return f"field {at} {'gone' if gone else repr(odd)[:60]}", say


def _npy(kind: Any, shape: tuple[int, ...] = (4, 4)) -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(shape, kind))
    return out.getvalue()


_HUGE = _npy("f4").replace(b"(4, 4), }     ", b"(400000,400000)}")
# What an answer is instead of what was asked for, said to be whole.
_BODIES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 2],
    "cut at its end": lambda content: content[:-3],
    "longer": lambda content: content + b"x",
    "empty": lambda content: b"",
    "html": lambda content: b"<html>" + MARK.encode() + b"</html>",
    "null": lambda content: b"null",
    "number": lambda content: b"5",
    "list": lambda content: b"[" + content + b"]",
    "deep": lambda content: b"[" * 300_000,
    "deep object": lambda content: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "binary": lambda content: bytes(range(256)) * 20,
    "error": lambda content: b'{"error": {"code": "x", "message": ["' + MARK.encode() + b'"]}}',
    "numpy": lambda content: _npy([("B02", "f4"), ("observation_count", "f4")], (3, 3)),
    "numpy of texts": lambda content: _npy([("B02", "U4"), ("observation_count", "f4")]),
    "numpy without bands": lambda content: _npy("f4"),
    "numpy of any size": lambda content: _HUGE,
}


def _body(random: np.random.Generator, path: str) -> tuple[str, Say]:
    """Something else altogether, said to be whole."""
    what = str(random.choice(list(_BODIES)))
    status = int(random.choice([200, 200, 200, 400, 503]))
    return f"{what} ({status})", lambda handler, content: handler.send(status, _BODIES[what](content))


def _server(random: np.random.Generator, path: str) -> tuple[str, Say]:
    """No answer, or not as HTTP has it."""
    way = str(random.choice(list(WAYS)))
    return way, WAYS[way]


_KINDS: dict[str, Callable[[np.random.Generator, str], tuple[str, Say]]] = {
    "field": _field,
    "body": _body,
    "server": _server,
}


@functools.cache
def _expected(deed: str) -> str:
    _DEEDS[deed][0]().trouble = None
    with tempfile.TemporaryDirectory() as folder:
        return _DEEDS[deed][1](Path(folder))


def _work(deed: str, trouble: _Trouble, folder: Path) -> str:
    front, work, _ = _DEEDS[deed]
    _expected(deed)
    if trouble.path in ("/algorithms", "/rest"):
        earth_engine.sign_out()
    sentinel_hub._clients.clear()
    front().trouble = copy.copy(trouble)
    started = time.monotonic()
    try:
        return work(folder)
    finally:
        took = time.monotonic() - started
        front().trouble = None
        if trouble.path in ("/algorithms", "/rest"):
            earth_engine.sign_out()
        assert took < _MOST_SECONDS, f"{took:.1f} s"


def _right(deed: str, found: str) -> bool:
    if deed == "outline":  # another number may be another corner
        return json.loads(found)["type"] == json.loads(_expected(deed))["type"]
    # A task in a state that nobody knows has not ended.
    return found == _expected(deed) or (deed == "task" and found == "RUNNING")
