"""Whom the servers on this machine answer."""

import pytest

from fusion_assets.reports.callers import refusal

HERE = ("Host", "127.0.0.1:3000")
LINK = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))


def site(name):
    return ("Sec-Fetch-Site", name)


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ([HERE], False),
        ([("host", "LOCALHOST:3000")], False),
        ([("host", "[::1]:3000")], False),
        ([HERE, ("Origin", "http://127.0.0.1:3000"), site("same-origin")], False),
        ([HERE, site("none")], False),
        ([HERE, site("cross-site"), *LINK], True),
        ([HERE, site("same-site"), *LINK], True),
        ([HERE, ("Referer", "http://127.0.0.1:3000/runs")], False),
        ([HERE, ("Referer", "https://example.org/"), ("Accept", "text/html,*/*")], True),
    ],
)
def test_people_and_programs_of_this_machine_are_answered(headers, page):
    assert refusal(headers, 3000, page) is None


@pytest.mark.parametrize(
    "hosts", [[], ["evil.example:3000"], ["127.0.0.1:3001"], ["127.0.0.1"], ["127.0.0.1:3000.evil.example"],
              ["localhost.:3000"], ["evil@localhost:3000"], ["localhost:3000", "evil.example:3000"],
              ["[::1%eth0]:3000"], ["127.1:3000"], ["127.0.0.1:3000,evil"]],
)  # fmt: skip
def test_a_name_that_leads_here_from_elsewhere_is_refused(hosts):
    status, line = refusal([("Host", host) for host in hosts], 3000, True)
    assert status == 421 and "\n" not in line and "127.0.0.1:3000" in line


def test_on_the_port_of_http_browsers_name_no_port():
    assert refusal([("Host", "localhost"), ("Origin", "http://localhost")], 80, False) is None
    assert refusal([("Host", "localhost")], 3000, False)[0] == 421


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        *(([("Origin", origin)], True) for origin in (
            "http://127.0.0.1:3001", "http://localhost:3000", "https://127.0.0.1:3000", "null", "http://evil.example",
            "http://127.0.0.1:3000.evil.example", "")),
        ([("Origin", "http://127.0.0.1:3000"), ("Origin", "http://evil.example")], False),
        *(([site(name)], page) for name in ("cross-site", "same-site", "unheard-of", "") for page in (True, False)),
        ([site("cross-site"), *LINK], False),
        ([site("cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")], True),
        ([site("cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "document")], True),
        ([site("same-origin"), site("cross-site")], True),
        ([("Referer", "http://127.0.0.1:3001/page")], True),
        ([("Referer", "https://example.org/"), ("Accept", "text/html")], False),
        ([("Referer", "http://[bad")], True),
    ],
)  # fmt: skip
def test_pages_of_others_are_refused(headers, page):
    status, line = refusal([HERE, *headers], 3000, page)
    assert status == 403 and "may not ask" in line
