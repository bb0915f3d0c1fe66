"""Files on a server that stumbles: asked for anew, not remembered as missing."""

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery import retries
from fusion_assets.imagery.compositing import gdal
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import ATTEMPTS, UnreadableFile
from fusion_assets.loopbacks.http import LoopbackServer
from fusion_assets_tests.imagery.archives import CRS, lattice, noise, write_tif

GRID = Grid(CRS, lattice(), 32, 32)


class Stumbling(BaseHTTPRequestHandler):
    """Serves one file in ranges, after `failures` answers of `code`."""

    protocol_version = "HTTP/1.1"
    content, code, failures, lock = b"", 404, 0, threading.Lock()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        with self.lock:
            fails = type(self).failures > 0
            type(self).failures -= 1
        if fails:
            self.send_response(self.code)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, _, last = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
        end = min(int(last) if last else len(self.content) - 1, len(self.content) - 1)
        part = self.content[int(first) : end + 1]
        self.send_response(206 if "Range" in self.headers else 200)
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {first}-{end}/{len(self.content)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(part)

    def log_message(self, *words):
        """Quiet."""


@pytest.fixture
def served(tmp_path, monkeypatch):
    """(address of a file, its numbers, a way to set failures)."""
    values = noise(GRID.shape, 3)
    content = Path(write_tif(tmp_path / "a.tif", values)).read_bytes()
    handler = type("Handler", (Stumbling,), {"content": content, "lock": threading.Lock()})
    monkeypatch.setattr(retries, "sleep", lambda _: None)

    def stumble(code, failures):
        handler.code, handler.failures = code, failures

    with LoopbackServer(handler) as server, gdal_environment():
        yield f"{server.url}/{tmp_path.name}.tif?signature=secret", values, stumble


@pytest.mark.parametrize("code", [403, 404])
def test_a_file_that_was_missing_is_asked_for_again(served, code):
    href, values, stumble = served
    stumble(code, 1)
    np.testing.assert_array_equal(read_nearest(SceneFile(href), GRID)[0], values)


@pytest.mark.parametrize("code", [403, 404])
def test_a_file_that_stayed_missing_is_no_longer_so_when_it_is_there(served, code):
    href, values, stumble = served
    stumble(code, 1000)
    with pytest.raises(UnreadableFile, match=f"after {ATTEMPTS} attempts: .*{code}") as caught:
        read_nearest(SceneFile(href), GRID)
    assert "secret" not in str(caught.value) and not caught.value.transient
    stumble(code, 0)
    np.testing.assert_array_equal(read_nearest(SceneFile(href), GRID)[0], values)


def test_a_busy_server_is_worth_a_later_attempt(served, monkeypatch):
    href, _, stumble = served
    stumble(503, 1000)
    monkeypatch.setitem(gdal._GDAL, "GDAL_HTTP_MAX_RETRY", "0")
    with gdal_environment(), pytest.raises(UnreadableFile) as caught:
        read_nearest(SceneFile(href), GRID)
    assert caught.value.transient
