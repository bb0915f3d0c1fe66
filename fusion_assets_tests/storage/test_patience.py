"""Object stores that say nothing: they are not waited for longer than said, and those that answer are used as ever."""

import contextlib
import time
import types

import pytest

from fusion_assets.errors import Unreachable
from fusion_assets.loopbacks.earth_engine.buckets import storage_emulator
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets.storage import patience
from fusion_assets.storage.addresses import local_copy
from fusion_assets.storage.patience import options_of
from fusion_assets.storage.root import Storage

SECONDS = 0.3


class Silent(LoopbackHandler):
    """Accepts, hears, and says nothing, or only the beginning."""

    def respond(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            if self.path.endswith("begun"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
            time.sleep(20 * SECONDS)


@pytest.fixture
def silent(monkeypatch):
    monkeypatch.setattr(patience, "SILENCE_SECONDS", SECONDS)
    with LoopbackServer(Silent) as server:
        yield server.url


def test_a_silent_bucket_is_not_waited_for(silent, monkeypatch):
    async def at_once(seconds):
        """Pauses between the attempts of gcsfs."""

    monkeypatch.setattr("gcsfs.retry.asyncio", types.SimpleNamespace(sleep=at_once))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", silent)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo")
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"gs://silent"):
        Storage("gs://silent/data").check_writable()
    assert time.monotonic() - started < 60 * SECONDS


@pytest.mark.parametrize("name", ["silent", "begun"])
def test_a_silent_web_server_is_not_waited_for(silent, name):
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"cannot read http://127\.0\.0\.1"):
        local_copy(f"{silent}/{name}")
    assert time.monotonic() - started < 20 * SECONDS


def test_a_bucket_that_answers_is_used_as_ever():
    with storage_emulator("some"):
        storage = Storage("gs://some/data")
        path = storage.path("asset", "here", 2016, "json")
        storage.write_bytes(b"one", path)
        assert storage.read_bytes(path) == b"one" and local_copy(path).read_bytes() == b"one"


def test_every_store_is_told_of_the_same_limits():
    amazon, azure = options_of("s3://bucket/a")["config_kwargs"], options_of("az://container/a")
    assert (amazon["connect_timeout"], amazon["read_timeout"]) == (10.0, 60.0)
    assert (azure["connection_timeout"], azure["read_timeout"]) == (10, 60)
    for times in (
        options_of("gs://bucket/a")["requests_timeout"],
        options_of("https://h/a")["client_kwargs"]["timeout"],
    ):
        assert (times.sock_connect, times.sock_read) == (10.0, 60.0) and times.total
    assert options_of("memory://a") == options_of("/a/b") == options_of("file:///a") == {}
