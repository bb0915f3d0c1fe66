"""The tests of a public library, geetools, against the service: what does not pass is refused by name.

They come from its source distribution and run in an environment of their own, with the packages of this one in reach.
Only those that need no imagery are asked.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = "geetools==1.19.0"
OTHERS = ("pytest-gee", "pytest-regressions", "pytest-datadir", "xee", "yamlable", "anyascii", "deprecated", "wrapt")
FILES = (
    "Array", "ComputedObect", "Date", "DateRange", "Dictionary", "Feature", "FeatureCollection", "Filter", "Float",
    "Geometry", "Integer", "Join", "List", "Number", "String",
)  # fmt: skip
# Known to pass; fewer would be a step back.
PASSED = 96
PLUGIN = """
import os, ee, pytest_gee
from fusion_assets.loopbacks.earth_engine import connect

def start(*arguments):
    connect(os.environ["EE_URL"])
    ee.data.setMaxRetries(0)

pytest_gee.init_ee_from_service_account = start
"""
LIMITS = re.compile(r"this loopback service (does not know|knows)|not found \(does not exist or caller")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A Python that has the library, and the folder of its source."""
    folder = tmp_path_factory.mktemp("geetools")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    (found,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (found / "parent.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    constraints = ["-c", ROOT / "constraints.txt"]
    subprocess.run([*pip, "install", "--no-deps", *constraints, LIBRARY, *OTHERS], check=True)
    source = ["--no-deps", "--no-binary", ":all:", "-d", folder, LIBRARY]
    subprocess.run([*pip, "download", *source], check=True)
    with tarfile.open(next(folder.glob("geetools-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    (folder / "loopback_plugin.py").write_text(PLUGIN)
    return python, next(folder.glob("geetools-*/tests")).parent, folder


@pytest.mark.slow
def test_the_tests_of_geetools_pass_or_are_refused_by_name(environment, running):
    python, source, folder = environment
    files = [f"tests/test_{name}.py" for name in FILES]
    options = ["-p", "loopback_plugin", "-p", "no:cacheprovider", "-o", "addopts=", "--tb=short", "-q"]
    done = subprocess.run(
        [python, "-m", "pytest", *options, *files],
        cwd=source,
        env={"EE_URL": running.url, "PYTHONPATH": str(folder), "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= PASSED, done.stdout[-3000:]
    failures = re.split(r"\n_{3,} (.+?) _{3,}\n", done.stdout.split("short test summary info")[0])
    unexplained = [name for name, text in zip(failures[1::2], failures[2::2], strict=True) if not LIMITS.search(text)]
    assert not unexplained, unexplained
