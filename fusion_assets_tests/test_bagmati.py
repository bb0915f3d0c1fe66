"""The study `bagmati` on the loopback Earth Engine, over a demo archive that lies at Bagmati.

Once from the command line, pixels asked for directly; once from the web UI, where the three exports are asked for as
its pages do, tasks write to a bucket, and nothing else is touched until the maps are there. The square is small,
the years are few and the working pixels are the archive's own, which saves time; all else is as
`studies/bagmati.yaml` says.
"""

import json
import os
import subprocess
import sys
import time
from importlib.resources import files

import dagster as dg
import numpy as np
import pytest
import rasterio
import yaml

from fusion_assets.demo import build_demo_archive
from fusion_assets.loopbacks.earth_engine import EarthEngineService, storage_emulator
from fusion_assets.loopbacks.http import free_port
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets_tests.web import PATIENCE_SECONDS, served

pytestmark = pytest.mark.slow

SIZE_KM, YEARS = 24, (2016, 2019)
EXPORTS = ("sentinel2_export", "night_lights_export", "ghsl_export")
PIXELS = ("sentinel2_composite", "night_lights_composite", "ghsl_labels")
MADE_FROM_THEM = ("fused_stack", "training_samples", "built_up_model", "model_evaluation", "built_up_prediction")
ASSETS = (*EXPORTS, *PIXELS, *MADE_FROM_THEM)
PROGRESS = """
query {
  assetNodes { assetKey { path } partitionStats { numMaterialized numPartitions numFailed } }
  runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) { ... on Runs { results { runId } } }
}
"""


@pytest.fixture(scope="module")
def earth_engine(tmp_path_factory):
    """A running loopback with a bucket."""
    folder = tmp_path_factory.mktemp("bagmati")
    place = {"place": (85.4, 27.85), "size_km": SIZE_KM, "years": (2015, *YEARS), "level": "l1c", "name": "bagmati"}
    catalog = build_demo_archive(folder / "archive", **place)
    area = json.loads((folder / "archive" / "aoi.geojson").read_text())["geometry"]
    feature = {"type": "Feature", "properties": {"ADM2_NAME": "Bagmati"}, "geometry": area}
    tables = {"FAO/GAUL/2015/level2": {"type": "FeatureCollection", "features": [feature]}}
    with storage_emulator() as buckets, EarthEngineService(catalog, buckets, tables=tables) as service:
        yield service


def project(folder, service, changes, **environment):
    """Write the study with some changes; the environment in which its command line talks to the loopback."""
    study = yaml.safe_load((files("fusion_assets") / "studies" / "bagmati.yaml").read_text())
    (folder / "study.yaml").write_text(yaml.safe_dump({**study, "working_resolution": 250, **changes}))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FUSION", "DAGSTER", "EE_"))}
    return kept | {
        "DAGSTER_HOME": str(folder / "home"),
        "EE_PROJECT": "demo",
        "EE_URL": service.url,
        "FUSION_ENGINE": "earth_engine",
        "FUSION_STORAGE": str(folder / "data"),
        "FUSION_STUDY": str(folder / "study.yaml"),
        **environment,
    }


def assert_mapped(folder, years):
    """Every map says yes and no somewhere, and the evaluation beats the majority answer."""
    data = folder / "data"
    for year in years:
        with rasterio.open(data / "built_up_prediction" / "bagmati" / f"{year}~built_up.tif") as file:
            built = file.read(1)
        assert {0, 1} <= set(np.unique(built)), year
    told = json.loads((data / "model_evaluation" / "bagmati" / "2015.json").read_text())
    assert told["model"]["mcc"] > 0.3, told


def test_from_the_command_line_without_a_bucket(earth_engine, tmp_path):
    command = [sys.executable, "-m", "fusion_assets.cli.main", "run"]
    environment = project(tmp_path, earth_engine, {"prediction_years": list(YEARS)})
    tasks = len(earth_engine.operations.all())
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_mapped(tmp_path, YEARS)
    assert len(earth_engine.operations.all()) == tasks, "no task is needed"


def test_exports_asked_for_in_the_web_ui_become_maps_with_no_further_hand(earth_engine, tmp_path):
    earth_engine.operations.pending_seconds = earth_engine.operations.running_seconds = 1
    port = free_port()
    command = [sys.executable, "-m", "fusion_assets.cli.main", "ui", "--port", str(port)]
    # One year and no limit of runs: every run is a process that starts with Dagster's imports.
    changes = {"prediction_years": [2016], "earth_engine": {"way": "batch"}}
    environment = project(tmp_path, earth_engine, changes, FUSION_EE_BUCKET="exports")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with served(command, port, tmp_path, environment) as server:
        server.materialize(["ghsl_export"], "bagmati", 2015)
        for year in (2015, 2016):
            server.materialize(["sentinel2_export", "night_lights_export"], "bagmati", year)
        partitions = wait_for_maps(server)
    assert_mapped(tmp_path, [2016])
    assert_each_once(tmp_path / "home", partitions, earth_engine)


def wait_for_maps(server):
    """Look every second until everything is made and no run is left; returns the number of partitions by asset."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = server.ask(PROGRESS)
        nodes = {node["assetKey"]["path"][0]: node["partitionStats"] for node in found["assetNodes"]}
        stats = {asset: nodes[asset] for asset in ASSETS}
        complete = all(one["numMaterialized"] == one["numPartitions"] for one in stats.values())
        if complete and not found["runsOrError"]["results"]:
            return {name: one["numPartitions"] for name, one in stats.items()}
        assert not any(one["numFailed"] for one in stats.values()), stats
        assert time.monotonic() < end, stats
        time.sleep(1)


def assert_each_once(home, partitions, service):
    """Every artifact was made once, pixels from the operation that their ticket names, by one task each."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = {asset: events(instance, asset) for asset in ASSETS}
    for asset, found in made.items():
        assert len({event.partition for event in found}) == len(found) == partitions[asset], asset
    operations = []
    for ticket, pixels in zip(EXPORTS, PIXELS, strict=True):
        named, used = (
            {event.partition: event.metadata[OPERATION_METADATA].value for event in made[asset]}
            for asset in (ticket, pixels)
        )
        assert named == used
        operations += named.values()
    assert sorted(operation.description.split(":")[3] for operation in service.operations.all()) == sorted(operations)


def events(instance, asset):
    """All materializations of an asset."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
    return [record.asset_materialization for record in records]
