"""SIGINT and SIGTERM end a command that computes on a cluster without workers, with a real `dask scheduler`."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from fusion_assets_tests.cli.test_interruption import Program

pytestmark = pytest.mark.slow

MOST_SECONDS = 20
# Workers are there when the computation begins, and gone soon after.
COMPUTING = """
import dask
from distributed import Client
from fusion_assets.orchestration import dask_cluster
if {lonely}:
    dask_cluster.PatientClient.wait_until = lambda self, over, wait=dask_cluster.PatientClient.wait_until: (
        wait(self, over) if hasattr(self, "asked") else setattr(self, "asked", True)
    )
say("connecting")
dask_cluster.connect_dask("{scheduler}", patience=600)
say("computing")
dask.delayed(sum)([1, 2]).compute()
"""


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler that no worker joins."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-dashboard"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=dict(os.environ)
    )
    assert process.stderr is not None
    address = ""
    for line in process.stderr:
        if found := re.search(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)", line):
            address = found[1]
            break
    yield address
    process.kill()
    process.wait()


@pytest.mark.parametrize("lonely", [False, True], ids=["connecting", "computing"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_cluster_without_workers_keeps_nobody_from_ending(scheduler, number, code, lonely):
    program = Program(COMPUTING.format(scheduler=scheduler, lonely=lonely), grace=11.0)
    awaited = "computing" if lonely else "connecting"
    while program.process.stdout.readline().strip() != awaited:
        assert program.process.poll() is None
    time.sleep(1.5)
    started = time.monotonic()
    program.process.send_signal(number)
    ended, _ = program.end()
    assert ended == code
    assert time.monotonic() - started < MOST_SECONDS
