"""What requests are answered from: the archive, tokens, rate limit, faults and counters."""

from __future__ import annotations

import collections
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from fusion_assets.loopbacks.sentinel_hub.archive import Archive
from fusion_assets.loopbacks.sentinel_hub.errors import ServiceError
from fusion_assets.loopbacks.sentinel_hub.faults import Faults


class Backend:
    """A loopback Sentinel Hub without its address.

    Args:
        catalog: path of the STAC catalog it serves.
        client: id and secret that are let in.
        prefix: of item ids, to serve one place of many.

    Attributes:
        faults: rules of what goes wrong.
        requests: how many, by endpoint.
        bodies: JSON bodies of all process and search requests, in order of arrival.
        token_mark: every token begins with it.
        lifetime: of tokens, seconds.
        page: most items on a page of search results.
        per_second: requests let through, with a burst of as many; None for no limit.
    """

    def __init__(self, catalog: str | Path, client: tuple[str, str], prefix: str) -> None:
        self.archive, self.client = Archive(catalog, prefix), client
        self.faults = Faults()
        self.requests: collections.Counter[str] = collections.Counter()
        self.bodies: list[dict[str, Any]] = []
        self.token_mark, self.lifetime, self.page = "token", 3600.0, 100
        self.per_second: float | None = None
        self.most_at_once = 0
        self.lock = threading.Lock()
        self._running, self._filled, self._level = 0, time.monotonic(), 0.0
        self._tokens: dict[str, float] = {}

    def new_token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body of the token endpoint (RFC 6749, section 4.4)."""
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if (form.get("client_id"), form.get("client_secret")) != self.client:
            said = f"{form.get('client_secret')} is not the secret of {form.get('client_id')}"
            return 401, {"error": "invalid_client", "error_description": said}
        token = f"{self.token_mark}-{secrets.token_hex(4)}"
        with self.lock:
            self._tokens[token] = time.monotonic() + self.lifetime
        return 200, {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}

    def expire(self) -> None:
        """All tokens become worthless."""
        with self.lock:
            self._tokens.clear()

    def admit(self, authorization: str) -> None:
        """Let a request in, or not.

        Raises:
            ServiceError: 401 without a valid token, 429 above the rate.
        """
        with self.lock:
            if self._tokens.get(authorization.removeprefix("Bearer "), 0) < time.monotonic():
                raise ServiceError("You are not authorized! The token is invalid.", 401, "COMMON_UNAUTHORIZED")
            if self.per_second is None:
                return
            now = time.monotonic()
            self._level = min(self.per_second, self._level + (now - self._filled) * self.per_second)
            self._filled = now
            if self._level < 1:
                wait = (1 - self._level) / self.per_second
                headers = {"Retry-After": str(int(wait * 1000) + 1)}
                raise ServiceError("You have exceeded your rate limit", 429, "RATE_LIMIT_EXCEEDED", headers)
            self._level -= 1

    def running(self, change: int) -> None:
        """Count requests that are being rendered."""
        with self.lock:
            self._running += change
            self.most_at_once = max(self.most_at_once, self._running)
