"""The project-local Dagster instance: where it lies, what is in its dagster.yaml, and how it is opened."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.instance_databases import broken, check_databases, repair_databases

PROCESS_TAG = "fusion/process"
CREATOR_TAG = "fusion/creator"
# Dagster's own note of the code server that launched a run.
_SERVER_TAG = ".dagster/grpc_info"
_HERE = ("localhost", "127.0.0.1", "::1")
# The times of processes move with corrections of the clock.
_CLOCK_STEP_SECONDS = 60

_PROJECT_FILE = Path(__file__).with_name("dagster.yaml")


def home_of(study_name: str) -> Path:
    """DAGSTER_HOME, or `.dagster/<study>` where that is not set."""
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else Path(".dagster") / study_name
    return home.expanduser().absolute()


def prepare_home(study_name: str) -> Path:
    """Set DAGSTER_HOME to `.dagster/<study>` unless it is set already, and give it the project's dagster.yaml.

    One study has one instance: partitions and records of two studies never meet. `fusion run` and the web UI share it.
    """
    home = home_of(study_name)
    try:
        home.mkdir(parents=True, exist_ok=True)
        settings = home / "dagster.yaml"
        if not settings.exists():
            # Whole or not there: others may be starting, and this process may be stopped.
            half = home / f".dagster.yaml.{socket.gethostname()}.{os.getpid()}"
            if _PROJECT_FILE.exists():
                shutil.copyfile(_PROJECT_FILE, half)
            else:
                half.write_text("telemetry:\n  enabled: false\n")
            half.replace(settings)
    except OSError as error:
        raise _unusable(home, error) from None
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@dataclass(frozen=True)
class Patience:
    """How long a process waits for another one to open the instance, which takes a few seconds at most.

    Attributes:
        silent: seconds until it says what it waits for.
        longest: seconds more until it gives up.
    """

    silent: float = 3
    longest: float = 120


@contextmanager
def opened_instance(home: Path, patience: Patience = Patience()) -> Iterator[dg.DagsterInstance]:
    """The instance that a prepared home holds; processes that start together open it one after the other.

    Raises:
        FusionError: a database of it is not whole, or Dagster cannot open it.
    """
    with alone(home, patience):
        check_databases(home)
        instance = _opened(home)
    try:
        with instance:
            yield instance
    except FusionError:
        raise
    except Exception as error:
        if told := broken(home, error):
            raise told from None
        raise


def _opened(home: Path) -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.from_config(str(home))
    except Exception as error:  # of Dagster, YAML, SQLAlchemy or a driver
        raise FusionError(
            f"the Dagster instance {home} cannot be opened ({type(error).__name__}): {str(error).strip()}",
            "a valid dagster.yaml, and databases that this version of Dagster can use",
            f"correct {home / 'dagster.yaml'}, or set DAGSTER_HOME to a new directory",
        ) from error


def check_instance(study_name: str) -> str:
    """What `fusion doctor` says of a study's instance; half-made databases are completed.

    Raises:
        FusionError: it cannot be repaired; says what to do.
    """
    home = home_of(study_name)
    nearest = next(place for place in (home, *home.parents) if place.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise _unusable(home, OSError(f"{nearest} is no directory that can be written"))
    if nearest != home:
        return f"none at {home} yet; `fusion run` makes one"
    with alone(home):
        repaired = repair_databases(home)
        count = check_databases(home)
        if (home / "dagster.yaml").exists():
            _opened(home).dispose()
    return "; ".join([f"{home}: {number_of(count, 'database')}, all whole", *repaired])


@contextmanager
def alone(home: Path, patience: Patience = Patience()) -> Iterator[None]:
    """Keep other processes of this package from opening an instance; the lock of a process that dies is released."""
    from filelock import FileLock, Timeout

    lock = FileLock(home / "opening.lock")
    try:
        try:
            lock.acquire(timeout=patience.silent)
        except Timeout:
            print(f"waiting for another process, which is opening the Dagster instance {home}", file=sys.stderr)
            lock.acquire(timeout=patience.longest)
    except Timeout:
        raise FusionError(
            f"another process has been opening the Dagster instance {home} for {patience.longest:g} s",
            "a few seconds at most",
            "end that process (another `fusion run`, `demo`, `ui` or `doctor` that is stuck), then start again",
        ) from None
    except (OSError, NotImplementedError) as error:
        raise _unusable(home / "opening.lock", error) from None
    try:
        yield
    finally:
        lock.release()


def _unusable(home: Path, error: Exception) -> FusionError:
    return FusionError(
        f"the Dagster instance cannot be kept in {home}: {getattr(error, 'strerror', None) or error}",
        "a directory that can be written",
        "set DAGSTER_HOME to one, or start from a directory that you may write to",
    )


def note_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Write on a run which process it is in, so that a later one can tell when that process has died."""
    current = instance.get_run_by_id(run.run_id)
    # A retry inherits the tags of the run that died.
    if current is not None and not current.tags.get(PROCESS_TAG, "").startswith(run.run_id):
        place = f"{run.run_id}:{socket.gethostname()}:{os.getpid()}:{time.time():.0f}"
        instance.add_run_tags(run.run_id, {PROCESS_TAG: place})


def creator_tags() -> dict[str, str]:
    """Tags of a run that this process creates and works off itself: before it notes anything, it may be killed."""
    return {CREATOR_TAG: f"{socket.gethostname()}:{os.getpid()}:{time.time():.0f}"}


_BEGUN = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def end_own_runs(instance: dg.DagsterInstance) -> None:
    """Mark what this process works off itself, and has not ended, as failed: it is being interrupted."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_BEGUN)):
        created = _created(run)
        if created is not None and created[0] == os.getpid():
            instance.report_run_failed(run, "interrupted")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def settle_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs as failed whose process on this machine has died; returns how many.

    A killed process cannot say that its run has ended, and Dagster would count it as under way for ever: it takes up
    the queue, and sensor and automation wait for it.
    """
    settled = 0
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_BEGUN)):
        process, since = _noted(run) or _launched(instance, run) or _created(run) or (0, 0.0)
        if not process or _alive(process, since):
            continue
        # Looked at again: the run may have ended just before its process did.
        current = instance.get_run_by_id(run.run_id)
        if current is not None and current.status in _BEGUN:
            instance.report_run_failed(current, f"its process {process} on {socket.gethostname()} has died")
            # What it held of a pool, others would wait for as long as no daemon runs.
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            settled += 1
    return settled


def _noted(run: dg.DagsterRun) -> tuple[int, float] | None:
    """Process of a run on this machine and when it was there, as `note_process` wrote it."""
    run_id, _, place = run.tags.get(PROCESS_TAG, "").partition(":")
    return _process_of(place) if run_id == run.run_id else None


def _created(run: dg.DagsterRun) -> tuple[int, float] | None:
    """The same of a run that its creator works off itself, as `creator_tags` say; a retry inherits these."""
    return _process_of(run.tags.get(CREATOR_TAG, "")) if run.parent_run_id is None else None


def _process_of(place: str) -> tuple[int, float] | None:
    """Process and time of `host:process:seconds` on this machine."""
    rest, _, since = place.rpartition(":")
    host, _, process = rest.rpartition(":")
    if host != socket.gethostname():
        return None
    with contextlib.suppress(ValueError):  # whoever starts a run may tag it with anything
        return int(process), float(since)
    return None


def _launched(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """The same as Dagster's own events tell it, for a run that a code server on this machine has just launched."""
    server: Any = {}
    with contextlib.suppress(ValueError, RecursionError):
        server = json.loads(run.tags.get(_SERVER_TAG, "{}"))
    if not isinstance(server, dict):
        return None
    if run.tags.get(PROCESS_TAG, "").startswith(run.run_id) or server.get("host") not in _HERE:
        return None
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        metadata = entry.dagster_event.engine_event_data.metadata if entry.dagster_event else {}
        if "pid" in metadata and (entry.message or "").startswith("Started process for run"):
            return int(str(metadata["pid"].value)), entry.timestamp
    return None


def _alive(process: int, since: float) -> bool:
    """Whether a process is still the one that was there at `since`, seconds since 1970.

    After a restart of a container the same numbers are given again.
    """
    import psutil

    try:
        running = psutil.Process(process)
        # Where nobody collects the dead, as in many containers, they stay as zombies.
        return running.status() != psutil.STATUS_ZOMBIE and running.create_time() < since + _CLOCK_STEP_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
