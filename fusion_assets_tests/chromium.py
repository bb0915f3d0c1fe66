"""A headless Chromium for tests of pages: Debian's `chromium` and `chromium-driver`."""

import json
from contextlib import contextmanager

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


@contextmanager
def reading(folder):
    """Opens pages (their text, a width); no picture may be empty, nothing be complained of or asked of anybody."""
    driver = chromium(folder)

    def opened(text, width):
        path = folder / "report.html"
        path.write_text(text)
        # Windows have a least width; a phone's page is narrower.
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get("about:blank")
        driver.get_log("performance")  # of the browser's own first page
        driver.get(path.as_uri())
        return driver

    try:
        yield opened
        empty = "return [...document.images].filter(i => i.offsetParent && !i.naturalWidth).map(i => i.alt)"
        assert driver.execute_script(empty) == []
        assert driver.get_log("browser") == []
        sent = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
        page = (folder / "report.html").as_uri()
        assert [url for url in urls if url.startswith(("http", "ws"))] == [] and page in urls
    finally:
        driver.quit()
