"""Data of PROJ that belong to another program: found out before anything is made."""

import os
import subprocess
import sys

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.grids import projections
from fusion_assets.grids.projections import check_projections
from fusion_assets.orchestration.resources import EngineResource


@pytest.fixture(autouse=True)
def fresh():
    check_projections.cache_clear()
    yield
    check_projections.cache_clear()


def fusion(command, folder, **variables):
    arguments = [sys.executable, "-m", "fusion_assets.cli.main", command]
    environment = {name: value for name, value in os.environ.items() if name not in projections.VARIABLES}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables}
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)


def test_both_libraries_project_rightly():
    assert "rightly" in check_projections()


@pytest.mark.parametrize("variable", ["PROJ_LIB", "PROJ_DATA"])
def test_a_foreign_folder_is_named_before_anything_is_made(variable, tmp_path):
    (tmp_path / "foreign").mkdir()
    done = fusion("demo", tmp_path, **{variable: str(tmp_path / "foreign")})
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "rasterio cannot project to EPSG:32645" in done.stderr and f"unset {variable}" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["foreign"]


def test_doctor_names_the_variable(tmp_path):
    done = fusion("doctor", tmp_path, PROJ_DATA=str(tmp_path))
    (line,) = (line for line in done.stdout.splitlines() if " projections: " in line)
    assert done.returncode == 1 and line.startswith("FAIL") and f"PROJ_DATA={tmp_path}" in line


@pytest.mark.parametrize("library", ["rasterio", "pyproj"])
@pytest.mark.parametrize("off", [1.0, float("inf"), float("nan")])
def test_a_library_that_is_off_is_refused(library, off, monkeypatch):
    right = getattr(projections, f"_by_{library}")
    monkeypatch.setattr(projections, f"_by_{library}", lambda *asked: (right(*asked)[0] + off, right(*asked)[1]))
    with pytest.raises(FusionError, match=f"{library} projects"):
        check_projections()


def test_a_run_that_the_web_interface_starts_finds_out_too(tmp_path, monkeypatch):
    monkeypatch.setattr(projections, "_by_rasterio", lambda *asked: (0.0, 0.0))
    with pytest.raises(FusionError, match="rasterio projects"):
        EngineResource(settings={"storage": str(tmp_path / "data")}).client()
    assert not (tmp_path / "data").exists()
