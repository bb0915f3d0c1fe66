"""Whom the servers on this machine answer: its own people and programs, and no page of somebody else's.

Any page that is open in a browser can send requests to 127.0.0.1. What it cannot do is say something else than the
browser lets it in Host, Origin, Referer and Sec-Fetch-*; programs that are no browsers send none but the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

NAMES = ("127.0.0.1", "localhost", "[::1]")
# Against sniffing, framing and windows that keep a handle on ours.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
NO_FRAMES = "frame-ancestors 'none'"
_OURS = ("same-origin", "none")

Headers = Sequence[tuple[str, str]]


def refusal(headers: Headers, port: int, page: bool) -> tuple[int, str] | None:
    """Why a request is not answered, as HTTP status and one line; None where it is.

    Args:
        headers: of the request.
        port: of 127.0.0.1, on which it came.
        page: whether it is a GET of a page, which links elsewhere may lead to.
    """
    hosts = values(headers, "host")
    allowed = [f"{name}:{port}" for name in NAMES] + (list(NAMES) if port == 80 else [])
    if len(hosts) != 1 or hosts[0].lower() not in allowed:
        return 421, f"Host is {', '.join(hosts) or 'missing'}: this server answers as {' and '.join(allowed)}"
    own = f"http://{hosts[0].lower()}"
    foreign = [origin for origin in values(headers, "origin") if origin.lower() != own]
    if foreign:
        return 403, f"a page of {foreign[0]} may not ask this server"
    sites = values(headers, "sec-fetch-site")
    if sites:
        link = page and values(headers, "sec-fetch-mode") == ["navigate"]
        link = link and values(headers, "sec-fetch-dest") == ["document"]
        if not link and any(site not in _OURS for site in sites):
            return 403, f"a page elsewhere may not ask this server (Sec-Fetch-Site: {', '.join(sites)})"
        return None
    # Of browsers from before 2023.
    link = page and any("text/html" in accepted for accepted in values(headers, "accept"))
    for referer in values(headers, "referer"):
        if not link and _origin(referer) != own:
            return 403, f"a page of {_origin(referer)} may not ask this server"
    return None


def values(headers: Headers, name: str) -> list[str]:
    """Every value of a header."""
    return [value.strip() for key, value in headers if key.lower() == name]


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an odd address"
    return f"{parts.scheme}://{parts.netloc}".lower()
