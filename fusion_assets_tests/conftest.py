"""For all tests: the real archive, a demo archive, a bucket, and what becomes of tests that would be skipped."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from fusion_assets.demo import build_demo_archive
from fusion_assets.loopbacks.earth_engine import storage_emulator

REAL_ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "real-archive" / "catalog.json"


def pytest_configure(config: pytest.Config) -> None:
    """Keep the one filter that the package sets itself: pytest starts every test with its own."""
    config.addinivalue_line("filterwarnings", "ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads the real archive `real`, before tests are chosen by their marks; what takes long goes first."""
    for item in items:
        if "real_archive" in getattr(item, "fixturenames", ()):
            item.add_marker("real")
    real, slow = ({item.path for item in items if any(item.iter_markers(mark))} for mark in ("real", "slow"))
    # A long file begun last leaves all processes but one with nothing to do: xdist is told to keep this order. Those on
    # real places are the longest.
    items.sort(key=lambda item: (item.path not in real, item.path not in slow))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Of a test, its fixtures included."""
    return _nothing_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Of a file, which may skip itself as a whole."""
    return _nothing_skipped((yield))


def _nothing_skipped(report):
    """Under FUSION_REQUIRE_REAL=1 every skip is a failure, whether of an archive, a program or parameters."""
    if report.skipped and os.environ.get("FUSION_REQUIRE_REAL") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{reason} (FUSION_REQUIRE_REAL=1 lets nothing be skipped)"
    return report


@pytest.fixture(scope="session")
def real_archive() -> Path:
    """catalog.json of the real archive beside the repository; skips without it."""
    if not REAL_ARCHIVE.is_file():
        pytest.skip("the real archive (../shared/real-archive) is not there; set FUSION_REQUIRE_REAL=1 to insist on it")
    return REAL_ARCHIVE


@pytest.fixture(scope="session")
def catalog(tmp_path_factory) -> Path:
    """catalog.json of a small demo archive, built once for the tests of all processes; nobody changes it."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with FileLock(folder / "demo-archive.lock"):
        return build_demo_archive(folder / "demo-archive", seed=3, size_km=12, years=(2015, 2016))


@pytest.fixture(scope="module")
def buckets():
    """A storage emulator with the bucket `exports`; for one file only, as it sets environment variables."""
    with storage_emulator() as running:
        yield running
