"""`fusion run`, interrupted at random moments again and again; what is left must be what a run in peace leaves.

What does not belong here: kills of the parts of a running system (`system.py`).
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import rasterio
import yaml

import fusion_assets
from fusion_assets.demo import build_demo_archive
from fusion_assets_tests.chaos import verdict
from fusion_assets_tests.chaos.system import WHOLE
from fusion_assets_tests.demo_study import demo_study

LIMIT_SECONDS = 20
# What was being placed at the signal may still arrive.
_PLACING_SECONDS = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ROOT = Path(fusion_assets.__file__).parents[1]


class Study:
    """A study in a folder of its own, and runs of it."""

    def __init__(self, folder: Path, choices: dict[str, Any], size_km: int) -> None:
        self.folder = folder
        self.data, self.home = folder / "data", folder / "home"
        folder.mkdir(parents=True)
        catalog = build_demo_archive(folder.parent / "chaos-archive", size_km=size_km, seed=3, years=(2015, 2016))
        (folder / "study.yaml").write_text(yaml.safe_dump({**demo_study(catalog), "label_year": None, **choices}))
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("FUSION", "DAGSTER", "EE_"))}
        self.environment = {
            **ours,
            "DAGSTER_HOME": str(self.home),
            "FUSION_STUDY": str(folder / "study.yaml"),
            "FUSION_ARCHIVE": str(catalog),
            "FUSION_STORAGE": str(self.data),
            "PYTHONPATH": str(_ROOT),
        }

    def start(self) -> subprocess.Popen:
        """`fusion run`; what it prints is in `log`."""
        command = [sys.executable, "-m", "fusion_assets.cli.main", "run"]
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=log, stderr=log)

    def processes(self) -> list[int]:
        """Processes of runs that are still there."""
        found = []
        for process in psutil.process_iter(["pid", "environ", "status"]):
            ours = (process.info["environ"] or {}).get("FUSION_STORAGE") == str(self.data)
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.info["pid"])
        return found

    def files(self) -> Iterator[Path]:
        """Artifacts: neither hidden files nor the engine's own list."""
        for path in self.data.rglob("*"):
            if path.is_file() and not path.name.startswith(".") and "_operations" not in path.parts:
                yield path

    def content(self) -> dict[str, str]:
        """What every artifact says, by its path; tickets also tell when they were asked for, and are left out."""
        return {
            str(path.relative_to(self.data)): _digest(path)
            for path in self.files()
            if not path.relative_to(self.data).parts[0].endswith("_export")
        }

    def recorded(self) -> Counter[tuple[str, str]]:
        """How often each (asset, partition) was made, as Dagster has it."""
        counted: Counter[tuple[str, str]] = Counter()
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            for key in instance.all_asset_keys():
                for record in instance.fetch_materializations(key, limit=10_000).records:
                    counted[key.to_user_string(), str(record.partition_key)] += 1
        return counted

    def under_way(self) -> list[str]:
        """Runs that Dagster takes for unfinished."""
        if not (self.home / "dagster.yaml").exists():
            return []
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return [f"run {run.run_id} is {run.status.value}" for run in verdict.under_way(instance)]

    def forget(self) -> None:
        """As if nothing had ever been run."""
        for place in (self.data, self.home):
            shutil.rmtree(place, ignore_errors=True)


def _digest(path: Path) -> str:
    if path.suffix == ".tif":
        with rasterio.open(path) as raster:
            digest = raster.tags().get("FUSION_CONTENT_DIGEST")
        if digest:
            return digest
    return hashlib.sha256(path.read_bytes()).hexdigest()


def interrupt(study: Study, after: float, number: signal.Signals) -> tuple[list[str], str]:
    """Start a run and interrupt it; returns what was wrong, and how it went.

    Args:
        study: to run.
        after: seconds until the signal; a run that ends before gets none.
        number: of the signal.
    """
    process = study.start()
    try:
        process.wait(after)
        return [] if process.returncode == 0 else [f"exit {process.returncode} without a signal"], "done"
    except subprocess.TimeoutExpired:
        pass
    told, when = time.monotonic(), time.time()
    process.send_signal(number)
    wrong = []
    try:
        process.wait(3 * LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        wrong.append("did not end")
    took = time.monotonic() - told
    # Where the interpreter has not yet come to the command line, the signal itself ends it.
    if process.returncode not in (128 + number, -number):
        wrong.append(f"exit {process.returncode}")
    if took > LIMIT_SECONDS:
        wrong.append(f"ended after {took:.0f} s")
    wrong += [f"process {pid} is left" for pid in study.processes()]
    late = [path for path in study.files() if path.stat().st_ctime > when + _PLACING_SECONDS]
    wrong += [f"made after the signal: {path.relative_to(study.data)}" for path in late]
    wrong += study.under_way()
    wrong += [line for line in verdict.broken_files(study.data) if not line.startswith("left behind")]
    return wrong, f"{number.name} after {after:.1f} s: ended in {took:.1f} s with {process.returncode}"


def run(folder: Path, seed: int, count: int, choices: dict[str, Any] = WHOLE, size_km: int = 45) -> list[str]:
    """Interrupt runs of a study in `folder`, new; returns what was wrong.

    Args:
        folder: the archive is made beside it, unless it is there.
        seed: of signals and moments.
        count: how many signals.
        choices: of the study, beside those of `demo_study`.
        size_km: edge of the region.
    """
    dice = random.Random(seed)
    study = Study(folder, choices, size_km)
    wrong: list[str] = []
    begun = time.monotonic()
    if study.start().wait() != 0:
        return [(folder / "log").read_text()]
    clean, span = study.content(), time.monotonic() - begun
    study.forget()
    interrupts = 0
    while interrupts < count:
        found, how = interrupt(study, dice.uniform(0.1, span), dice.choice(_SIGNALS))
        interrupts += how != "done"
        if how == "done":
            found += _compared(study, clean)
            study.forget()
        _say(folder, f"{how}{': ' if found else ''}{'; '.join(found)}")
        wrong += [f"{how}: {line}" for line in found]
    if study.start().wait() != 0:
        wrong.append("the last run failed")
    return wrong + _compared(study, clean)


def _compared(study: Study, clean: dict[str, str]) -> list[str]:
    """How a finished study differs from one that was run in peace."""
    made = study.content()
    names = sorted(made.keys() | clean.keys())
    wrong = [
        f"{name} is {made.get(name)}, not {clean.get(name)}" for name in names if made.get(name) != clean.get(name)
    ]
    wrong += [f"{asset} {place} was made {n} times" for (asset, place), n in study.recorded().items() if n != 1]
    return wrong + study.under_way() + verdict.broken_files(study.data)


def _say(folder: Path, text: str) -> None:
    with (folder / "schedule.log").open("a") as log:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=log)
