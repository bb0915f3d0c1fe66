"""The report: self-contained, small, and what it shows is what is stored; opened in a real browser."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import shapely

from fusion_assets.built_up import evaluation, trend
from fusion_assets.built_up.change import change_map
from fusion_assets.built_up.report import MOST_BYTES, Findings, Subject, build_report
from fusion_assets.imagery.exports import Export
from fusion_assets.imagery.grid import Grid
from fusion_assets_tests.chromium import chromium
from fusion_assets_tests.imagery.archives import small_request

YEARS = (2016, 2018, 2019)
OUTLINE = shapely.box(86.9, 26.9, 87.3, 27.3)
BANDS = ("B02", "B03", "B04", "B08", "avg_rad")


def findings(edge=40, chunk=16):
    random = np.random.default_rng(0)
    grid = Grid.from_bounds((500000, 2990000, 500000 + edge * 100, 2990000 + edge * 100), "EPSG:32645", 100)
    predictions, stacks = {}, {}
    for year in YEARS:
        probability = random.random(grid.shape).astype("f4")
        probability[:3] = np.nan
        built = np.where(np.isnan(probability), np.nan, probability >= 0.6).astype("f4")
        predictions[year] = grid.dataset({"probability": probability, "built_up": built}).chunk(chunk)
        predictions[year].attrs = {"model": "0123456789ab", "threshold": "0.6"}
        stacks[year] = grid.dataset({band: random.random(grid.shape).astype("f4") for band in BANDS}).chunk(chunk)
    label = random.random(400) < 0.3
    probability = np.clip(label * 0.4 + random.random(400) * 0.6, 0, 1)
    x, y = grid.centres()
    table = pd.DataFrame(
        {
            "x": random.choice(x, 400), "y": random.choice(y, 400), "label": label.astype("int8"),
            "block": random.integers(0, 20, 400), "probability": probability, "predicted": probability > 0.5,
            "baseline_probability": random.random(400), "baseline_predicted": random.random(400) > 0.5,
        }
    )  # fmt: skip
    ticket = Export("op1", small_request("catalog.json"), ("<b>scene", "s2"), "SUCCEEDED", "archive", "2020", "2020")
    return Findings(
        predictions=predictions,
        stacks=stacks,
        change=change_map(predictions),
        trend=trend.built_up_trend(predictions, table, OUTLINE, "GHSL labels"),
        evaluation=(table, evaluation.measured(table)),
        ablation=None,
        exports=[ticket],
    )


SUBJECT = Subject("small", "Small <places> & others", "here", 2015, "abc")


@pytest.fixture(scope="module")
def found():
    return findings()


@pytest.fixture(scope="module")
def page(found):
    return build_report(SUBJECT, found)


class Page(HTMLParser):
    """Text of the cells of every table, and all tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.tags, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")
        self.inside = tag == "td" or (self.inside and tag not in ("th", "table"))

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_nothing_is_asked_of_the_network(page):
    links = [attrs.get(key, "") for _, attrs in Page(page).tags for key in ("src", "href") if key in attrs]
    assert links and all(link.startswith(("data:", "#")) for link in links)
    assert "url(" not in page and "@import" not in page


def test_it_stays_small_however_large_the_region(page):
    assert len(page.encode()) < 1_000_000
    large = build_report(SUBJECT, findings(edge=1300, chunk=650))
    assert len(large.encode()) < MOST_BYTES


def test_every_picture_has_an_alternative_text(page):
    pictures = [attrs for tag, attrs in Page(page).tags if tag == "img"]
    assert len(pictures) > 15 and all(len(attrs.get("alt", "")) > 8 for attrs in pictures)


def test_what_people_write_is_shown_and_not_run(page):
    assert "Small &lt;places&gt; &amp; others" in page and "<places>" not in page


def test_figures_are_those_that_are_stored(page, found):
    cells = Page(page).cells
    table, document = found.trend
    for row in table.itertuples():
        i = cells.index(str(row.year))
        low, high = (float(part.replace(",", "")) for part in cells[i + 2].split(" to "))
        shown = [float(cells[i + 1].replace(",", "")), low, high, float(cells[i + 3].replace(",", ""))]
        assert shown == pytest.approx([row.area_km2, row.low, row.high, row.mapped_km2], abs=0.51)
    metrics = found.evaluation[1]
    i = cells.index("MCC")
    for cell, key in zip(cells[i + 1 : i + 4], ("model", "baseline", "majority"), strict=True):
        value, low, high = map(float, re.findall(r"-?\d+\.\d+", cell))
        known = metrics["intervals"][key]["mcc"]
        assert (value, low, high) == pytest.approx((known["value"], known["low"], known["high"]), abs=6e-4)
    assert document["statement"].split(".")[0][:40] in page
    assert "op1" in cells


def test_the_same_inputs_give_the_same_page(page, found):
    assert build_report(SUBJECT, found) == page


@pytest.mark.parametrize("width", [1400, 390])
def test_in_a_browser_offline(page, tmp_path, width):
    path = tmp_path / "report.html"
    path.write_text(page)
    driver = chromium(tmp_path, width)
    try:
        # Windows have a least width; a phone's page is narrower.
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        driver.get("about:blank")
        driver.get_log("performance")  # of the browser's own first page
        driver.get(path.as_uri())
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
        swipe = driver.find_element("id", "swipe")
        driver.execute_script("arguments[0].value = 20; arguments[0].dispatchEvent(new Event('input'))", swipe)
        above = driver.find_element("id", "above")
        assert "80%" in above.value_of_css_property("clip-path")
        before = above.get_attribute("src")
        driver.execute_script(
            "for (const [id, value] of [['layer', '2'], ['left', '2018']]) {"
            " const box = document.getElementById(id); box.value = value; box.dispatchEvent(new Event('change')); }"
        )
        assert above.get_attribute("src") != before
        assert above.get_attribute("alt") == "True colour in here, 2018"
        assert driver.find_element("id", "tagleft").text == "2018"
        empty = "return [...document.images].filter(i => i.loading != 'lazy' && !i.naturalWidth)"
        assert driver.execute_script(empty) == []
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
        sent = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
        assert [url for url in urls if url.startswith(("http", "ws"))] == [] and path.as_uri() in urls
    finally:
        driver.quit()
