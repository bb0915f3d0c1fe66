"""Asking STAC servers politely: limits of time, further attempts, and pages that do not run in circles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
from pystac_client.stac_api_io import StacApiIO
from urllib3.exceptions import HTTPError

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.answers import READ_OF_REFUSALS, TooLong, content_of, passing, passing_status, retry_after
from fusion_assets.imagery.engines.archive.documents import parsed
from fusion_assets.imagery.engines.archive.limits import LIMITS, Limits
from fusion_assets.imagery.retries import bounded, deadline, remaining
from fusion_assets.redaction import public_url, redacted

_SAID = 300
_REMEDIES = {
    401: "set FUSION_ARCHIVE (or `archive:` in the study) to an archive that your credentials let you read",
    403: "set FUSION_ARCHIVE (or `archive:` in the study) to an archive that your credentials let you read",
    404: "check the address of the archive: FUSION_ARCHIVE, or `archive:` in the study",
}


class Refusal(Exception):
    """No answer of use, after all attempts.

    Args:
        words: what happened or what the server says, safe to print.
        status: HTTP's; 0 where there was no answer.
        transient: whether the same request may succeed later.
        pause: seconds that the server asks to wait.
    """

    def __init__(self, words: str, status: int = 0, transient: bool = False, pause: float = 0.0) -> None:
        super().__init__(words)
        self.words, self.status, self.transient, self.pause = words, status, transient, pause


class Circle(Refusal):
    """Pages that lead on and bring nothing new."""


@contextmanager
def answered(root: str, doing: str) -> Iterator[None]:
    """Tell people what a server at `root` refused while `doing` something.

    Raises:
        Unreachable: it may answer later.
        FusionError: it will not.
    """
    try:
        yield
    except Refusal as refusal:
        kind: type[FusionError] = Unreachable if refusal.transient else FusionError
        remedy = _REMEDIES.get(refusal.status, "choose another archive, or tell its operator what it says here")
        if refusal.transient:
            remedy = "try again later; `fusion doctor` tests the connection"
        problem = kind(f"{public_url(root)} failed while {doing}: {refusal.words}", "an answer", remedy)
    else:
        return
    # Not inside the handler: errors of the client carry requests, and those may carry credentials.
    raise problem


@dataclass(frozen=True)
class _Request:
    url: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Web(StacApiIO):
    """Reads over HTTP for pystac and pystac-client; their own ways wait without limits and ask POST only once."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        super().__init__(max_retries=None)
        self.limits = limits

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Text of an answer, asked for again while the server is busy, fails or hangs up.

        Args:
            href: address.
            method: GET unless given; parameters of POST go into its body.
            headers: further ones.
            parameters: see `method`.

        Raises:
            Refusal: see there.
        """
        wanted = _Request(href, (method or "GET").upper(), parameters or {}, headers or {})
        if remaining() <= 0:
            raise Refusal(f"no time is left to ask {public_url(href)}", transient=True)
        return self.limits.retries.ask(lambda: self._answer(wanted))

    def json_loads(self, txt: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """See `parsed`."""
        return parsed(txt)

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Pages of a search or a listing, one after the other as their `next` links say, empty ones included.

        Args:
            url: of the first page.
            method: GET unless given.
            parameters: of the first request; `next` links may ask for them to be sent again.

        Raises:
            Circle: a link that was followed already, or many empty pages on end.
            Refusal: no answer.
        """
        first = _Request(url, (method or "GET").upper(), parameters or {})
        following: _Request | None = first
        visited: set[str] = set()
        empty = 0
        while following is not None:
            name = json.dumps([following.url, following.method, dict(following.parameters), dict(following.headers)])
            if name in visited:
                raise Circle("its next page is one that was read already")
            visited.add(name)
            page = self._page(following)
            yield page
            empty = 0 if page.get("features") or page.get("collections") else empty + 1
            if empty > self.limits.most_empty_pages:
                raise Circle(f"{empty} empty pages follow each other")
            following = _next(page, following, first)

    def _page(self, wanted: _Request) -> dict[str, Any]:
        text = self.request(wanted.url, wanted.method, dict(wanted.headers), dict(wanted.parameters))
        try:
            page = parsed(text)
        except ValueError:
            page = None
        listed = page.get("features", page.get("collections")) if isinstance(page, dict) else None
        if not isinstance(listed, list) or not isinstance(page, dict):
            # Servers that fail half-way say so in an answer that looks well.
            no_page = f"its answer is no page of items or collections but {_printable(text[:100])!r}"
            raise Refusal(no_page, transient=isinstance(page, dict) and listed is None)
        return page

    def _answer(self, wanted: _Request) -> str:
        """Ask once."""
        place = public_url(wanted.url)
        try:
            with deadline(self.limits.request_seconds):
                response, content = bounded(lambda: self._send(wanted), place)
        except (requests.RequestException, HTTPError, TimeoutError, ValueError) as error:
            kind = type(error).__name__
            if passing(error):
                raise Refusal(f"{place} cannot be reached, or hangs up ({kind})", transient=True) from None
            raise Refusal(f"{place} cannot be asked ({kind})") from None
        status = response.status_code
        if response.request.method != wanted.method:
            # Clients turn a redirected POST into a GET, and with its body all conditions are lost.
            raise Refusal(f"{place} redirects searches to {public_url(response.url)}", 308)
        if 200 <= status < 300:
            return content.decode("utf-8", errors="replace")
        pause = retry_after(response.headers.get("Retry-After"))
        words = f"status {status} from {place}: {_said(response, content)}"
        raise Refusal(words + (f"; try again in {pause:g} s" if pause else ""), status, passing_status(status), pause)

    def _send(self, wanted: _Request) -> tuple[requests.Response, bytes]:
        inside = {"json": dict(wanted.parameters)} if wanted.method == "POST" else {"params": dict(wanted.parameters)}
        limits = (self.limits.connect_seconds, self.limits.read_seconds)
        with self.session.request(
            wanted.method,
            wanted.url,
            headers=dict(wanted.headers),
            timeout=limits,
            stream=True,
            **inside,  # type: ignore[arg-type]
        ) as response:
            return response, self._content(response)

    def _content(self, response: requests.Response) -> bytes:
        try:
            return content_of(response, self.limits.most_bytes)
        except TooLong:
            what = f"answers with more than {self.limits.most_bytes:,} bytes, and there may be no end of them"
            raise Refusal(f"{public_url(response.url)} {what}") from None


def next_link(page: Mapping[str, Any], method: str) -> Mapping[str, Any] | None:
    """The link to the page after this one; where there are several, that of the method used so far."""
    links = [link for link in page.get("links") or () if isinstance(link, dict) and link.get("rel") == "next"]
    same = [link for link in links if _method(link) == method]
    return next(iter(same or links), None)


def _method(link: Mapping[str, Any]) -> str:
    return str(link.get("method") or "GET").upper()


def _next(page: Mapping[str, Any], current: _Request, first: _Request) -> _Request | None:
    link = next_link(page, current.method)
    if link is None:
        return None
    url, method, merge = urljoin(current.url, str(link.get("href") or "")), _method(link), link.get("merge") is True
    body, headers = link.get("body") or {}, link.get("headers") or {}
    if not isinstance(body, dict) or not isinstance(headers, dict):
        raise Refusal("its link to the next page has a body or headers that are no objects")
    headers = {str(name): str(value) for name, value in headers.items()}
    if merge:
        body, headers = {**first.parameters, **body}, {**first.headers, **headers}
    return _Request(url, method, body if method == "POST" else {}, headers)


def _said(response: requests.Response, body: bytes) -> str:
    """What a server says of its refusal, short and harmless."""
    text = body[:READ_OF_REFUSALS].decode("utf-8", errors="replace")
    if "html" in response.headers.get("Content-Type", ""):
        return _printable(str(response.reason))
    try:
        content = json.loads(text)
    except ValueError:
        content = text
    if isinstance(content, dict):
        names = ("description", "detail", "message", "error", "title", "code")
        content = next((content[name] for name in names if content.get(name)), content)
    return _printable(content if isinstance(content, str) else json.dumps(content)) or _printable(str(response.reason))


def _printable(text: str) -> str:
    return " ".join(redacted(text).split())[:_SAID]
