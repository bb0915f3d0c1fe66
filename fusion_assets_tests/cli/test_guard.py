"""The guard alone, around an application that says what it was asked."""

import asyncio

import pytest

from fusion_assets.cli import guard
from fusion_assets.cli.guard import Guard

HERE = ("host", "127.0.0.1:3000")
JSON = ("content-type", "application/json")


QUESTION = b'{"query": "{version}"}'


async def anything(scope, receive, send):
    assert scope["path"] != "/fails", "odd \x1b[2J\n and more"
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    policy = (b"Content-Security-Policy", b"script-src 'self';")
    frames = (b"X-Frame-Options", b"ALLOWALL")
    await send({"type": "http.response.start", "status": 200, "headers": [policy, frames, (b"set-cookie", b"a=b")]})
    said = (await receive())["body"] if scope["path"] == "/graphql" and scope["method"] == "POST" else b"done"
    await send({"type": "http.response.body", "body": said})


def ask(path="/", *headers, method="GET", query="", kind="http", body=(QUESTION,)):
    """Messages that come back."""
    sent = []
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in body[:-1]]
    parts += [{"type": "http.request", "body": part} for part in body[-1:]]

    async def send(message):
        sent.append(message)

    async def receive():
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    scope = {
        "type": kind, "path": path, "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (HERE, *headers)],
    }  # fmt: skip
    scope |= {"method": method} if kind == "http" else {}
    asyncio.run(Guard(anything, 3000)(scope, receive, send))
    return sent


def status(*arguments, **options):
    start, body = ask(*arguments, **options)
    if start["status"] != 200:
        assert body["body"].endswith(b"\n") and body["body"].count(b"\n") == 1, "one line"
    return start["status"]


def test_answers_may_not_be_framed_and_keep_their_own_policy():
    headers = ask()[0]["headers"]
    told = {name.lower(): value for name, value in headers}
    assert len(told) == len(headers)
    assert told[b"content-security-policy"] == b"script-src 'self'; frame-ancestors 'none'"
    assert told[b"x-frame-options"] == b"DENY" and told[b"x-content-type-options"] == b"nosniff"
    assert told[b"set-cookie"] == b"a=b"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("query={version}", 200),
        ("query=query A {version}", 200),
        ("query=fragment F on A {b} query {...F}", 200),
        ("variables={}", 200),
        ("query=mutation{reloadWorkspace{__typename}}", 403),
        ("query={version}&query=mutation{reloadWorkspace{__typename}}", 403),
        ("query=query A{version} mutation B{reloadWorkspace{__typename}}&operationName=B", 403),
        ("query=%20%23%20query%0Amutation%7Ba%7D", 403),
        ("query=subscription{a}", 403),
        ("query=" + "{a" * 20000, 400),
        ("query=mutation", 400),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_mutation_by_get_is_refused(query, expected, method):
    assert status("/graphql", method=method, query=query) == expected
    assert status("/graphql", ("accept", "text/html"), method=method, query=query) == expected


@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/a", "/anything"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_a_form_may_send_is_refused(path, method):
    assert status(path, JSON, method=method) == 200
    assert status(path, ("content-type", "Application/JSON; charset=utf-8"), method=method) == 200
    for kind in ("text/plain", "text/plain; application/json", "multipart/form-data; boundary=application/json",
                 "application/x-www-form-urlencoded", "application/json, text/plain", ""):  # fmt: skip
        assert status(path, ("content-type", kind), method=method) == 415
    assert status(path, JSON, ("content-type", "text/plain"), method=method) == 415
    assert status(path, method=method, query="query=mutation{a}") == 415
    assert status(path, JSON, ("origin", "http://127.0.0.1:3001"), method=method) == 403
    assert status(path, JSON, ("sec-fetch-site", "same-site"), method=method) == 403


LINK = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]


@pytest.mark.parametrize("path", ["/graphql", "/logs/a/b.err", "/notebook", "/dagit/notebook", "/download_debug/a"])
def test_links_elsewhere_lead_to_pages_alone(path):
    assert status("/runs", *LINK) == 200
    assert status(path, *LINK) == 403
    assert status(path) == 200


def test_a_websocket_is_for_our_own_page():
    accepted, refused = {"type": "websocket.accept"}, "websocket.close"
    assert ask("/graphql", kind="websocket") == [accepted]
    assert ask("/graphql", ("origin", "http://127.0.0.1:3000"), kind="websocket") == [accepted]
    for header in (("origin", "http://127.0.0.1:3001"), ("origin", "null"), ("sec-fetch-site", "same-site"), HERE):
        (message,) = ask("/graphql", header, kind="websocket")
        assert message["type"] == refused


def test_links_lead_to_the_report_server_wherever_it_is(monkeypatch):
    monkeypatch.setenv("FUSION_REPORTS_URL", "http://127.0.0.1:5555")
    start, _ = ask("/reports/built_up_report/here.html")
    assert start["status"] == 307
    assert dict(start["headers"])[b"location"] == b"http://127.0.0.1:5555/built_up_report/here.html"
    start, _ = ask("/reports//evil.example/x")
    assert dict(start["headers"])[b"location"].startswith(b"http://127.0.0.1:5555/")
    assert status("/reports/a/b.html", ("sec-fetch-site", "cross-site")) == 403
    monkeypatch.delenv("FUSION_REPORTS_URL")
    assert status("/reports/built_up_report/here.html") == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [(QUESTION, 200), (b"[" + QUESTION + b"]", 400), (b'"x"', 400), (b"null", 400), (b"1", 400), (b"{{{", 400),
     (b'{"query": 1}', 400), (b"{}", 400), (b"[" * 100_000, 400), (b'{"a":' * 100_000, 400), (b"\xff\xfe\xfd", 400),
     (b"", 400), (b" " * 200 + QUESTION, 413)],
)  # fmt: skip
def test_a_question_is_an_object_with_a_query(body, expected, monkeypatch, capsys):
    monkeypatch.setattr(guard, "MOST_BYTES", 200 if expected == 413 else 2**20)
    assert status("/graphql", JSON, method="POST", body=[body]) == expected
    halves = [body[:9], body[9:]]
    assert status("/graphql", JSON, method="POST", body=halves) == expected
    assert ask("/graphql", JSON, method="POST", body=halves)[1]["body"] == body or expected != 200
    assert ask("/graphql", JSON, method="POST", body=[]) == [], "nobody is there"
    assert capsys.readouterr().err == ""


def test_what_the_application_raises_is_one_line(capsys):
    assert status("/fails") == 500
    assert status("/fails", JSON, method="POST") == 500
    assert ask("/fails", kind="websocket")[0]["type"] == "websocket.close"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.isprintable() for line in lines)
    assert lines[0].startswith("the web UI could not answer GET /fails: AssertionError: odd")
