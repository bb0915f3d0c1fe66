"""Reports in a browser: HTML files of the storage, and nothing else, on this machine only."""

import pytest
import requests

from fusion_assets.reports.server import ADDRESS_VARIABLE, report_url, serve_reports, start_beside
from fusion_assets.storage.root import Storage


@pytest.fixture
def served(tmp_path, monkeypatch):
    storage = Storage(tmp_path / "data")
    storage.write_bytes(b"<p>page</p>", storage.path("built_up_report", "here", None, "html"))
    storage.write_bytes(b"<p>2018</p>", storage.path("ndvi_report", "here", "2018", "html"))
    storage.write_bytes(b"{}", storage.path("_operations", "secret", None, "json"))
    (tmp_path / "outside.html").write_text("outside")
    server = serve_reports(storage, 0)
    monkeypatch.setenv(ADDRESS_VARIABLE, f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def test_the_link_of_the_asset_opens_the_report(served):
    answer = requests.get(report_url("built_up_report", "here"), timeout=60)
    assert (answer.status_code, answer.text) == (200, "<p>page</p>")
    assert served.server_address[0] == "127.0.0.1"


def test_the_link_of_one_year_opens_its_report(served):
    assert requests.get(report_url("ndvi_report", "here", "2018"), timeout=60).text == "<p>2018</p>"


@pytest.mark.parametrize(
    "path",
    [
        "_operations/secret.json",
        "../outside.html",
        "%2e%2e/outside.html",
        "",
        "x/y.html",
        "ndvi_report/here/2018/x.html",
    ],
)
def test_nothing_else_is_served(served, path):
    with requests.Session() as session:
        request = requests.Request("GET", "http://x").prepare()
        request.url = f"http://127.0.0.1:{served.server_port}/{path}"
        assert session.send(request, timeout=60).status_code == 404


def test_a_taken_port_is_no_reason_to_fail(served, tmp_path, monkeypatch):
    start_beside(Storage(tmp_path), served.server_port - 1)
    assert not report_url("a", "b").startswith(f"http://127.0.0.1:{served.server_port}/")
