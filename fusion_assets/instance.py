"""The project-local Dagster instance: where it lies and what is in its dagster.yaml."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from pathlib import Path

import dagster as dg

from fusion_assets.errors import FusionError

PROCESS_TAG = "fusion/process"
# Dagster's own note of the code server that launched a run.
_SERVER_TAG = ".dagster/grpc_info"
_HERE = ("localhost", "127.0.0.1", "::1")
# The times of processes move with corrections of the clock.
_CLOCK_STEP_SECONDS = 60

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
    # A retry inherits the tags of the run that died.
    if current is not None and not current.tags.get(PROCESS_TAG, "").startswith(run.run_id):
        place = f"{run.run_id}:{socket.gethostname()}:{os.getpid()}:{time.time():.0f}"
        instance.add_run_tags(run.run_id, {PROCESS_TAG: place})


def settle_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs as failed whose process on this machine has died; returns how many.

    A killed process cannot say that its run has ended, and Dagster would count it as under way for ever: it takes up
    the queue, and sensor and automation wait for it.
    """
    settled = 0
    begun = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=begun)):
        process, since = _noted(run) or _launched(instance, run) or (0, 0.0)
        if not process or _alive(process, since):
            continue
        # Looked at again: the run may have ended just before its process did.
        current = instance.get_run_by_id(run.run_id)
        if current is not None and current.status in begun:
            instance.report_run_failed(current, f"its process {process} on {socket.gethostname()} has died")
            settled += 1
    return settled


def _noted(run: dg.DagsterRun) -> tuple[int, float] | None:
    """Process of a run on this machine and when it was there, as `note_process` wrote it."""
    run_id, _, rest = run.tags.get(PROCESS_TAG, "").partition(":")
    place, _, since = rest.rpartition(":")
    host, _, process = place.rpartition(":")
    return (int(process), float(since)) if run_id == run.run_id and host == socket.gethostname() else None


def _launched(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """The same as Dagster's own events tell it, for a run that a code server on this machine has just launched."""
    server = json.loads(run.tags.get(_SERVER_TAG, "{}"))
    if run.tags.get(PROCESS_TAG, "").startswith(run.run_id) or server.get("host") not in _HERE:
        return None
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        told = entry.dagster_event.engine_event_data.metadata if entry.dagster_event else {}
        if "pid" in told and (entry.message or "").startswith("Started process for run"):
            return int(str(told["pid"].value)), entry.timestamp
    return None


def _alive(process: int, since: float) -> bool:
    """Whether a process is still the one that was there at `since`, seconds since 1970.

    After a restart of a container the same numbers are given again.
    """
    import psutil

    try:
        found = psutil.Process(process)
        # Where nobody collects the dead, as in many containers, they stay as zombies.
        return found.status() != psutil.STATUS_ZOMBIE and found.create_time() < since + _CLOCK_STEP_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
