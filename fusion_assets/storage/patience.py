"""How long somebody elsewhere may take, and how object stores' file systems are told so.

Each of them asks again by itself: gcsfs and s3fs six and five times with growing pauses. So nobody who stays silent is
waited for longer than some ten minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CONNECT_SECONDS, SILENCE_SECONDS = 10.0, 60.0
"""To accept a connection, and to say another word."""
_WHOLE_SECONDS = 900.0
"""For one object, whole."""


def _of_aiohttp() -> Any:
    from aiohttp import ClientTimeout

    return ClientTimeout(total=_WHOLE_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)


def _of_google() -> dict[str, Any]:
    return {"requests_timeout": _of_aiohttp()}


def _of_amazon() -> dict[str, Any]:
    # What the client asks again by itself is multiplied with what the file system asks again.
    times = {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENCE_SECONDS}
    return {"config_kwargs": {**times, "retries": {"total_max_attempts": 2}}}


def _of_azure() -> dict[str, Any]:
    return {"connection_timeout": int(CONNECT_SECONDS), "read_timeout": int(SILENCE_SECONDS)}


def _of_web() -> dict[str, Any]:
    return {"client_kwargs": {"timeout": _of_aiohttp()}}


_OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    **dict.fromkeys(("gs", "gcs"), _of_google),
    **dict.fromkeys(("s3", "s3a"), _of_amazon),
    **dict.fromkeys(("az", "abfs", "abfss"), _of_azure),
    **dict.fromkeys(("http", "https"), _of_web),
}


def options_of(url: str) -> dict[str, Any]:
    """What the file system of an address is told of time; nothing where it is no other machine's.

    Raises:
        ImportError: its package is not installed.
    """
    of = _OPTIONS.get(url.partition("://")[0] if "://" in url else "")
    return of() if of else {}
