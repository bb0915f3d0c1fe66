"""The guard in front of Dagster's web server, which itself runs what any page sends it from anywhere.

Whom servers answer stands in `reports/callers.py`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fusion_assets.redaction import printable_line, redacted
from fusion_assets.reports.callers import NO_FRAMES, SECURITY_HEADERS, Headers, refusal, values
from fusion_assets.reports.server import LINKS, report_address

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2**24
"""Of a question by POST."""
_GRAPHQL = "/graphql"
# Paths of Dagster's server that are no pages: what a link elsewhere leads to must be a page.
_NO_PAGES = (
    _GRAPHQL, "/logs", "/notebook", "/dagit", "/download_debug", "/report_asset", "/server_info", "/shutdown",
)  # fmt: skip
_SHOWN = 300
_READING = ("GET", "HEAD")
_SAFE = {name.lower(): value for name, value in SECURITY_HEADERS.items()}
_POLICY = "content-security-policy"


class Guard:
    """An ASGI application that answers only whom it should, in the name of another one.

    Args:
        app: the other one.
        port: of 127.0.0.1, on which it is served.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request or connection, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None and scope["type"] == "http" and scope["path"].startswith(LINKS):
            await _to_report(scope["path"])(scope, receive, send)
        elif refused is None:
            await _answer(self._app, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1][:100]})
        else:
            await _refuse(*refused, scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        path, reading = scope["path"], scope.get("method") in _READING
        page = reading and not path.startswith(_NO_PAGES)
        return (
            refusal(headers, self._port, page)
            or (_reading_refusal(scope) if reading else None)
            or (_writing_refusal(headers) if scope["type"] == "http" and not reading else None)
        )


async def _answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass a request on that the application can read; what it raises is a line here, and status 500 there."""
    if scope["type"] == "http" and scope["path"].startswith(_GRAPHQL) and scope["method"] not in _READING:
        body = await _body(receive)
        if body is None:
            return
        if refused := _question_refusal(body):
            await _refuse(*refused, scope, receive, send)
            return
        receive = _first(body, receive)
    begun: list[str] = []

    async def sent(message: Message) -> None:
        begun.append(message["type"])
        await send(message)

    try:
        await app(scope, receive, _safely(sent))
    except Exception as error:
        what = f"{scope.get('method', 'websocket')} {scope['path']}: {type(error).__name__}: {error}"
        print(f"the web UI could not answer {printable_line(redacted(what))[:_SHOWN]}", file=sys.stderr)
        if scope["type"] == "websocket":
            with contextlib.suppress(Exception):  # it may be closed
                await send({"type": "websocket.close", "code": 1011, "reason": "this cannot be answered"})
        elif not begun:
            await _refuse(500, "this cannot be answered", scope, receive, send)


async def _refuse(status: int, line: str, scope: Scope, receive: Receive, send: Send) -> None:
    from starlette.responses import PlainTextResponse

    await PlainTextResponse(f"{line}\n", status, dict(_SAFE))(scope, receive, send)


async def _body(receive: Receive) -> bytes | None:
    """What was sent, up to a little more than `MOST_BYTES`; None where the sender has hung up."""
    body, more = bytearray(), True
    while more and len(body) <= MOST_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _first(body: bytes, receive: Receive) -> Receive:
    """Receive what has been read already, and then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received


def _question_refusal(body: bytes) -> tuple[int, str] | None:
    if len(body) > MOST_BYTES:
        return 413, f"a question has at most {MOST_BYTES} bytes"
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        return 400, "this is no JSON"
    if not isinstance(question, dict) or not isinstance(question.get("query"), str):
        return 400, "a question is a JSON object with a text `query`"
    return None


def _to_report(path: str) -> ASGIApp:
    """Lead to the report server, whose pages have an origin of their own and can do nothing here."""
    from starlette.responses import PlainTextResponse, RedirectResponse

    address = report_address(path)
    if not address:
        return PlainTextResponse("reports are served by `fusion ui` alone\n", 404, dict(_SAFE))
    return RedirectResponse(address, 307, dict(_SAFE))


def _reading_refusal(scope: Scope) -> tuple[int, str] | None:
    """GET reads: a link, a picture or a form must never do anything."""
    if not scope["path"].startswith(_GRAPHQL):
        return None
    from graphql import GraphQLError, parse

    for query in parse_qs(scope["query_string"].decode("latin-1")).get("query", []):
        try:
            operations: list[Any] = [getattr(each, "operation", None) for each in parse(query).definitions]
        except (GraphQLError, RecursionError):
            return 400, "the query is no GraphQL"
        if any(operation is not None and operation.value != "query" for operation in operations):
            return 403, "only queries are answered by GET; mutations go by POST"
    return None


def _writing_refusal(headers: Headers) -> tuple[int, str] | None:
    """Forms and simple requests of pages are never JSON: for JSON browsers ask first, and are told no."""
    types = [value.partition(";")[0].strip().lower() for value in values(headers, "content-type")]
    if types != ["application/json"]:
        return 415, f"Content-Type is {', '.join(types) or 'missing'}: application/json is taken, and nothing else"
    return None


def _safely(send: Send) -> Send:
    """Send with security headers; the application's own content policy stays, with frames forbidden."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(name.lower(), value) for name, value in message.get("headers", [])]
            policies = [value.decode("latin-1").rstrip("; ") for name, value in given if name == _POLICY.encode()]
            kept = [(name, value) for name, value in given if name.decode("latin-1") not in {*_SAFE, _POLICY}]
            safe = {**_SAFE, _POLICY: "; ".join([*policies, NO_FRAMES])}
            message["headers"] = [*kept, *((name.encode(), value.encode("latin-1")) for name, value in safe.items())]
        await send(message)

    return sent
