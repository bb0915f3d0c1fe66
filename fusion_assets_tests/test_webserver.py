"""The real web server: a partition is launched through its GraphQL API, as a click does, and succeeds."""

import contextlib
import os
import socket
import subprocess
import sys
import time

import pytest
import requests

from fusion_assets.imagery.demo import build_demo_archive

LAUNCH = """
mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on InvalidSubsetError { message }
  }
}
"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
ASSETS = """
query {
  repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } }
  assetNodes {
    assetKey { path } description groupName hasAssetChecks
    partitionStats { numMaterialized numPartitions }
  }
}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    catalog = build_demo_archive(tmp_path / "archive", size_km=12, years=[2015])
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
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [*command, "-m", "fusion_assets.definitions"], env=environment, cwd=tmp_path, stdout=log, stderr=log
        )
        try:
            yield Server(f"http://127.0.0.1:{port}/graphql", process, tmp_path)
        finally:
            process.terminate()
            process.wait(20)


class Server:
    def __init__(self, url, process, folder):
        self.url, self.process, self.folder = url, process, folder
        for _ in range(240):
            with contextlib.suppress(requests.ConnectionError):
                self.ask("{ version }")
                return
            if process.poll() is not None:
                break
            time.sleep(0.25)
        raise AssertionError((folder / "log").read_text())

    def ask(self, query, **variables):
        answer = requests.post(self.url, json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]


def test_a_partition_launched_through_the_api_succeeds(server):
    before = server.ask(ASSETS)
    nodes = {node["assetKey"]["path"][0]: node for node in before["assetNodes"]}
    assert nodes["sentinel2_export"]["description"] and nodes["fused_stack"]["groupName"] == "built_up"
    assert nodes["sentinel2_composite"]["hasAssetChecks"]
    (repository,) = before["repositoriesOrError"]["nodes"]
    selector = {
        "repositoryName": repository["name"],
        "repositoryLocationName": repository["location"]["name"],
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": ["sentinel2_export"]}],
        "assetCheckSelection": [],
    }
    tags = [
        {"key": "dagster/partition", "value": "demo|2015"},
        {"key": "dagster/partition/region", "value": "demo"},
        {"key": "dagster/partition/year", "value": "2015"},
    ]
    params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}, "runConfigData": {}}
    launched = server.ask(LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    status = ""
    for _ in range(240):
        status = server.ask(STATUS, id=launched["run"]["runId"])["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            break
        time.sleep(0.25)
    assert status == "SUCCESS"
    assert (server.folder / "data" / "sentinel2_export" / "demo" / "2015.json").is_file()
    after = {node["assetKey"]["path"][0]: node for node in server.ask(ASSETS)["assetNodes"]}
    assert after["sentinel2_export"]["partitionStats"] == {"numMaterialized": 1, "numPartitions": 5}
