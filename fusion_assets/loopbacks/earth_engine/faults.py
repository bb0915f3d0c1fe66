"""Faults that a test asks for: which requests or tasks they hit, how often, and what happens.

Faults of requests: `429`, `500`, `503`, `aggregations`, `quota`, `unauthenticated`, `forbidden`, `disabled`, `memory`,
`timeout` (answered with Earth Engine's message), `drop` (the connection closes unanswered, nothing done),
`lost_answer` (done, then the connection closes), `cut` (half an answer), `slow` (answered after `seconds`).

Faults of tasks: `fail` (with `message`), `task_memory`, `task_quota`, `no_pixels`, `permission`, `never_ends`,
`missing_shard`, `truncated_shard`, `expired` (finishes, but neither list nor get knows it any more).
"""

from __future__ import annotations

import dataclasses
import random
import threading
from dataclasses import dataclass
from typing import Any

from fusion_assets.loopbacks.earth_engine.errors import ServiceError

REQUEST_ERRORS = {
    "429": (429, "Too many requests. Please retry later."),
    "500": (500, "An internal server error has occurred. Please retry later."),
    "503": (503, "The service is currently unavailable."),
    "aggregations": (429, "Too many concurrent aggregations."),
    "quota": (
        429,
        "Quota exceeded for quota metric 'Interactive requests' and limit 'Requests per minute' of service "
        "'earthengine.googleapis.com'.",
    ),
    "unauthenticated": (401, "Request had invalid authentication credentials."),
    "forbidden": (403, "Caller does not have required permission to use project demo."),
    "disabled": (403, "Earth Engine API has not been used in project 123 before or it is disabled."),
    "memory": (400, "User memory limit exceeded."),
    "timeout": (400, "Computation timed out."),
}
REQUEST_KINDS = {*REQUEST_ERRORS, "drop", "lost_answer", "cut", "slow"}
TASK_MESSAGES = {
    "fail": "Execution failed; an internal error has occurred.",
    "task_memory": "Execution failed; out of memory.",
    "task_quota": "Quota exceeded: maximum EECU-seconds for this project has been used.",
    "no_pixels": "Image.select: Band pattern 'B2' did not match any bands. Available bands: []",
    "permission": "Access Denied: loopback does not have storage.objects.create access to the bucket.",
}
TASK_KINDS = {*TASK_MESSAGES, "never_ends", "missing_shard", "truncated_shard", "expired"}


@dataclass
class Fault:
    """One rule.

    Attributes:
        kind: one of those listed above.
        endpoint: requests: name of the endpoint, such as `value.compute`, or `*`.
        description: tasks: text that the task's description contains; empty for all.
        times: how many hits; None for always.
        after: matching requests or tasks that pass first.
        probability: of each hit.
        seconds: of a slow answer.
        message: instead of the kind's own.
        hits: how often it has struck.
    """

    kind: str
    endpoint: str = "*"
    description: str = ""
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    seconds: float = 1.0
    message: str | None = None
    hits: int = 0


class Faults:
    """The rules in force; safe to change while the service runs."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self.rules: list[Fault] = []

    def add(self, kind: str, **options: Any) -> Fault:
        """Put a rule in force; see `Fault` for the options."""
        if kind not in REQUEST_KINDS | TASK_KINDS:
            raise ValueError(f"no fault {kind}; there are {', '.join(sorted(REQUEST_KINDS | TASK_KINDS))}")
        rule = Fault(kind, **options)
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self.rules.clear()

    def seed(self, seed: int) -> None:
        """Start the sequence of random hits anew."""
        self._random = random.Random(seed)

    def for_request(self, endpoint: str) -> Fault | None:
        """The rule that strikes a request, if any."""
        return self._strike(lambda rule: rule.kind in REQUEST_KINDS and rule.endpoint in ("*", endpoint))

    def for_task(self, description: str) -> Fault | None:
        """The rule that strikes a task, if any; asked once for each task."""
        return self._strike(lambda rule: rule.kind in TASK_KINDS and rule.description in description)

    def to_json(self) -> list[dict[str, Any]]:
        """All rules."""
        return [dataclasses.asdict(rule) for rule in self.rules]

    def _strike(self, matches: Any) -> Fault | None:
        with self._lock:
            for rule in self.rules:
                if not matches(rule) or (rule.times is not None and rule.hits >= rule.times):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                if self._random.random() < rule.probability:
                    rule.hits += 1
                    return dataclasses.replace(rule)
        return None


def error_of(rule: Fault) -> ServiceError:
    """The error that a rule of a request answers with."""
    code, message = REQUEST_ERRORS[rule.kind]
    return ServiceError(rule.message or message, code)
