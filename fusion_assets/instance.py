"""The project-local Dagster instance: where it lies and what is in its dagster.yaml."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import dagster as dg

from fusion_assets.errors import FusionError

PROCESS_TAG = "fusion/process"

_PROJECT_FILE = Path(__file__).parent.parent / "dagster.yaml"


def prepare_home(study_name: str) -> Path:
    """Set DAGSTER_HOME to `.dagster/<study>` unless it is set already, and give it the project's dagster.yaml.

    One study has one instance: partitions and records of two studies never meet. `fusion run` and the web UI share it.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else Path(".dagster") / study_name
    home = home.expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        settings = home / "dagster.yaml"
        if not settings.exists():
            if _PROJECT_FILE.exists():
                shutil.copyfile(_PROJECT_FILE, settings)
            else:
                settings.write_text("telemetry:\n  enabled: false\n")
    except OSError as error:
        raise FusionError(
            f"the Dagster instance cannot be kept in {home}: {error.strerror or error}",
            "a directory that can be written",
            "set DAGSTER_HOME to one, or start from a directory that you may write to",
        ) from None
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def note_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Write on a run which process it is in, so that a later one can tell when that process has died."""
    current = instance.get_run_by_id(run.run_id)
    if current is not None and PROCESS_TAG not in current.tags:
        instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}"})


def settle_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs as failed whose process on this machine has died; returns how many.

    A killed process cannot say that its run has ended, and Dagster would count it as under way for ever: it takes up
    the queue, and sensor and automation wait for it.
    """
    settled = 0
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        host, _, process = run.tags.get(PROCESS_TAG, "").rpartition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            instance.report_run_failed(run, f"its process {process} on {host} has died")
            settled += 1
    return settled


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
