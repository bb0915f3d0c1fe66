"""`fusion ui`: code server, web server and daemon of Dagster, and the reports, until it is stopped.

`dagster dev` does the same, but its web server has no guard, and a signal may leave a part of it behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from fusion_assets.cli.interruption import check, kill_session
from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    from dagster import DagsterInstance

_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.5
_GOODBYE_SECONDS = 5
_DAEMON = (
    "import sys; from fusion_assets.cli.interruption import end_with_parent; end_with_parent(int(sys.argv.pop())); "
    "from dagster._daemon.cli import main; main()"
)


def serve(options: Namespace, study_name: str, storage: str) -> int:
    """Serve until a signal comes, or a part of it ends by itself.

    Args:
        options: `port` of the web UI; the reports are on the next one.
        study_name: whose Dagster instance it is.
        storage: of the reports.

    Raises:
        FusionError: the port is taken.
        KeyboardInterrupt: SIGINT or SIGTERM came.
    """
    from fusion_assets.orchestration.instance import opened_instance, prepare_home, settle_dead_runs
    from fusion_assets.reports.server import start_beside
    from fusion_assets.storage.root import Storage

    with _bound(options.port) as bound:
        home = prepare_home(study_name)
        with opened_instance(home) as instance:
            settle_dead_runs(instance)
            print(f"Dagster instance: {home}", flush=True)
            # A daemon that starts before its code server goes on with a backfill instead of failing it.
            os.environ.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")
            os.environ["DAGSTER_IS_DEV_CLI"] = "1"  # the code server says what is wrong with it, once
            print(f"reports are at {start_beside(Storage(storage), options.port)}", flush=True)
            try:
                with _code_server(instance, study_name) as workspace, _services(workspace, bound) as services:
                    return _watched(services)
            finally:
                kill_session(os.getpid())
                settle_dead_runs(instance)


def _bound(port: int) -> socket.socket:
    """A socket on a port of this machine; whoever holds the port holds it from now on."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((_HOST, port))
    except OSError as error:
        bound.close()
        found = f"port {port} of {_HOST} cannot be used ({error.strerror})"
        remedy = "end the program that uses it (another `fusion ui`?), or choose another one with --port"
        raise FusionError(found, "a free port for the web UI", remedy) from None
    return bound


@contextlib.contextmanager
def _code_server(instance: DagsterInstance, study_name: str) -> Iterator[str]:
    """Dagster's own code server, on a Unix socket; gives a workspace file that says where.

    The code location is called as the study is, so that people with several see whose runs these are.
    """
    import yaml
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.workspace.load_target import ModuleTarget

    target = ModuleTarget("fusion_assets.definitions", None, os.getcwd(), study_name)
    with (
        ProxyServerManager(instance, target, code_server_log_level="warning") as servers,
        tempfile.TemporaryDirectory(prefix="fusion-ui-") as folder,
    ):
        workspace = Path(folder) / "workspace.yaml"
        workspace.write_text(yaml.safe_dump({"load_from": [dict(each) for each in servers.get_code_server_specs()]}))
        try:
            yield str(workspace)
        finally:
            _kill_runs()  # those that the daemon has launched meanwhile; the code server would wait for them


@contextlib.contextmanager
def _services(workspace: str, bound: socket.socket) -> Iterator[dict[str, subprocess.Popen]]:
    """Web server and daemon; they are ended afterwards."""
    python, parent, descriptor = sys.executable, str(os.getpid()), bound.fileno()
    server = [python, "-m", "fusion_assets.cli.web_server", workspace, str(descriptor), parent]
    daemon = [python, "-c", _DAEMON, "run", "-w", workspace, parent]
    services: dict[str, subprocess.Popen] = {}
    try:
        services["web server"] = subprocess.Popen(server, pass_fds=[descriptor])
        services["daemon"] = subprocess.Popen(daemon)
        yield services
    finally:
        for process in services.values():
            process.send_signal(signal.SIGTERM)
        _kill_runs()
        end = time.monotonic() + _GOODBYE_SECONDS
        for process in services.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))


def _watched(services: dict[str, subprocess.Popen]) -> int:
    while True:
        check()
        for name, process in services.items():
            if process.poll() is not None:
                raise FusionError(
                    f"the {name} has ended (exit code {process.returncode})",
                    "it to serve until it is stopped",
                    "see what it said above, and start `fusion ui` again",
                )
        time.sleep(_LOOK_SECONDS)


def _kill_runs() -> None:
    """Kill the processes of runs: their artifacts are whole or not there, and the next start takes them up again."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("spawn_main" in part for part in process.cmdline()):
                process.kill()
