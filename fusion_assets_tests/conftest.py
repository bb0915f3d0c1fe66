"""Fixtures for all tests: where the real archive lies, and what happens where it does not."""

import os
from pathlib import Path

import pytest

REAL_ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "real-archive" / "catalog.json"


def pytest_configure(config: pytest.Config) -> None:
    """Keep the one filter that the package sets itself: pytest starts every test with its own."""
    config.addinivalue_line("filterwarnings", "ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(scope="session")
def real_archive() -> Path:
    """catalog.json of the real archive beside the repository; skips without it, or fails if it was promised."""
    if not REAL_ARCHIVE.is_file():
        message = "the real archive (../shared/real-archive) is not there; set FUSION_REQUIRE_REAL=1 to insist on it"
        if os.environ.get("FUSION_REQUIRE_REAL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return REAL_ARCHIVE
