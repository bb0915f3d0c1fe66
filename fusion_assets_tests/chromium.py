"""A headless Chromium for tests of pages: Debian's `chromium` and `chromium-driver`."""

from fusion_assets_tests.programs import program


def chromium(folder, width=1400, height=1000):
    """A driver with an empty profile, that asks nobody for anything; where Chromium is absent the test is skipped."""
    browser, driver = program("chromium", "chromium"), program("chromedriver", "chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = browser
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}/profile",
        f"--window-size={width},{height}", "--disable-dev-shm-usage",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))
