"""Rules about the shape of the code that no single module can check."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fusion_assets"


def imported_packages(path):
    """Top-level packages a module imports anywhere, and those it imports when it is loaded."""
    tree = ast.parse(path.read_text())
    everywhere = {name for node in ast.walk(tree) for name in names_of(node)}
    at_load = {name for node in tree.body for name in names_of(node)}
    return everywhere, at_load


def names_of(node):
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    return [node.module.split(".")[0]] if isinstance(node, ast.ImportFrom) and node.module else []


@pytest.mark.parametrize("path", list(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_where_they_are_used(path):
    _, at_load = imported_packages(path)
    assert not at_load & {"tensorflow", "keras", "ee", "sklearn", "matplotlib"} or "loopbacks" in path.parts


HEAVY = (
    "tensorflow", "keras", "ee", "sentinelhub", "sklearn", "matplotlib", "scipy", "numba", "dask", "distributed",
    "pandas", "pyarrow", "xarray", "rioxarray", "rasterio", "odc", "geopandas", "zarr", "pystac", "fsspec", "h5py",
)  # fmt: skip


_NDVI = str(PACKAGE.parent / "fusion_assets_tests" / "studies" / "leie_ndvi.yaml")


@pytest.mark.parametrize("study", ["demo", "demo_zones", _NDVI])
def test_loading_the_code_location_imports_no_heavy_library(study):
    # The web server and every run load this: what outlines and grids need (numpy, shapely, pyproj) must suffice.
    assert loaded_with("fusion_assets.definitions", HEAVY, FUSION_STUDY=study) == "[]"


def test_the_command_line_asks_for_help_without_dagster():
    assert loaded_with("fusion_assets.cli.main", ("dagster", "numpy", "pydantic", *HEAVY)) == "[]"


def test_importing_does_no_work():
    code = "import fusion_assets.cli.main, fusion_assets.orchestration.assembly, fusion_assets.systems.registry"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "FUSION_STUDY": "/nope.yaml"})


def loaded_with(module, names, **environment):
    """Which of the names are imported together with a module, in a fresh process."""
    code = f"import sys, {module}; print([name for name in {names} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    ).stdout.strip()


@pytest.mark.parametrize("path", list(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_named_warnings_are_silenced(path):
    for call in ast.walk(ast.parse(path.read_text())):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in (
            "warnings.filterwarnings",
            "warnings.simplefilter",
        ):
            named = call.args[1:] or {keyword.arg for keyword in call.keywords} & {"category", "message"}
            assert named, f"line {call.lineno}"


def test_loading_the_code_location_warns_of_nothing():
    command = [sys.executable, "-W", "default", "-c", "import fusion_assets.definitions"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_the_pages_name_is_there():
    pages = [PACKAGE.parent / "README.md", *(PACKAGE.parent / "docs").glob("*.md")]
    for page in pages:
        for name in re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text()):
            assert (PACKAGE / name).exists() or (PACKAGE.parent / name).exists(), f"{page.name}: {name}"


def test_no_dagster_block_in_pyproject():
    assert "[tool.dagster]" not in (PACKAGE.parent / "pyproject.toml").read_text()


@pytest.mark.slow
def test_definitions_validate_through_the_workspace_file(tmp_path):
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
