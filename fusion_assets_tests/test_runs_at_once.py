"""Two `fusion run` at once, on one new storage and one new Dagster instance: neither fails the other."""

import os
import subprocess
import sys

import pytest
import yaml

from fusion_assets_tests.demo_study import demo_study

pytestmark = pytest.mark.slow
SELECTED = "sentinel2_export,sentinel2_composite,night_lights_export,night_lights_composite,fused_stack"


def test_two_runs_at_once_both_succeed_and_leave_one_whole_storage(tmp_path, catalog):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(demo_study(catalog)))
    places = {"FUSION_STUDY": "study.yaml", "FUSION_ARCHIVE": str(catalog), "FUSION_STORAGE": "data"}
    variables = {**os.environ, **places, "DAGSTER_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "fusion_assets.cli.main"]

    def begun(*arguments):
        return subprocess.Popen(
            [*command, *arguments],
            cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    processes = [begun("run", "--select", SELECTED) for _ in range(2)]
    for process in processes:
        told, _ = process.communicate(timeout=600)
        assert process.returncode == 0, told[-3000:]
    verified = begun("verify")
    told, _ = verified.communicate(timeout=300)
    assert verified.returncode == 0, told[-3000:]
    assert "different" not in told and "missing" not in told and "as made" in told
