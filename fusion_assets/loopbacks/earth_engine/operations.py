"""Long-running operations: submitted once per request id, moved along by the clock, kept in a folder if there is one.

PENDING until `pending_seconds` have passed, RUNNING until `running_seconds` more, then the work is done and the
operation SUCCEEDED or FAILED. What the work is, is told by the caller (`exporting.py`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import secrets
import string
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fusion_assets.loopbacks.earth_engine.clock import Clock
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.faults import TASK_MESSAGES, Fault, Faults
from fusion_assets.loopbacks.earth_engine.operation import DONE, Operation

LARGEST_PAGE = 1000
_DESCRIPTION = re.compile(r"[A-Za-z0-9.,:;_-]{0,100}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{0,60}")
_LETTERS = string.ascii_uppercase + string.digits


class Operations:
    """All operations of a service.

    Args:
        clock: that moves them.
        faults: that strike them.
        work: does what an operation asks for; fills in its objects and addresses, or raises ServiceError.
        folder: where they are kept, so that a service started again knows them; in memory without it.
    """

    def __init__(
        self, clock: Clock, faults: Faults, work: Callable[[Operation], None], folder: Path | None = None
    ) -> None:
        self.pending_seconds, self.running_seconds = 0.0, 0.0
        self.queue_limit = 3000
        self._clock, self._faults, self._work, self._folder = clock, faults, work, folder
        self._lock, self._working = threading.RLock(), threading.Lock()
        self._by_name: dict[str, Operation] = {}
        self._by_request: dict[str, str] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("*.json")):
                self._remember(Operation(**json.loads(path.read_text())))

    def submit(self, project: str, kind: str, body: dict[str, Any], unnamed: str = "") -> Operation:
        """Start an operation, or find the one that the same request id has started.

        Args:
            project: that asks.
            kind: `metadata.type`.
            body: of the request.
            unnamed: the description where the request has none.

        Raises:
            ServiceError: a description, request id or priority outside what is allowed, or a full queue.
        """
        description, request_id = str(body.get("description", "")), str(body.get("requestId", ""))
        if not _DESCRIPTION.fullmatch(description):
            raise ServiceError(
                "The description must contain only the following characters: a..z, A..Z, 0..9, '.', ',', ':', ';', "
                f"'_' or '-'. The description must be at most 100 characters long. Found: '{description}'."
            )
        if not _REQUEST_ID.fullmatch(request_id):
            raise ServiceError(
                "requestId may contain the characters a..z, A..Z, 0-9, or '-' and be at most 60 characters long."
            )
        priority = int((body.get("priority") or {}).get("value", 100))
        if not 0 <= priority <= 9999:
            raise ServiceError("Priority must be between 0 and 9999.")
        with self._lock:
            if request_id and request_id in self._by_request:
                return self._by_name[self._by_request[request_id]]
            if sum(op.state == "PENDING" for op in self._by_name.values()) >= self.queue_limit:
                raise ServiceError(
                    f"Too many tasks already in the queue ({self.queue_limit}). "
                    "Please wait for some of them to complete.",
                    429,
                )
            description = description or unnamed
            struck = self._faults.for_task(description)
            operation = self.add(project, type=kind, description=description, request=body, priority=priority)
            operation.fault = dataclasses.asdict(struck) if struck else None
            self._save(operation)
            return operation

    def add(self, project: str, **facts: Any) -> Operation:
        """Put an operation in the list without any check: foreign ones, finished ones, bare ones."""
        with self._lock:
            now = self._clock.now()
            name = f"projects/{project}/operations/{''.join(secrets.choice(_LETTERS) for _ in range(24))}"
            defaults = {"name": name, "type": "EXPORT_IMAGE", "description": "", "request": {}, "created": now}
            operation = Operation(**{**defaults, "updated": now, "sequence": len(self._by_name), **facts})
            self._remember(operation)
            if "request" not in facts:
                self._save(operation)
            return operation

    def get(self, name: str) -> Operation:
        """One operation.

        Raises:
            ServiceError: it is not known, or no longer.
        """
        operation = self._by_name.get(name)
        if operation is None or operation.forgotten:
            raise ServiceError(f"Operation '{name}' not found.", 404)
        return operation

    def page(self, project: str, size: int, token: str | None) -> tuple[list[Operation], str | None]:
        """Operations of a project, the newest first, and where the next page starts.

        A token holds its place while new operations arrive.
        """
        with self._lock:
            listed = [
                o for o in self._by_name.values() if not o.forgotten and o.name.startswith(f"projects/{project}/")
            ]
            listed.sort(key=lambda o: -o.sequence)
            if token:
                if not token.isdigit():
                    raise ServiceError("Invalid page token.")
                listed = [operation for operation in listed if operation.sequence < int(token)]
            size = min(size or 500, LARGEST_PAGE)
            page = listed[:size]
            return page, str(page[-1].sequence) if len(listed) > size else None

    def cancel(self, name: str) -> None:
        """Ask an operation to stop; what is done stays done."""
        operation = self.get(name)
        with self._lock:
            if operation.state not in DONE:
                self._end(operation, "CANCELLED", {"code": 1, "message": "Cancelled."})

    def forget(self, name: str) -> None:
        """Let an operation expire: neither list nor get knows it any more."""
        self._by_name[name].forgotten = True
        self._save(self._by_name[name])

    def all(self) -> list[Operation]:
        """Every operation, expired ones too, in the order in which they came."""
        return list(self._by_name.values())

    def settle(self) -> None:
        """Move every operation to where the clock says it is; does the work of those that are due."""
        with self._working:
            for operation in self.all():
                if operation.state not in DONE:
                    self._move(operation)

    def _move(self, operation: Operation) -> None:
        now = self._clock.now()
        starts = operation.created + self.pending_seconds
        if operation.state == "PENDING" and now >= starts:
            operation.state, operation.started, operation.updated = "RUNNING", starts, starts
            self._save(operation)
        if operation.state != "RUNNING" or now < (operation.started or 0) + self.running_seconds:
            return
        fault = Fault(**operation.fault) if operation.fault else None
        if fault is not None and fault.kind == "never_ends":
            return
        error = None
        try:
            if fault is not None and fault.kind in TASK_MESSAGES:
                raise ServiceError(fault.message or TASK_MESSAGES[fault.kind])
            self._work(operation)
        except ServiceError as problem:
            error = problem.to_operation_error()
        except Exception as problem:
            error = {"code": 13, "message": f"{TASK_MESSAGES['fail']} ({type(problem).__name__}: {problem})"}
        with self._lock:
            if operation.state == "RUNNING":
                self._end(operation, "FAILED" if error else "SUCCEEDED", error)
                operation.forgotten = fault is not None and fault.kind == "expired"
                self._save(operation)

    def _end(self, operation: Operation, state: str, error: dict[str, Any] | None) -> None:
        operation.state, operation.error = state, error
        operation.ended = operation.updated = self._clock.now()
        if operation.started is not None:
            operation.eecu_seconds = round(10 + self.running_seconds, 3)
        self._save(operation)

    def _remember(self, operation: Operation) -> None:
        self._by_name[operation.name] = operation
        if operation.request.get("requestId"):
            self._by_request[operation.request["requestId"]] = operation.name

    def _save(self, operation: Operation) -> None:
        if self._folder is None:
            return
        path = self._folder / f"{operation.sequence:08d}.json"
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(dataclasses.asdict(operation)))
        os.replace(beside, path)
