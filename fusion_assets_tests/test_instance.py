"""The project's Dagster instance: runs whose process was killed do not stay under way for ever."""

import os
import socket
import subprocess
import sys

import dagster as dg
import pytest

from fusion_assets.instance import PROCESS_TAG, settle_dead_runs


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def started(instance, process):
    @dg.job
    def nothing():
        pass

    return instance.create_run_for_job(
        nothing, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: process} if process else {}
    )


def status(instance, run):
    return instance.get_run_by_id(run.run_id).status


def test_a_run_whose_process_has_died_is_marked_as_failed(instance):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run = started(instance, f"{socket.gethostname()}:{process.pid}")
    assert settle_dead_runs(instance) == 1
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("whose", ["ours", "another-machine:1", "nobody's"])
def test_other_runs_are_left_alone(instance, whose):
    process = {"ours": f"{socket.gethostname()}:{os.getpid()}", "nobody's": None}.get(whose, whose)
    run = started(instance, process)
    assert settle_dead_runs(instance) == 0
    assert status(instance, run) is dg.DagsterRunStatus.STARTED
