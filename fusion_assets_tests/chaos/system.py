"""The system under test: a folder with archive, study and storage, and the processes that work in it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import requests
import yaml

import fusion_assets
from fusion_assets.demo import build_demo_archive
from fusion_assets.loopbacks.earth_engine import Buckets, storage_emulator
from fusion_assets.loopbacks.http import free_port
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.demo_study import demo_regions

YEARS = (2015, 2016)
# What a study of the whole system says, and one of a part of it, for those in a hurry.
WHOLE = {
    "label_year": 2015,
    "prediction_years": [2016],
    "products": {
        "sentinel2": "sentinel2_l2a",
        "night_lights": "viirs_monthly",
        "labels": {"product": "ghsl_smod_p2016", "allow_deprecated": True},
    },
}
LIGHTS = {"prediction_years": list(YEARS), "products": {"night_lights": "viirs_monthly"}, "features": "lights"}
# The storage emulator is not among them: it stands for Cloud Storage, which does not forget.
COMPONENTS = ("loopback", "server", "web")
VICTIMS = ("daemon", "server", "loopback", "worker", "machine")
_BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename ... on PythonError { message } }
}
"""
_RELOAD = "mutation { reloadWorkspace { __typename } }"
_ROOT = Path(fusion_assets.__file__).parents[1]


class System:
    """Archive, study, storage and Dagster home in one folder, and the processes by name."""

    def __init__(self, folder: Path, storage_address: str, choices: dict[str, Any], size_km: int) -> None:
        self.folder, self.home = folder, folder / "home"
        self.processes: dict[str, subprocess.Popen] = {}
        self._ports = {name: free_port() for name in ("loopback", "server", "web")}
        self._storage_address = storage_address
        catalog = build_demo_archive(folder.parent / "chaos-archive", size_km=size_km, seed=3, years=YEARS)
        self._catalog = str(catalog)
        study = {
            "name": "chaos",
            "regions": demo_regions(catalog),
            "resolution": 1000,
            "working_resolution": 250,
            "season": {"start": "07-01", "end": "12-31"},
            # A region this small would be fetched directly, without a task that could outlive a process.
            "earth_engine": {"way": "batch"},
            **choices,
        }
        self.home.mkdir(parents=True)
        (folder / "study.yaml").write_text(yaml.safe_dump(study))
        (self.home / "dagster.yaml").write_text(yaml.safe_dump(_settings()))
        where = {"host": "127.0.0.1", "port": self._ports["server"], "location_name": "fusion"}
        (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": where}]}))
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("FUSION", "DAGSTER", "EE_"))}
        self.environment = {
            **ours,
            **Buckets(storage_address).variables,
            "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",  # as `fusion ui` sets it
            "DAGSTER_HOME": str(self.home),
            "FUSION_STUDY": str(folder / "study.yaml"),
            "FUSION_STORAGE": str(folder / "data"),
            "FUSION_ENGINE": "earth_engine",
            "FUSION_EE_BUCKET": "exports",
            "EE_PROJECT": "demo",
            "EE_URL": f"http://127.0.0.1:{self._ports['loopback']}",
            "PYTHONPATH": str(_ROOT),
        }

    @functools.cached_property
    def partitions(self) -> dict[str, set[str]]:
        """Every partition that the study has, by asset."""
        given = {"study": str(self.folder / "study.yaml"), "storage": str(self.folder / "data")}
        definitions = build_definitions(SYSTEMS, {**given, "engine": "earth_engine"})
        return {
            asset.key.to_user_string(): set(asset.partitions_def.get_partition_keys())
            for asset in definitions.assets or ()
            if isinstance(asset, dg.AssetsDefinition) and asset.partitions_def is not None
        }

    @property
    def exports(self) -> dict[str, set[str]]:
        """Those that people ask for."""
        return {asset: keys for asset, keys in self.partitions.items() if asset.endswith("_export")}

    def start(self, name: str) -> None:
        """Start a component; it may take a while until it answers."""
        python, port = sys.executable, str(self._ports.get(name))
        workspace = ["-w", str(self.folder / "workspace.yaml")]
        loopback = ["--storage", self._storage_address, "--state", str(self.folder / "ee")]
        loopback += ["--pending", "1", "--running", "3"]
        command = {
            "loopback": ["fusion_assets.cli.main", "loopback", "earth_engine", self._catalog, *loopback],
            "server": ["dagster", "api", "grpc", "-h", "127.0.0.1", "-m", "fusion_assets_tests.chaos.location"],
            "daemon": ["dagster._daemon", "run", *workspace],
            "web": ["dagster_webserver", "-h", "127.0.0.1", *workspace],
        }[name]
        listen = ["--location-name", "fusion"] if name == "server" else []
        listen += [] if name == "daemon" else ["--port", port]
        with (self.folder / f"{name}.log").open("a") as log:
            # A session of its own: a component that dies takes nobody with it.
            self.processes[name] = subprocess.Popen(
                [python, "-m", *command, *listen],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str, choice: float) -> list[str]:
        """Kill a component, a run's worker or (`machine`) everything but the web server; returns what must be started.

        Args:
            name: one of `VICTIMS`.
            choice: 0 to 1, which worker, and when in its life.
        """
        workers = self.workers()
        if name in ("worker", "machine"):
            # Where no run is under way there is nothing to see; then some moment of the next run's life.
            end = time.monotonic() + 60
            while not workers and time.monotonic() < end:
                time.sleep(0.1)
                workers = self.workers()
            time.sleep(choice * 4)
            workers = self.workers()
        if name == "worker":
            if workers:
                _kill(workers[int(choice * len(workers)) % len(workers)])
            return []
        chosen = ["daemon", "server", "loopback"] if name == "machine" else [name]
        for component in chosen:
            self.processes[component].kill()
        for worker in workers if name == "machine" else []:
            _kill(worker)
        for component in chosen:
            self.processes[component].wait()
        return chosen

    def workers(self) -> list[int]:
        """Processes of runs, also those whose code server has died."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "environ", "status"]):
            told = process.info
            if (told["environ"] or {}).get("DAGSTER_HOME") != str(self.home):
                continue
            if any("spawn_main" in part for part in told["cmdline"] or []):
                found.append(told["pid"])
        return sorted(found)

    def ask_for(self, asset: str, partitions: Iterable[str]) -> None:
        """Launch a backfill, as a click on `Materialize` does; asked again while a component is down."""
        params = {"assetSelection": [{"path": [asset]}], "partitionNames": sorted(partitions), "fromFailure": False}
        for _ in range(600):
            with contextlib.suppress(requests.RequestException, KeyError, TypeError):
                # The web server looks for a code server that was started after it only when told to.
                self._graphql(_RELOAD)
                answer = self._graphql(_BACKFILL, params=params)
                if answer["data"]["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess":
                    return
                (self.folder / "refused.json").write_text(json.dumps(answer))
            time.sleep(0.5)
        raise RuntimeError(f"no backfill of {asset}: see {self.folder}/refused.json and web.log")

    def _graphql(self, query: str, **variables: Any) -> Any:
        url = f"http://127.0.0.1:{self._ports['web']}/graphql"
        return requests.post(url, json={"query": query, "variables": variables}, timeout=300).json()

    def operations(self) -> list[dict[str, Any]]:
        """The loopback's own list of operations."""
        url = f"{self.environment['EE_URL']}/control"
        return requests.post(url, json={"action": "operations"}, timeout=300).json()["operations"]

    def instance(self) -> dg.DagsterInstance:
        """The Dagster instance that the processes share."""
        return dg.DagsterInstance.from_config(str(self.home))

    def stop(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        for worker in self.workers():
            _kill(worker)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _settings() -> dict[str, Any]:
    """The project's own dagster.yaml, only in a hurry."""
    told = yaml.safe_load((_ROOT / "fusion_assets/orchestration/dagster.yaml").read_text())
    told["run_monitoring"] |= {"poll_interval_seconds": 5, "start_timeout_seconds": 120}
    told["run_queue"]["user_code_failure_retry_delay"] = 3
    told["concurrency"]["runs"]["max_concurrent_runs"] = 3
    return told


@contextlib.contextmanager
def running(folder: Path, choices: dict[str, Any], size_km: int) -> Iterator[System]:
    """A system with all its components started and all exports asked for."""
    folder.mkdir(parents=True)
    with storage_emulator(environment=False) as buckets:
        system = System(folder, buckets.address, choices, size_km)
        system.instance().dispose()  # two processes that create its tables at the same time disturb each other
        try:
            for name in COMPONENTS:
                system.start(name)
            for asset, keys in system.exports.items():
                system.ask_for(asset, keys)
            # Only now, since it looks for what has been asked at its start, and then every 30 seconds.
            system.start("daemon")
            yield system
        finally:
            system.stop()
