"""Servers that say nothing, trickle, never end or hang up, in place of Earth Engine and Sentinel Hub."""

import contextlib
import time

import pytest

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery import heartbeat, retries
from fusion_assets.imagery.engines.earth_engine import Connection as EarthEngine
from fusion_assets.imagery.engines.earth_engine import access
from fusion_assets.imagery.engines.earth_engine import connection as earth_engine
from fusion_assets.imagery.engines.sentinel_hub.connection import Connection as SentinelHub
from fusion_assets.imagery.engines.sentinel_hub.connection import check
from fusion_assets.imagery.engines.sentinel_hub.pace import Pace
from fusion_assets.imagery.retries import RetryPolicy
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets_tests.malformed.servers import WAYS

SECONDS = 0.5
LATE = ("silent", "silent after its head", "trickling", "trickling its head", "resetting", "resetting half-way")


@contextlib.contextmanager
def serving(say):
    """A server that says the same whatever it is asked."""

    class Handler(LoopbackHandler):
        def respond(self):
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.received()
                say(self, b'{"some": "answer"}')

    with LoopbackServer(Handler) as server:
        yield server.url


def endless(handler, content):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        handler.wfile.write(b" " * (1 << 20))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(earth_engine, "RETRIES", RetryPolicy(attempts=2, pause=0.01))
    monkeypatch.setattr(earth_engine, "ANSWER_SECONDS", SECONDS)
    monkeypatch.setattr(access, "LIMIT_SECONDS", SECONDS)
    for name in ("SH_CLIENT_ID", "SH_CLIENT_SECRET"):
        monkeypatch.setenv(name, "someone")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    earth_engine.sign_out()
    yield
    earth_engine.sign_out()


def sentinel_hub(url, **pace):
    """A connection to a stand-in, with short limits."""
    few = RetryPolicy(attempts=2, pause=0.01, growth=1)
    return SentinelHub(url, f"{url}/token", Pace(**{"retries": few, "token_seconds": SECONDS} | pace))


ASKING = {
    "Earth Engine": lambda url: EarthEngine("demo", url).open(),
    "Earth Engine's endpoint": lambda url: access.endpoint(EarthEngine("demo", url)),
    "Sentinel Hub": lambda url: check(sentinel_hub(url)),
}


@pytest.mark.parametrize("way", LATE)
@pytest.mark.parametrize("whom", ASKING)
def test_nobody_is_waited_for_longer_than_said(whom, way):
    started = time.monotonic()
    with serving(WAYS[way]) as url, pytest.raises(Unreachable) as caught:
        ASKING[whom](url)
    assert time.monotonic() - started < 8 * SECONDS
    assert url in str(caught.value) or "Earth Engine" in str(caught.value)
    assert len(caught.value.found.splitlines()) == 1


@pytest.mark.parametrize("whom", ASKING)
def test_no_more_is_read_than_anybody_asked_for(whom, monkeypatch):
    monkeypatch.setattr(earth_engine, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(access, "LIMIT_SECONDS", 60.0)
    asking = {**ASKING, "Sentinel Hub": lambda url: check(sentinel_hub(url, token_seconds=60.0, check_seconds=60.0))}
    with serving(endless) as url, pytest.raises(FusionError, match=r"more than 100,000,000 bytes"):
        asking[whom](url)


@pytest.mark.parametrize("whom", ["Earth Engine", "Sentinel Hub"])
def test_it_is_said_who_is_waited_for(whom, monkeypatch, caplog):
    monkeypatch.setattr(retries, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.1)
    with serving(WAYS["silent"]) as url, pytest.raises(Unreachable):
        ASKING[whom](url)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("waiting for")]
    assert lines and all(url in line for line in lines)
