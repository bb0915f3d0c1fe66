"""Errors in the form in which the service's clients expect them. Nothing here knows HTTP handling or algorithms."""

from __future__ import annotations

from typing import Any

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
# google.rpc.Code of each status, which is what a failed operation carries.
RPC_CODES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}


class ServiceError(Exception):
    """A request that the service refuses, or a computation that fails, with its HTTP status."""

    def __init__(self, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.message, self.code = message, code

    @property
    def status(self) -> str:
        """Name of the status, as in google.rpc.Code."""
        return _STATUS.get(self.code, "UNKNOWN")

    def to_json(self) -> dict[str, Any]:
        """Body of the HTTP answer."""
        return {"error": {"code": self.code, "message": self.message, "status": self.status}}

    def to_operation_error(self) -> dict[str, Any]:
        """`error` of a failed operation."""
        return {"code": RPC_CODES.get(self.status, 2), "message": self.message}
