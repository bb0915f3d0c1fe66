"""The report in a real browser: offline, at any width, on paper."""

import pytest

from fusion_assets.systems.built_up.report import build_report
from fusion_assets_tests.chromium import reading
from fusion_assets_tests.systems.built_up.report_cases import SUBJECT, findings, whole

pytestmark = pytest.mark.slow

# A4 at 96 dots an inch, less Chromium's margins of 0.4 inches.
PAPER = 717


@pytest.fixture(scope="module")
def text():
    return build_report(SUBJECT, whole())


@pytest.fixture
def browser(tmp_path):
    """Opens a page at a width."""
    with reading(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("width", [1400, 390])
def test_in_a_browser_offline(text, browser, width):
    driver = browser(text, width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
    # Tables scroll by themselves. Nothing else is cut, and the verdict is seen without that.
    cut = (
        "return [...document.querySelectorAll('body *')].filter(e => !e.closest('table') && !e.closest('.stage') &&"
        " e.getBoundingClientRect().right > innerWidth).map(e => e.textContent.slice(0, 80))"
    )
    assert driver.execute_script(cut) == []
    verdict = driver.find_element("xpath", "//th[text()='verdict']")
    assert driver.execute_script("return arguments[0].getBoundingClientRect().right", verdict) < width
    swipe = driver.find_element("id", "swipe")
    assert swipe.is_displayed()
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
    days = "return [...document.querySelectorAll('td.d')].map(d => getComputedStyle(d).whiteSpace)"
    assert set(driver.execute_script(days)) == {"nowrap"}


def test_on_paper(text, browser):
    driver = browser(text, PAPER)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not driver.find_element("id", "viewer").is_displayed()
    pictures = driver.execute_script(
        "return [...document.images].filter(i => i.offsetParent).map(i => [i.alt, i.getBoundingClientRect().width])"
    )
    (change,) = (width for alt, width in pictures if alt.startswith("Map of change"))
    assert change > 300 and all(width > 50 for _, width in pictures)
    wide = driver.execute_script(
        "return [...document.querySelectorAll('table, img, p, ul')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.textContent.slice(0, 80))"
    )
    assert wide == []
    clipped = "return [...document.querySelectorAll('.scroll')].filter(e => getComputedStyle(e).overflowX != 'visible')"
    assert driver.execute_script(clipped) == []
    # Browsers print no backgrounds unless told that these matter.
    exact = "return [...document.querySelectorAll('.legend i')].map(e => getComputedStyle(e).printColorAdjust)"
    assert set(driver.execute_script(exact)) == {"exact"}


def test_one_year_opens(browser):
    driver = browser(build_report(SUBJECT, findings(years=(2019,))), 1400)
    assert driver.find_elements("id", "viewer") == [] and driver.find_elements("id", "change") == []
    assert driver.find_element("id", "trend").is_displayed()
