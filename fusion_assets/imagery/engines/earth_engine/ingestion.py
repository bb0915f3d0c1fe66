"""Rasters that Earth Engine makes image assets of: started once, followed to their end, compared with what was sent.

What is known of them lies beside the artifacts, one file each; the protocol is that of exports (`submit`, `states`,
`finished_since`, `resubmit`), and so are the words of failures (`engines/failures.py`).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.earth_engine import tasks
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read, status_of
from fusion_assets.imagery.engines.earth_engine.manifests import IDENTITY, Upload
from fusion_assets.imagery.engines.earth_engine.polling import FILES_GRACE
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.imagery.engines.protocol import State
from fusion_assets.imagery.engines.restoring import check_restored, fields_of, restored
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage

INGESTIONS = "_ingestions"
"""Folder of the records."""
_CHANGED = "remove it, and materialize the upload again"


@dataclass(frozen=True)
class Ingestion:
    """An upload that Earth Engine has accepted, with its operation and state.

    Attributes:
        id: of the upload.
        upload: what was asked.
        state: of the operation.
        submitted: UTC, ISO 8601.
        finished: when this project saw it end, by its own clock; None while it runs.
        message: what went wrong, when it failed, or with the attempt before.
        operation: resource name of the task; empty where the asset was there already.
        attempt: number of tasks started for it.
        facts: what Earth Engine tells of the task; see `tasks.Operation`.
        succeeded: when the task was first seen to have succeeded, while its asset is waited for.
    """

    id: str
    upload: Upload
    state: State
    submitted: str
    finished: str | None = None
    message: str = ""
    operation: str = ""
    attempt: int = 1
    facts: dict[str, Any] = field(default_factory=dict)
    succeeded: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still change."""
        return self.state in ("PENDING", "RUNNING")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; `from_dict` restores it."""
        return {**fields_of(self), "upload": self.upload.to_dict(), "engine": "earth_engine"}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Ingestion:
        """Restore an ingestion from `to_dict`.

        Raises:
            FusionError: it is something else, or of a version that this one does not know.
        """
        with as_written(f"the upload {str(facts.get('id'))[:40]!r}", _CHANGED):
            ingestion = restored(cls, facts, upload=Upload.from_dict(facts["upload"]))
            times = (ingestion.submitted, ingestion.finished, ingestion.succeeded or None)
            check_restored(ingestion, facts, ingestion.upload, times=times)
            if ingestion.id != ingestion.upload.id:
                raise ValueError("it has the id of another upload")
        return ingestion

    def failure(self) -> FusionError:
        """Why it is no asset yet, and what to do."""
        advice = kind_of(self.message).advice if self.state == "FAILED" else "wait until it has ended, then look again"
        if kind_of(self.message).name == "files":
            advice = "nothing: it is asked again"
        if "overwrite" in self.message.lower():
            advice = "delete the asset, choose another `asset`, or allow to overwrite it"
        told = f", {self.message}" if self.message else ""
        return FusionError(
            f"{self.upload.target} of {self.upload.partition} ({self.operation}): {self.state}{told}",
            "an ingestion that has succeeded",
            advice,
        )


class Ingestions:
    """Uploads to Earth Engine.

    Args:
        storage: the root; records are kept under it.
        connection: to ask.
        grace: an asset of a task that succeeded may take a moment to appear; after this it is missing.
    """

    def __init__(self, storage: Storage, connection: Connection, grace: dt.timedelta = FILES_GRACE) -> None:
        self._storage, self.connection, self._grace = storage, connection, grace

    def submit(self, upload: Upload) -> Ingestion:
        """Start an upload, or find what was started, by whomever: the same upload never starts a second operation.

        One that has failed, or whose asset is gone or was replaced since, is tried anew.

        Raises:
            FusionError: there is another asset of this name, or Earth Engine refuses.
        """
        earlier = self._read(upload.id)
        if earlier is not None and earlier.open:
            earlier = self.states([earlier])[0]
        if earlier is not None and earlier.open:
            return earlier
        there = self._identity_there(upload.target)
        if there == upload.id:
            moment = operations.now()
            known = earlier or Ingestion(upload.id, upload, "SUCCEEDED", moment)
            return self._write(dataclasses.replace(known, state="SUCCEEDED", finished=moment, message=""))
        if there is not None and not upload.overwrite:
            raise FusionError(
                f"there is an asset {upload.target}, made by {'another upload' if there else 'somebody else'}",
                "no asset of this name",
                "delete it, choose another `asset`, or allow to overwrite it",
            )
        attempt, before = (1, "") if earlier is None else (earlier.attempt + 1, earlier.message)
        told = f"attempt {attempt - 1} failed: {before}" if before else ""
        return self._start(Ingestion(upload.id, upload, "PENDING", operations.now(), message=told, attempt=attempt))

    def resubmit(self, ingestion: Ingestion) -> Ingestion:
        """Start another task for an upload that has failed; one attempt at a time."""
        known = self._read(ingestion.id) or ingestion
        return self.submit(known.upload) if known.state == "FAILED" else known

    def states(self, ingestions: Sequence[Ingestion]) -> list[Ingestion]:
        """The same uploads as they are now, written down where they have changed: one listing for all of them."""
        known = [self._read(ingestion.id) or ingestion for ingestion in ingestions]
        if not any(ingestion.open for ingestion in known):
            return known
        by_name = {operation.name: operation for operation in tasks.ours(tasks.listed(self.connection))}

        def look(ingestion: Ingestion) -> Ingestion:
            if not ingestion.open:
                return ingestion
            operation = by_name.get(ingestion.operation) or tasks.get(ingestion.operation, self.connection)
            new = self._seen(ingestion, operation)
            return ingestion if new == ingestion else self._write(new)

        return [look(ingestion) for ingestion in known]

    def finished_since(self, cursor: str | None) -> tuple[list[Ingestion], str]:
        """Uploads that were seen to finish after `cursor`, oldest first, and the next cursor.

        As with exports, the last minutes before the cursor are told again, and a record that cannot be read keeps no
        other waiting: `odd` tells of it.
        """
        seen, since = operations.now(), operations.since(cursor)
        records = list(operations.recent(self._storage, since, Ingestion.from_dict, INGESTIONS))
        settled = [ingestion for ingestion in self.states(records) if not ingestion.open]
        return sorted(settled, key=lambda ingestion: (ingestion.finished or "", ingestion.id)), seen

    def odd(self) -> list[FusionError]:
        """What is wrong with the records that were left out of the last look."""
        return operations.odd(INGESTIONS)

    def _start(self, ingestion: Ingestion) -> Ingestion:
        upload = ingestion.upload
        tasks.check_queue(tasks.listed(self.connection), None)
        name = tasks.description(upload, upload.id, ingestion.attempt)
        body = {
            "imageManifest": upload.manifest(),
            "description": name,
            "overwrite": upload.overwrite,
            "requestId": tasks.request_id(upload.id, ingestion.attempt, upload.target),
        }
        about = f"starting the upload {name}"
        answer = self.connection.ask(partial(_import_image, body), about)
        operation = read(lambda: tasks.named(answer), about)
        return self._write(dataclasses.replace(ingestion, operation=operation))

    def _seen(self, ingestion: Ingestion, operation: tasks.Operation | None) -> Ingestion:
        facts = ingestion.facts if operation is None else operation.facts
        if operation is not None and operation.state in ("PENDING", "RUNNING"):
            return dataclasses.replace(ingestion, state=operation.state, facts=facts)
        if operation is not None and operation.state == "FAILED":
            return _ended(ingestion, "FAILED", operation.message, facts)
        there = self._identity_there(ingestion.upload.target)
        if there == ingestion.id:
            return _ended(ingestion, "SUCCEEDED", "", facts)
        found = f"there is {'no' if there is None else 'another'} asset {ingestion.upload.target}"
        if operation is None:
            return _ended(ingestion, "FAILED", f"Earth Engine no longer knows the task, and {found}", facts)
        since = ingestion.succeeded or operations.now()
        if dt.datetime.fromisoformat(operations.now()) - dt.datetime.fromisoformat(since) > self._grace:
            return _ended(ingestion, "FAILED", f"the task succeeded, but {found}", facts)
        waiting = f"asset not ready: {found}"
        return dataclasses.replace(ingestion, state="RUNNING", message=waiting, facts=facts, succeeded=since)

    def _identity_there(self, target: str) -> str | None:
        """Id of the upload that an asset was made by, empty where it says none; None where there is no asset."""
        import ee

        def ask() -> dict[str, Any] | None:
            try:
                return ee.data.getAsset(target)
            except ee.EEException as error:
                if status_of(error) == 404 or "not found" in str(error).lower():
                    return None
                raise

        about = f"looking up {target}"
        asset = self.connection.ask(ask, about)
        return None if asset is None else read(lambda: str((asset.get("properties") or {}).get(IDENTITY, "")), about)

    def _read(self, upload_id: str) -> Ingestion | None:
        facts = operations.read(self._storage, upload_id, INGESTIONS)
        return None if facts is None else Ingestion.from_dict(facts)

    def _write(self, ingestion: Ingestion) -> Ingestion:
        path = operations.file_of(self._storage, ingestion.id, INGESTIONS)
        self._storage.write_bytes(json.dumps(ingestion.to_dict()).encode(), path)
        return ingestion


def _ended(
    ingestion: Ingestion, state: Literal["SUCCEEDED", "FAILED"], message: str, facts: dict[str, Any]
) -> Ingestion:
    return dataclasses.replace(ingestion, state=state, finished=operations.now(), message=message, facts=facts)


def _import_image(body: dict[str, Any]) -> Any:
    """The operation of a request `image:import`.

    What `ee.data.startIngestion` asks, with the client's own means, and two things more: that one takes a request id
    but does not send it (1.7.50), so that an answer that is lost would start a second task, and no description.
    """
    import ee

    request = ee.data._get_cloud_projects().image().import_(project=ee.data._get_projects_path(), body=body)
    return ee.data._execute_cloud_call(request, num_retries=0)
