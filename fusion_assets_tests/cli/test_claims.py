"""Steps that several processes want to make: one of them does, and the others go on with something else."""

import subprocess
import sys

import dagster as dg
import pytest

from fusion_assets.cli import runner
from fusion_assets.cli.claims import claimed
from fusion_assets.cli.runner import run_steps
from fusion_assets.cli.steps import plan
from fusion_assets.errors import FusionError
from fusion_assets_tests.orchestration.test_dimensions import Small

HOLD = """
import sys
from pathlib import Path
from filelock import FileLock
[path] = (Path(sys.argv[1]) / "claims").iterdir()
with FileLock(path):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def trainings(small):
    return plan(small.definitions, small.study, select="training")


def run(small, instance, steps, waiting=lambda step: None):
    answers = run_steps(small.definitions, instance, small.site.managers, steps, lambda *place: None, waiting=waiting)
    return [(outcome.step.name, outcome.state) for outcome in answers]


def test_a_claim_ends_with_its_process(tmp_path, trainings):
    with claimed(tmp_path, trainings[0]) as ours:
        assert ours
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=pipe, stdout=pipe, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with claimed(tmp_path, trainings[0]) as ours, claimed(tmp_path, trainings[1]) as other:
            assert not ours and other
    finally:
        holder.kill()
        holder.wait()
    with claimed(tmp_path, trainings[0]) as ours:
        assert ours


def test_what_another_process_makes_is_left_to_it_and_waited_for(small, instance, trainings, monkeypatch):
    monkeypatch.setattr(runner, "_LOOK_SECONDS", 0)
    first, *_ = trainings
    steps = plan(small.definitions, small.study, select="training,scores")
    held, waits = claimed(instance.root_directory, first), []
    assert held.__enter__()

    def elsewhere(step):
        """The other process makes it, and lets go."""
        waits.append(step.name)
        job = small.definitions.resolve_implicit_global_asset_job_def()
        job.execute_in_process(asset_selection=[first.asset.key], partition_key=first.partition, instance=instance)
        held.__exit__(None, None, None)

    told = run(small, instance, steps, elsewhere)
    assert waits == [first.name]
    assert dict(told)[first.name] == "fresh" and {state for name, state in told if name != first.name} == {"made"}
    # What rests on it comes after it, all else before.
    assert [name for name, _ in told][-2:] == [first.name, "scores all.0"] and len(told) == len(steps)
    assert len(instance.get_runs()) == len(steps)


def test_what_another_process_left_undone_is_made_here(small, instance, trainings, monkeypatch):
    monkeypatch.setattr(runner, "_LOOK_SECONDS", 0)
    held = claimed(instance.root_directory, trainings[0])
    assert held.__enter__()
    told = run(small, instance, trainings, lambda step: held.__exit__(None, None, None))
    assert told[-1] == (trainings[0].name, "made") and len(told) == len(trainings)


def test_a_home_that_cannot_be_written_is_named(tmp_path, trainings):
    (tmp_path / "claims").touch()
    with pytest.raises(FusionError, match="set DAGSTER_HOME"), claimed(tmp_path, trainings[0]):
        pass
