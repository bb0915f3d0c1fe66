"""One long-running operation: what is known of it, and how the API shows it. How it moves is in `operations.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fusion_assets.loopbacks.earth_engine.clock import timestamp

DONE = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass
class Operation:
    """One operation; times are the clock's, None for what has not happened."""

    name: str
    type: str
    description: str
    request: dict[str, Any]
    created: float
    sequence: int
    state: str = "PENDING"
    started: float | None = None
    ended: float | None = None
    updated: float = 0.0
    attempt: int = 1
    priority: int = 100
    uris: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    eecu_seconds: float = 0.0
    error: dict[str, Any] | None = None
    fault: dict[str, Any] | None = None
    forgotten: bool = False
    bare: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the API shows it; a bare one has no description and no times but the first."""
        times = {
            "createTime": self.created,
            "startTime": self.started,
            "endTime": self.ended,
            "updateTime": self.updated,
        }
        metadata: dict[str, Any] = {
            "@type": "type.googleapis.com/google.earthengine.v1.OperationMetadata",
            "state": self.state,
            "description": self.description,
            "priority": self.priority,
            **{name: timestamp(value) for name, value in times.items() if value is not None},
            "type": self.type,
            "progress": 1 if self.state == "SUCCEEDED" else 0,
        }
        if self.started is not None:
            metadata["attempt"] = self.attempt
        if self.state in DONE and self.started is not None:
            metadata["batchEecuUsageSeconds"] = self.eecu_seconds
        if self.state == "SUCCEEDED":
            metadata["destinationUris"] = self.uris
        if self.bare:
            del metadata["description"]
        answer: dict[str, Any] = {"name": self.name, "metadata": metadata}
        if self.state in DONE:
            answer["done"] = True
            outcome = {"response": {"@type": "type.googleapis.com/google.protobuf.Empty"}}
            answer |= {"error": self.error} if self.error else outcome
        return answer
