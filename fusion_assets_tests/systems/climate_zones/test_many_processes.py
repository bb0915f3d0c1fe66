"""Forty trainings by four processes, and by Dagster's own queue, on one Postgres: none is lost, none done twice."""

import collections
import contextlib
import re
import subprocess
import sys
import time

import dagster as dg
import psutil
import pytest
import yaml

from fusion_assets.orchestration import instance as instances
from fusion_assets_tests import postgres
from fusion_assets_tests.systems.climate_zones.zone_processes import Folder

pytestmark = pytest.mark.slow
PROCESSES = 4
TRAININGS = 40
JOB = "train_fusion"
# Each training is one step: to trace it would cost more.
UNTRACED = "from fusion_assets.learning.backend import tensorflow; tensorflow().config.run_functions_eagerly(True)"
DAEMON = "from dagster._daemon.cli import main; main()"
PATIENCE = 600


@pytest.fixture(scope="module")
def database():
    with postgres.running() as address:
        yield address


@pytest.fixture(scope="module")
def folder(tmp_path_factory, database):
    folder = Folder(tmp_path_factory.mktemp("zones"), 1, settings=["random"], stages=[0], seeds=TRAININGS)
    settings = yaml.safe_load(instances._PROJECT_FILE.read_text())
    settings["storage"] = {"postgres": {"postgres_url": database}}
    settings["concurrency"]["runs"]["max_concurrent_runs"] = PROCESSES
    (folder.path / "home").mkdir()
    (folder.path / "home/dagster.yaml").write_text(yaml.safe_dump(settings))
    code, told = folder.fusion("run", "--select", "lcz_patches,lcz_splits")
    assert code == 0, told[-3000:]
    return folder


def ended(folder):
    """How runs of the queue have ended."""
    with dg.DagsterInstance.from_config(str(folder.path / "home")) as instance:
        runs = instance.get_runs(filters=dg.RunsFilter(job_name=JOB))
    return [run.status for run in runs if run.is_finished]


def trained(folder):
    """How often each partition has been trained; nothing is under way."""
    with dg.DagsterInstance.from_config(str(folder.path / "home")) as instance:
        events = instance.fetch_materializations(dg.AssetKey("fusion_model"), limit=1000).records
        runs = instance.get_runs(filters=dg.RunsFilter(statuses=instances._BEGUN))
    assert not runs
    return collections.Counter(event.partition_key for event in events)


def test_four_processes_share_forty_trainings(folder):
    processes = [folder.begun("run", "--select", "fusion_model", before=UNTRACED) for _ in range(PROCESSES)]
    made = []
    for process in processes:
        told, _ = process.communicate(timeout=900)
        assert process.returncode == 0, told[-3000:]
        made.append(re.findall(r"^made (\S+ ?\S*) \(", told, re.MULTILINE))
    assert all(made), made
    assert collections.Counter(step for each in made for step in each).most_common(1)[0][1] == 1
    counts = trained(folder)
    assert len(counts) == TRAININGS and set(counts.values()) == {1}
    assert len(list((folder.path / "data/fusion_model").rglob("*.keras"))) == TRAININGS
    assert not [path for path in (folder.path / "data/zone_states").rglob("*") if path.is_file()]


def test_a_backfill_gives_every_training_to_one_process_of_the_queue(folder):
    wanted = [f"random.all.0|{seed}" for seed in range(4)]
    before = trained(folder)

    def begun(*words):
        target = ["-m", "fusion_assets.definitions"]
        return subprocess.Popen([sys.executable, *words, *target], cwd=folder.path, env=folder.variables())

    asked = begun("-m", "dagster", "job", "backfill", "-j", JOB, "--partitions", ",".join(wanted), "--noprompt")
    assert asked.wait(PATIENCE) == 0
    daemon = begun("-c", DAEMON, "run")
    try:
        end = time.monotonic() + PATIENCE
        while len(ended(folder)) < len(wanted):
            assert time.monotonic() < end and daemon.poll() is None
            time.sleep(1)
    finally:
        # Its code server would stay.
        below = psutil.Process(daemon.pid).children(recursive=True)
        daemon.terminate()
        daemon.wait(PATIENCE)
        for process in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    assert set(ended(folder)) == {dg.DagsterRunStatus.SUCCESS}
    assert trained(folder) - before == collections.Counter(wanted)
