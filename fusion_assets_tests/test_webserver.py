"""The real web server: a partition is launched through its GraphQL API, as a click does, and succeeds."""

import os
import sys
import time

import pytest

from fusion_assets.loopbacks.http import free_port
from fusion_assets_tests.web import PATIENCE_SECONDS, served

pytestmark = pytest.mark.slow

STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
ASSETS = """
query {
  assetNodes {
    assetKey { path } description groupName hasAssetChecks
    owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
    internalFreshnessPolicy { __typename }
    metadataEntries { label ... on CodeReferencesMetadataEntry {
      codeReferences { ... on LocalFileCodeReference { filePath label } } } }
    partitionStats { numMaterialized numPartitions }
  }
}
"""


@pytest.fixture
def server(catalog, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    # Runs are started by the server itself, so that the test needs no daemon.
    (home / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\nrun_coordinator:\n"
        "  module: dagster._core.run_coordinator\n  class: DefaultRunCoordinator\n"
    )
    port = free_port()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "FUSION_STUDY": "demo",
        "FUSION_ARCHIVE": str(catalog),
        "FUSION_STORAGE": str(tmp_path / "data"),
    }
    command = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
    with served([*command, "-m", "fusion_assets.definitions"], port, tmp_path, environment) as server:
        yield server


def test_a_partition_launched_through_the_api_succeeds(server, tmp_path):
    before = server.ask(ASSETS)
    nodes = {node["assetKey"]["path"][0]: node for node in before["assetNodes"]}
    assert nodes["sentinel2_export"]["description"] and nodes["fused_stack"]["groupName"] == "built_up"
    assert nodes["sentinel2_composite"]["hasAssetChecks"]
    assert nodes["built_up_model"]["owners"] == [{"team": "settlement maps"}]
    assert nodes["fused_stack"]["internalFreshnessPolicy"] and not nodes["built_up_model"]["internalFreshnessPolicy"]
    (entry,) = nodes["fused_stack"]["metadataEntries"]
    assert entry["codeReferences"][0]["label"] == "systems/built_up/defs/maps.py"
    assert os.path.isfile(entry["codeReferences"][0]["filePath"])
    run = server.materialize(["sentinel2_export"], "demo", 2015)
    end = time.monotonic() + PATIENCE_SECONDS
    while (status := server.ask(STATUS, id=run)["runOrError"]["status"]) not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < end, status
        time.sleep(0.25)
    assert status == "SUCCESS"
    assert (tmp_path / "data" / "sentinel2_export" / "demo" / "2015.json").is_file()
    after = {node["assetKey"]["path"][0]: node for node in server.ask(ASSETS)["assetNodes"]}
    assert after["sentinel2_export"]["partitionStats"] == {"numMaterialized": 1, "numPartitions": 5}
