"""Errors in the form that the service answers with."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class ServiceError(Exception):
    """Answered as `{"error": {"status", "reason", "message", "code"}}`.

    Args:
        message: for people.
        status: HTTP status.
        code: for programs.
        headers: sent beside.
    """

    def __init__(
        self, message: str, status: int = 400, code: str = "COMMON_BAD_PAYLOAD", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.headers = message, status, code, headers or {}

    def to_json(self) -> dict[str, Any]:
        """The body."""
        reason = HTTPStatus(self.status).phrase
        return {"error": {"status": self.status, "reason": reason, "message": self.message, "code": self.code}}
