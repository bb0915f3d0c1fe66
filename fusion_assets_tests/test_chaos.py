"""One short schedule of kills and one of interrupts; `python -m fusion_assets_tests.chaos` plays longer ones."""

import http.server
import os
import shutil
import signal
import threading
import time

import psutil
import pytest

from fusion_assets_tests.chaos import interrupts
from fusion_assets_tests.chaos.__main__ import run
from fusion_assets_tests.chaos.system import LIGHTS

pytestmark = pytest.mark.slow

# (seconds of peace before, victim, which worker and when in its life, seconds until it is started again)
KILLS = [(2, "loopback", 0, 0.5), (9, "machine", 0.3, 0.2)]


@pytest.fixture
def folder(tmp_path, catalog):
    """A new folder with the archive that schedules would build there, were it not there."""
    shutil.copytree(catalog.parent, tmp_path / "chaos-archive", copy_function=os.link)
    return tmp_path


def test_what_is_killed_is_made_in_the_end_and_nothing_twice(folder):
    assert run(folder / "system", KILLS, {**LIGHTS, "prediction_years": [2016]}, size_km=12) == []


def test_what_is_interrupted_is_made_in_the_end_and_nothing_twice(folder):
    assert interrupts.run(folder / "study", 5, 4, {**LIGHTS, "prediction_years": [2016]}, size_km=12) == []


class Silent(http.server.BaseHTTPRequestHandler):
    """An archive that takes every question and answers none."""

    asked, over = threading.Event(), threading.Event()

    def do_GET(self):
        self.asked.set()
        self.over.wait(600)

    do_POST = do_GET  # noqa: N815


@pytest.mark.parametrize("deaf", [False, True], ids=["waiting", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_run_that_waits_for_an_archive_ends_and_is_not_tried_again(folder, number, deaf):
    study = interrupts.Study(folder / "study", {**LIGHTS, "prediction_years": [2016]}, 12)
    Silent.asked.clear()
    Silent.over.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as archive:
        threading.Thread(target=archive.serve_forever, daemon=True).start()
        study.environment["FUSION_ARCHIVE"] = f"http://127.0.0.1:{archive.server_port}"
        process = study.start()
        assert Silent.asked.wait(120)
        if deaf:  # as native code may be
            psutil.Process(process.pid).children()[0].suspend()
        told = time.monotonic()
        process.send_signal(number)
        assert process.wait(interrupts.LIMIT_SECONDS) == 128 + number
        assert time.monotonic() - told < interrupts.LIMIT_SECONDS
        Silent.over.set()
        archive.shutdown()
    printed = (study.folder / "log").read_text()
    assert deaf or "stopped; what was finished is kept" in printed
    assert "failed" not in printed and "attempt" not in printed and "Traceback" not in printed
    assert study.under_way() == [] and study.processes() == []
