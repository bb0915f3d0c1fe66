"""A Postgres of its own for a test: Debian's package, on a socket in a folder, gone afterwards."""

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

_PLACES = Path("/usr/lib/postgresql")
_ACCOUNT = "postgres"
_PATIENCE = 60
_PLAIN = ("listen_addresses=", "fsync=off", "shared_buffers=32MB")


@contextlib.contextmanager
def running():
    """Address of an empty database, as SQLAlchemy takes it, which has to be told that the library is psycopg2.

    Without the package, or Dagster's library for it, the test is skipped (see `conftest.py`).
    """
    pytest.importorskip("dagster_postgres", reason="install it with: make .venv/test")
    programs = _programs()
    # Postgres does not run as root, and its account cannot enter the folders of tests.
    account = _ACCOUNT if os.geteuid() == 0 else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="fusion-postgres-"))
    shutil.chown(folder, account)
    ours = {"user": account, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    try:
        begin = [programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", account, "--no-sync"]
        subprocess.run(begin, check=True, timeout=_PATIENCE, **ours)
        settings = [word for each in (*_PLAIN, f"unix_socket_directories={folder}") for word in ("-c", each)]
        server = subprocess.Popen([programs / "postgres", "-D", folder / "data", *settings], **ours)
        try:
            ready = [programs / "pg_isready", "-h", folder, "-U", account, "-d", "postgres"]
            for _ in range(_PATIENCE * 5):
                if subprocess.run(ready, **ours).returncode == 0:
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    raise RuntimeError(f"Postgres ended with exit code {server.wait(0.2)}")
            yield f"postgresql+psycopg2://{account}@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # ends connections, and then itself
            server.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs():
    found = sorted(_PLACES.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.skip("postgres not found; install it with: apt-get install postgresql")
    return found[-1].parent
