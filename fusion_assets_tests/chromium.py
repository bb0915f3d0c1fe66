"""A headless Chromium for tests of pages: Debian's `chromium` and `chromium-driver`."""

import os
import shutil

import pytest

_NEEDED = ("chromium", "chromedriver")


def chromium(folder, width=1400, height=1000):
    """A driver with an empty profile, that asks nobody for anything; where Chromium is absent the test is skipped.

    With FUSION_REQUIRE_REAL=1 it fails instead.
    """
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        text = f"{' and '.join(missing)} not found; install them with: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get("FUSION_REQUIRE_REAL") else pytest.skip)(text)
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}/profile",
        f"--window-size={width},{height}", "--disable-dev-shm-usage",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
