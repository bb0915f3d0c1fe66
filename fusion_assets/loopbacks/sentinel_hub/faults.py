"""Faults that a test asks for: which requests they hit, how often, and what happens.

Kinds: `429` (with `retry_after`, as the header is sent; None leaves it out), `500`, `503`, `forbidden`, `units`,
`careless` (an error that repeats what was sent, secrets included), `expire` (all tokens become worthless first),
`drop` (the connection closes unanswered), `cut` (half an answer, then the connection closes), `slow`; of pixels:
`truncated` (half a file, said to be whole), `wrong_size`, `missing_band`, `moved` (another place), `not_tiff`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from fusion_assets.loopbacks.sentinel_hub.errors import ServiceError

PLAIN = {
    "500": ("Internal server error.", 500, "COMMON_EXCEPTION"),
    "503": ("Service unavailable.", 503, "COMMON_EXCEPTION"),
    "forbidden": ("Insufficient permissions.", 403, "COMMON_INSUFFICIENT_PERMISSIONS"),
    "units": ("Insufficient processing units available in your account.", 403, "ACCESS_INSUFFICIENT_PROCESSING_UNITS"),
}
_OF_PIXELS = {"truncated", "wrong_size", "missing_band", "moved", "not_tiff"}
KINDS = {*PLAIN, *_OF_PIXELS, "429", "careless", "expire", "drop", "cut", "slow"}


@dataclass
class Fault:
    """One rule: `kind` strikes `endpoint` (token, search, process, collections) `times` times (None: always)."""

    kind: str
    endpoint: str
    times: int | None = 1
    after: int = 0
    retry_after: str | None = "10"
    seconds: float = 1.0
    hits: int = 0


class Faults:
    """The rules in force; safe to change while the service runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rules: list[Fault] = []

    def add(self, kind: str, endpoint: str, **options: object) -> Fault:
        """Put a rule in force."""
        if kind not in KINDS:
            raise ValueError(f"no fault {kind}; there are {', '.join(sorted(KINDS))}")
        rule = Fault(kind, endpoint, **options)  # type: ignore[arg-type]
        with self._lock:
            self.rules.append(rule)
        return rule

    def strike(self, endpoint: str) -> Fault | None:
        """The rule that strikes a request, if any."""
        with self._lock:
            for rule in self.rules:
                if rule.endpoint != endpoint or (rule.times is not None and rule.hits >= rule.times):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.hits += 1
                return rule
        return None


def error_of(rule: Fault, received: str, authorization: str) -> ServiceError | None:
    """The error that a rule answers with, if it is one."""
    if rule.kind in PLAIN:
        return ServiceError(*PLAIN[rule.kind])
    if rule.kind == "careless":
        return ServiceError(f"What is {authorization} with {received}?", 400)
    if rule.kind == "429":
        headers = {} if rule.retry_after is None else {"Retry-After": rule.retry_after}
        return ServiceError("You have exceeded your rate limit", 429, "RATE_LIMIT_EXCEEDED", headers)
    return None
