"""`fusion ui` on the synthetic archive, in a process of its own."""

import contextlib
import os
import sys

from fusion_assets.loopbacks.http import free_port
from fusion_assets_tests.web import served


def command(port):
    """`fusion ui` on a port."""
    return [sys.executable, "-m", "fusion_assets.cli.main", "ui", "--port", str(port)]


def environment(catalog, folder):
    """Of a study of the archive in a folder of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FUSION", "DAGSTER", "EE_"))}
    return {
        **ours,
        "DAGSTER_HOME": str(folder / "home"),
        "FUSION_STUDY": "demo",
        "FUSION_ARCHIVE": str(catalog),
        "FUSION_STORAGE": str(folder / "data"),
    }


@contextlib.contextmanager
def running(catalog, folder):
    """A server that answers, see `web.Server`."""
    port = free_port()
    with served(command(port), port, folder, environment(catalog, folder)) as server:
        server.port = port
        yield server
