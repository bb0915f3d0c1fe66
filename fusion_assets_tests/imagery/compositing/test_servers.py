"""Servers of files that are silent, slow, busy or lie: an end in limited time, and another attempt where it helps."""

import logging
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery import heartbeat, retries
from fusion_assets.imagery.compositing import gdal
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.limits import FileLimits
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.compositing.servers import Silence, host
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets_tests.imagery.archives import CRS, lattice, noise, write_tif
from fusion_assets_tests.imagery.compositing.file_server import file_server

GRID = Grid(CRS, lattice(), 64, 64)
SHORT = FileLimits(
    connect_seconds=0.5, request_seconds=1.5, slow_seconds=1, slow_bytes=1000, read_seconds=3, silent_reads=3
)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """(address, its numbers, manners of the server), with limits of a second or so and no memory of silence."""
    values = noise(GRID.shape, 3)
    content = Path(write_tif(tmp_path / "a.tif", values, block=16)).read_bytes()
    monkeypatch.setattr(gdal, "FILE_LIMITS", SHORT)
    monkeypatch.setattr(gdal, "_SILENCE", Silence())
    monkeypatch.setattr(gdal, "_GDAL", {**gdal._GDAL, "GDAL_HTTP_RETRY_DELAY": "0.1", "GDAL_HTTP_MAX_RETRY": "1"})
    with file_server(content) as (href, manners), gdal_environment():
        yield href, values, manners


def fails(href):
    """The error of a read, and the seconds that it took."""
    begun = time.monotonic()
    with pytest.raises(UnreadableFile) as caught:
        read_nearest(SceneFile(href), GRID)
    assert "secret" not in str(caught.value)
    return caught.value, time.monotonic() - begun


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("silent", "trickle", "503")]


@pytest.mark.parametrize("kind", ["silent to GET", "reset", "reset of GET", "429", *SLOW])
def test_what_may_pass_ends_in_limited_time_and_says_so(served, kind):
    href, _, manners = served
    manners.kind = kind
    error, seconds = fails(href)
    assert seconds < SHORT.read_seconds + 1
    assert error.transient or kind == "trickle"


@pytest.mark.parametrize("kind", ["circle", "no ranges", "404", "403", "416", "to a local file"])
def test_what_will_not_pass_ends_in_limited_time_and_says_so(served, kind):
    href, _, manners = served
    manners.kind = kind
    error, seconds = fails(href)
    assert seconds < SHORT.read_seconds + 1 and not error.transient


@pytest.mark.parametrize("kind", ["long total", "long part"])
def test_lies_about_lengths_change_no_number(served, kind):
    href, values, manners = served
    manners.kind = kind
    try:
        np.testing.assert_array_equal(read_nearest(SceneFile(href), GRID)[0], values)
    except UnreadableFile:
        assert len(manners.asked) < 30


@pytest.mark.parametrize("kind", ["404", "403", "401", "429", "500", "503", "reset", "reset of GET", "cut"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_happened_once_or_twice_is_forgotten(served, kind, times):
    href, values, manners = served
    manners.kind, manners.times = kind, times
    np.testing.assert_array_equal(read_nearest(SceneFile(href), GRID)[0], values)


def test_a_server_that_says_when_is_asked_again_then(served, monkeypatch):
    href, values, manners = served
    # Once GDAL, once we who ask what it does not tell; with these limits a busy machine adds no third request.
    manners.kind, manners.times, manners.headers = "429", 2, {"Retry-After": "3"}
    monkeypatch.setattr(gdal, "FILE_LIMITS", FileLimits())
    paused = []
    monkeypatch.setattr(retries, "sleep", paused.append)
    np.testing.assert_array_equal(read_nearest(SceneFile(href), GRID)[0], values)
    assert paused == [3.0]


def test_a_longer_pause_than_there_is_time_is_not_waited_for(served):
    href, _, manners = served
    manners.kind, manners.headers = "429", {"Retry-After": "3600"}
    error, seconds = fails(href)
    assert error.transient and seconds < 2


@pytest.mark.slow
def test_a_silent_server_is_not_asked_for_every_file(served):
    href, values, manners = served
    manners.kind = "reset"
    for _ in range(SHORT.silent_reads):
        fails(href)
    manners.kind, asked = "", len(manners.asked)
    error, seconds = fails(href)
    assert error.transient and seconds < 0.1 and len(manners.asked) == asked
    gdal._SILENCE._until.clear()
    np.testing.assert_array_equal(read_nearest(SceneFile(href), GRID)[0], values)


def test_the_log_says_who_is_waited_for(served, monkeypatch, caplog):
    href, _, manners = served
    manners.kind = "silent"
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.5)
    monkeypatch.setattr(heartbeat, "_speaker", None)
    with caplog.at_level(logging.WARNING):
        fails(href)
    lines = [record.getMessage() for record in caplog.records if "waiting for" in record.getMessage()]
    assert lines and all(line.startswith(f"waiting for {host(href)}, for ") for line in lines)


@pytest.fixture
def interruptible():
    """Ctrl-C as people know it: what is started in the background inherits that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_waiting_can_be_interrupted(served, interruptible):
    href, _, manners = served
    manners.kind = "silent"
    begun = time.monotonic()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        read_nearest(SceneFile(href), GRID)
    assert time.monotonic() - begun < 1.5
