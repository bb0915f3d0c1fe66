"""Reports in a browser: HTML files of the storage, and nothing else, on this machine only."""

import contextlib
import html
import os
import re
import socket
import time

import pytest
import requests

from fusion_assets.reports import server as reports
from fusion_assets.reports.server import ADDRESS_VARIABLE, report_address, report_url, serve_reports, start_beside
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
    answer = requests.get(report_address(report_url("built_up_report", "here")), timeout=60)
    assert (answer.status_code, answer.text) == (200, "<p>page</p>")
    assert served.server_address[0] == "127.0.0.1"


def test_the_link_of_one_year_opens_its_report(served):
    assert requests.get(report_address(report_url("ndvi_report", "here", "2018")), timeout=60).text == "<p>2018</p>"


@pytest.mark.parametrize(
    "path",
    [
        "_operations/secret.json",
        "../outside.html",
        "%2e%2e/outside.html",
        "built_up_report",
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
    assert not report_address(report_url("a", "b")).startswith(f"http://127.0.0.1:{served.server_port}/")


def at(served, path):
    return f"http://127.0.0.1:{served.server_port}/{path}"


def test_a_report_may_ask_nobody_and_be_framed_by_nobody(served):
    for path in ("built_up_report/here.html", "nothing.html"):
        headers = requests.get(at(served, path), timeout=60).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "http" not in policy


def test_head_says_the_same_without_the_page_and_nothing_else_is_understood(served):
    address = at(served, "built_up_report/here.html")
    answer = requests.head(address, timeout=60)
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "11", b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        assert requests.request(method, address, timeout=60).status_code == 501


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
    ],
)
def test_a_link_leads_here_and_no_page_reads_from_here(served, headers, status):
    answer = requests.get(at(served, "built_up_report/here.html"), headers=headers, timeout=60)
    assert answer.status_code == status and (status == 200) == ("<p>" in answer.text)


def raw(served, sent):
    """Status, headers and body of the answer to what is sent as it is."""
    with socket.create_connection(served.server_address, timeout=60) as connection:
        connection.sendall(sent)
        head, _, body = connection.makefile("rb").read().decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [("POST /a.html HTTP/1.1", "", 501), ("POST /a.html HTTP/1.1", "Host: evil.example", 421),
     ("GET http://[/x.html HTTP/1.1", "", 400), (f"GET /{'a' * 65_540} HTTP/1.1", "", 414),
     ("GET /a.html HTTP/1.1", "\r\n".join(f"X-{number}: 1" for number in range(200)), 431), ("a", "", 400),
     ("<script> / HTTP/1.1", "", 501), ("GET / HTTP/<b>", "", 400), ("GET / HTTP/3.0", "", 505)],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_not_understood_is_refused_in_one_line_with_the_same_headers(served, request_line, headers, status):
    headers = headers if "Host" in headers else f"Host: 127.0.0.1:{served.server_port}\r\n{headers}".rstrip()
    got, told, body = raw(served, f"{request_line}\r\n{headers}\r\n\r\n".encode())
    assert got == status and body.count("\n") == 1 and "<" not in body
    assert told["X-Frame-Options"] == "DENY" and "default-src 'none'" in told["Content-Security-Policy"]


def test_the_reports_that_there_are_are_listed(served, tmp_path):
    storage = Storage(tmp_path / "data")
    odd = storage.path("ndvi_report", 'a "<b>&?', None, "html")
    storage.write_bytes(b"<p>odd</p>", odd)
    answer = requests.get(at(served, ""), timeout=60)
    assert answer.status_code == 200 and answer.headers["X-Frame-Options"] == "DENY"
    links = re.findall('href="([^"]*)">([^<]*)</a>', answer.text)
    assert [html.unescape(text) for _, text in links] == [
        "built_up_report/here", 'ndvi_report/a "<b>&?', "ndvi_report/here/2018",
    ]  # fmt: skip
    pages = [requests.get(at(served, link.removeprefix("/")), timeout=60).text for link, _ in links]
    assert pages == ["<p>page</p>", "<p>odd</p>", "<p>2018</p>"]
    assert requests.get(at(served, ""), headers={"Host": "evil.example"}, timeout=60).status_code == 421


def test_where_there_are_no_reports_the_list_says_so(tmp_path):
    with serve_reports(Storage(tmp_path / "none"), 0) as server:
        assert "no report yet" in requests.get(at(server, ""), timeout=60).text
        server.shutdown()


def test_a_link_out_of_the_storage_a_pipe_and_a_folder_are_no_reports(served, tmp_path):
    folder = tmp_path / "data" / "built_up_report"
    (folder / "link.html").symlink_to(tmp_path / "outside.html")
    (folder / "within.html").symlink_to(folder / "here.html")
    (folder / "loop.html").symlink_to(folder / "loop.html")
    (folder / "null.html").symlink_to("/dev/zero")
    (folder / "folder.html").mkdir()
    os.mkfifo(folder / "pipe.html")
    (tmp_path / "data" / "linked").symlink_to(tmp_path)
    for path in ("link", "loop", "null", "folder", "pipe", "../linked/outside"):
        answer = requests.get(at(served, f"built_up_report/{path}.html"), timeout=20)
        assert answer.status_code == 404 and "outside" not in answer.text
    assert requests.get(at(served, "linked/outside.html"), timeout=20).status_code == 404
    assert requests.get(at(served, "built_up_report/within.html"), timeout=20).text == "<p>page</p>"


def test_a_storage_that_is_itself_a_link_is_served(tmp_path):
    (tmp_path / "real" / "asset").mkdir(parents=True)
    (tmp_path / "real" / "asset" / "here.html").write_text("page")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with serve_reports(Storage(tmp_path / "link"), 0) as server:
        assert requests.get(at(server, "asset/here.html"), timeout=60).text == "page"
        server.shutdown()


def test_whoever_says_nothing_is_cut_and_does_not_keep_others_out(served, monkeypatch):
    monkeypatch.setattr(reports._Handler, "timeout", 0.3)
    silent = [socket.create_connection(served.server_address) for _ in range(2 * reports.MOST_CONNECTIONS)]
    for connection in silent:
        connection.settimeout(60)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""
        connection.close()
    assert requests.get(report_address(report_url("built_up_report", "here")), timeout=60).text == "<p>page</p>"


def test_whoever_speaks_slowly_is_cut_too(served, monkeypatch):
    monkeypatch.setattr(reports, "ANSWER_SECONDS", 0.5)
    begun = time.monotonic()
    with socket.create_connection(served.server_address) as slow, contextlib.suppress(ConnectionError):
        slow.settimeout(0.05)
        while time.monotonic() < begun + 60:
            slow.send(b"x")
            with contextlib.suppress(TimeoutError):
                assert slow.recv(1) == b""
                break
    assert time.monotonic() < begun + 50
