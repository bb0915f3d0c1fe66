"""`fusion ui` as processes: it starts whole or not at all, and ends whole, whoever ends it."""

import contextlib
import signal
import socket
import subprocess
import time

import psutil
import pytest

from fusion_assets_tests.web_ui import command, environment, running

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 20
# What the code server notices late: that nobody asks it any more.
HEARTBEAT_SECONDS = 120


def test_a_taken_port_is_said_before_anything_is_started(catalog, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command(port), cwd=tmp_path, env=environment(catalog, tmp_path), capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1 and f"port {port}" in done.stderr and "--port" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "home").exists()


def test_the_reports_take_another_port_where_the_next_one_is_taken(catalog, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] - 1
        process = subprocess.Popen(
            command(port), cwd=tmp_path, env=environment(catalog, tmp_path), stdout=subprocess.PIPE, text=True
        )
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert "reports are at http://127.0.0.1:" in lines[1] and str(port + 1) not in lines[1]
    assert process.returncode == 143, "also while it is starting"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_from_a_script_it_ends_with_all_that_it_has_started(catalog, tmp_path, number, code):
    with ignoring(signal.SIGINT), running(catalog, tmp_path) as server:  # as `fusion ui &` in a script inherits it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        assert only_here(server.process)
        server.materialize(["sentinel2_export"], "demo", 2015)
        began = psutil.Process(server.process.pid).children(recursive=True)
        assert len(began) >= 5
        told = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(LIMIT_SECONDS) == code
        assert psutil.wait_procs(began, timeout=LIMIT_SECONDS - (time.monotonic() - told))[1] == []
        assert "Warning" not in server.log.read_text() and "Traceback" not in server.log.read_text()


@contextlib.contextmanager
def ignoring(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


def only_here(process):
    """Whether all that listens on the network listens on this machine alone; Unix sockets always do."""
    ours = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    listening = [each.laddr.ip for one in ours for each in one.net_connections("inet") if each.status == "LISTEN"]
    assert listening
    return set(listening) == {"127.0.0.1"}


def test_it_ends_when_its_web_server_dies(catalog, tmp_path):
    with running(catalog, tmp_path) as server:
        began = psutil.Process(server.process.pid).children(recursive=True)
        (web,) = [one for one in began if any("web_server" in part for part in one.cmdline())]
        web.kill()
        assert server.process.wait(LIMIT_SECONDS) == 1
        assert "the web server has ended" in server.log.read_text()
        assert psutil.wait_procs(began, timeout=LIMIT_SECONDS)[1] == []


def test_what_it_has_started_does_not_outlive_it_when_it_is_killed(catalog, tmp_path):
    with running(catalog, tmp_path) as server:
        began = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        assert psutil.wait_procs(began, timeout=HEARTBEAT_SECONDS)[1] == []
