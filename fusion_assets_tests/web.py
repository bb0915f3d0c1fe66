"""A real web server in a process of its own, asked through its GraphQL API as the pages ask it."""

import contextlib
import os
import signal
import subprocess
import time

import requests

# Of whoever waits for what ends by itself: long enough for a machine that does much else.
PATIENCE_SECONDS = 1800
_REPOSITORY = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
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


class Server:
    """Answers at `url`; what it says of itself goes to `log`."""

    def __init__(self, url, process, log):
        self.url, self.process, self.log = url, process, log

    def wait(self):
        """Wait until it answers, however busy the machine is."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                return self.ask("{ version }")
            time.sleep(0.25)
        raise AssertionError(self.log.read_text())

    def ask(self, query, **variables):
        """Data of a GraphQL answer."""
        answer = requests.post(self.url, json={"query": query, "variables": variables}, timeout=PATIENCE_SECONDS).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def materialize(self, assets, region, year):
        """Launch one partition of some assets, as the button Materialize does; returns the run's id."""
        launched = self.ask(LAUNCH, params=self.parameters(assets, region, year))["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def parameters(self, assets, region, year):
        """What `LAUNCH` is told to launch one partition of some assets."""
        (repository,) = self.ask(_REPOSITORY)["repositoriesOrError"]["nodes"]
        selector = {
            "repositoryName": repository["name"],
            "repositoryLocationName": repository["location"]["name"],
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [name]} for name in assets],
            "assetCheckSelection": [],
        }
        named = {"": f"{region}|{year}", "/region": region, "/year": str(year)}
        tags = [{"key": f"dagster/partition{dimension}", "value": value} for dimension, value in named.items()]
        return {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}, "runConfigData": {}}


@contextlib.contextmanager
def served(command, port, folder, environment):
    """Run a command that serves on a port of 127.0.0.1; it and all that it has started end afterwards."""
    log = folder / "log"
    with open(log, "w") as file:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=file, stderr=file, start_new_session=True
        )
    try:
        server = Server(f"http://127.0.0.1:{port}/graphql", process, log)
        server.wait()
        yield server
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        # Code servers, the daemon and workers of runs are in its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
