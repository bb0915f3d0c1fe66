"""The wheel behaves as the clone does: it holds everything that is no code, too."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel holds, far from the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "fusion_assets", source / "fusion_assets", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder, source]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder


def test_all_files_of_the_package_are_in_it(installed):
    here = {path.relative_to(ROOT) for path in (ROOT / "fusion_assets").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    there = {path.relative_to(installed / "site") for path in (installed / "site/fusion_assets").rglob("*")}
    assert not sorted(map(str, here - there))


def test_it_prepares_an_instance_and_looks_around(installed):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FUSION", "DAGSTER"))}
    environment = {**kept, "PYTHONPATH": str(installed / "site")}

    def fusion(*words):
        command = [sys.executable, "-m", "fusion_assets.cli.main", *words]
        return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True)

    assert fusion("--version").stdout.startswith("fusion_assets ")
    looked = fusion("status", "--select", "sentinel2_export")
    assert "missing sentinel2_export demo|2015" in looked.stdout, looked.stderr
    assert "telemetry" in (installed / ".dagster/demo/dagster.yaml").read_text()
