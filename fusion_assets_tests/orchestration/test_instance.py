"""The project's Dagster instance: runs whose process was killed do not stay under way for ever."""

import json
import os
import socket
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from fusion_assets.orchestration import instance as module
from fusion_assets.orchestration.instance import (
    CREATOR_TAG,
    PROCESS_TAG,
    creator_tags,
    end_own_runs,
    note_process,
    settle_dead_runs,
)

HERE = socket.gethostname()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@dg.job
def nothing():
    pass


def begun(instance, status=dg.DagsterRunStatus.STARTED, **tags):
    return instance.create_run_for_job(nothing, status=status, tags=tags)


def noted(instance, process, host=HERE, since=None):
    """A run that has noted to be in a process."""
    run = begun(instance)
    place = f"{run.run_id}:{host}:{process}:{time.time() if since is None else since:.0f}"
    instance.add_run_tags(run.run_id, {PROCESS_TAG: place})
    return run


def status(instance, run):
    return instance.get_run_by_id(run.run_id).status


def test_a_run_whose_process_has_died_is_marked_as_failed(instance, dead):
    run = noted(instance, dead)
    assert settle_dead_runs(instance) == 1
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("state", ["NOT_STARTED", "STARTING", "STARTED"])
def test_a_run_whose_creator_has_died_before_it_noted_anything_is_marked(instance, dead, state):
    place = {CREATOR_TAG: f"{HERE}:{dead}:{time.time():.0f}"}
    run = begun(instance, dg.DagsterRunStatus[state], **place)
    living = begun(instance, dg.DagsterRunStatus[state], **creator_tags())
    retry = instance.create_run_for_job(
        nothing, status=dg.DagsterRunStatus[state], tags=place, parent_run_id=run.run_id, root_run_id=run.run_id
    )
    assert settle_dead_runs(instance) == 1
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert status(instance, living) is status(instance, retry) is dg.DagsterRunStatus[state]


def test_an_interrupted_process_ends_its_own_runs_and_no_others(instance, dead):
    own = begun(instance, dg.DagsterRunStatus.NOT_STARTED, **creator_tags())
    other = begun(instance, dg.DagsterRunStatus.STARTED, **{CREATOR_TAG: f"{HERE}:{dead}:{time.time():.0f}"})
    end_own_runs(instance)
    assert status(instance, own) is dg.DagsterRunStatus.FAILURE
    assert status(instance, other) is dg.DagsterRunStatus.STARTED


def test_other_runs_are_left_alone(instance, dead):
    runs = [noted(instance, os.getpid()), noted(instance, dead, host="another-machine"), begun(instance)]
    assert settle_dead_runs(instance) == 0
    assert {status(instance, run) for run in runs} == {dg.DagsterRunStatus.STARTED}


def test_a_run_notes_its_own_process(instance):
    run = begun(instance)
    note_process(instance, run)
    assert settle_dead_runs(instance) == 0
    first = instance.get_run_by_id(run.run_id).tags[PROCESS_TAG]
    note_process(instance, run)
    assert instance.get_run_by_id(run.run_id).tags[PROCESS_TAG] == first


def test_a_retry_is_not_taken_for_the_run_that_died(instance, dead):
    tag = instance.get_run_by_id(noted(instance, dead).run_id).tags[PROCESS_TAG]
    retry = begun(instance, **{PROCESS_TAG: tag})
    settle_dead_runs(instance)
    assert status(instance, retry) is dg.DagsterRunStatus.STARTED
    note_process(instance, retry)
    assert retry.run_id in instance.get_run_by_id(retry.run_id).tags[PROCESS_TAG]


def test_a_process_that_nobody_has_collected_is_dead(instance):
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    run = noted(instance, process.pid)
    assert settle_dead_runs(instance) == 1
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    process.wait()


def test_a_number_that_is_given_again_is_another_process(instance):
    noted(instance, os.getpid(), since=time.time() - 30 * 24 * 3600)
    assert settle_dead_runs(instance) == 1


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_end(instance, dead, monkeypatch):
    run = noted(instance, dead)

    def ended_meanwhile(*process):
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "nothing"), run.run_id)
        return False

    monkeypatch.setattr(module, "_alive", ended_meanwhile)
    assert settle_dead_runs(instance) == 0
    assert status(instance, run) is dg.DagsterRunStatus.SUCCESS


@pytest.mark.parametrize(("host", "expected"), [("localhost", "FAILURE"), ("another-machine", "STARTING")])
def test_a_run_killed_before_it_could_note_anything(instance, dead, host, expected):
    tags = {".dagster/grpc_info": json.dumps({"host": host, "port": 1})}
    run = begun(instance, dg.DagsterRunStatus.STARTING, **tags)
    event = EngineEventData.in_process(dead)
    instance.report_engine_event(f"Started process for run (pid: {dead}).", run, event)
    settle_dead_runs(instance)
    assert status(instance, run).value == expected


@pytest.mark.parametrize("tag", ["", "[]", "{", "[" * 100_000, "null", "not JSON"])
def test_tags_that_somebody_has_written_stop_nothing(instance, tag):
    begun(instance, **{".dagster/grpc_info": tag})
    run = begun(instance)
    instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{run.run_id}:{HERE}:{tag}:{tag}"})
    assert settle_dead_runs(instance) == 0
