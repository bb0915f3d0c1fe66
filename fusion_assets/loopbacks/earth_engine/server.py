"""The service: from a request to the function that answers it, with faults on the way; nothing is computed here."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fusion_assets.loopbacks.earth_engine import assets
from fusion_assets.loopbacks.earth_engine.backend import Backend
from fusion_assets.loopbacks.earth_engine.buckets import Buckets
from fusion_assets.loopbacks.earth_engine.clock import Clock
from fusion_assets.loopbacks.earth_engine.coercion import coerce
from fusion_assets.loopbacks.earth_engine.discovery import DEPRECATED, deprecated, document
from fusion_assets.loopbacks.earth_engine.encoding import encode
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.exporting import check_image_export
from fusion_assets.loopbacks.earth_engine.faults import REQUEST_ERRORS, Fault, error_of
from fusion_assets.loopbacks.earth_engine.imaging import request_cache
from fusion_assets.loopbacks.earth_engine.ingesting import INGEST_IMAGE, check_image_import
from fusion_assets.loopbacks.earth_engine.rendering import compute_pixels
from fusion_assets.loopbacks.earth_engine.signatures import carried
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer

LARGEST_BODY = 10 << 20
PROJECT = "demo"
"""Any name is let in; this one is handed out."""
_COMPUTING = ("value.compute", "image.computePixels")
_TICK_SECONDS = 0.05
_DEPTH = 10_000


def _compute_value(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    with request_cache():
        return {"result": encode(service.evaluate(body["expression"]))}


def _compute_pixels(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    return compute_pixels(coerce(service.evaluate(body["expression"]), "Image", "computePixels"), body)


def _export_image(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    check_image_export(body)
    service.check(body["expression"])
    return service.operations.submit(path["project"], "EXPORT_IMAGE", body).to_json()


def _export_table(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    if "cloudStorageDestination" not in (body.get("fileExportOptions") or {}):
        raise ServiceError("table:export: this loopback service knows Cloud Storage destinations only.")
    service.check(body["expression"])
    return service.operations.submit(path["project"], "EXPORT_FEATURES", body).to_json()


def _import_image(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    check_image_import(body)
    unnamed = f'Ingest image: "{body["imageManifest"]["name"]}"'
    return service.operations.submit(path["project"], INGEST_IMAGE, body, unnamed).to_json()


def _list_operations(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    page, token = service.operations.page(path["project"], int(query.get("pageSize") or 0), query.get("pageToken"))
    answer: dict[str, Any] = {"operations": [operation.to_json() for operation in page]} if page else {}
    return {**answer, "nextPageToken": token} if token else answer


def _cancel(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    service.operations.cancel(path["name"])
    return {}


def _list_images(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    answer = assets.listed(service.catalog, path["name"], query)
    return {"images": answer.pop("assets"), **answer}


def _get_operation(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    return service.operations.get(path["name"]).to_json()


def _get_config(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    return {"name": path["name"], "maxConcurrentExports": "2"}


def _list_assets(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    return assets.listed(service.catalog, path["name"], query)


def _get_asset(service: EarthEngineService, path: dict, query: dict, body: dict) -> Any:
    return assets.asset(service.catalog, path["name"])


# Method, pattern of the path, name in the counters and fault rules, answer.
_ROUTES: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("GET", r"/\$discovery/rest", "discovery", lambda s, p, q, b: document(s.url)),
    ("GET", DEPRECATED, "deprecated", lambda s, p, q, b: deprecated()),
    ("GET", r"/v1/projects/[^/]+/algorithms", "algorithms", lambda s, p, q, b: carried("algorithms.json").encode()),
    ("POST", r"/v1/projects/[^/]+/value:compute", "value.compute", _compute_value),
    ("POST", r"/v1/projects/[^/]+/image:computePixels", "image.computePixels", _compute_pixels),
    ("POST", r"/v1/projects/(?P<project>[^/]+)/image:export", "image.export", _export_image),
    ("POST", r"/v1/projects/(?P<project>[^/]+)/image:import", "image.import", _import_image),
    ("POST", r"/v1/projects/(?P<project>[^/]+)/table:export", "table.export", _export_table),
    ("GET", r"/v1/projects/(?P<project>[^/]+)/operations", "operations.list", _list_operations),
    ("POST", r"/v1/(?P<name>projects/[^/]+/operations/[^/:]+):cancel", "operations.cancel", _cancel),
    ("GET", r"/v1/(?P<name>projects/[^/]+/operations/[^/:]+)", "operations.get", _get_operation),
    ("GET", r"/v1/(?P<name>projects/[^/]+/config)", "config.get", _get_config),
    ("GET", r"/v1/(?P<name>projects/.+):listAssets", "assets.list", _list_assets),
    ("GET", r"/v1/(?P<name>projects/.+):listImages", "assets.list", _list_images),
    ("GET", r"/v1/(?P<name>projects/[^/]+/assets(?:/.*)?)", "assets.get", _get_asset),
]


def _route(method: str, path: str) -> tuple[str, re.Match | None, Callable[..., Any]]:
    for wanted, pattern, endpoint, answer in _ROUTES:
        match = re.fullmatch(pattern, path)
        if wanted == method and match:
            return endpoint, match, answer
    return "unknown", None, lambda *request: None


class EarthEngineService(Backend):
    """A loopback Earth Engine, for `with EarthEngineService(archive) as service: ... service.url`.

    Args:
        archive: path of a STAC catalog.
        buckets: storage emulator that exports are written to; see `buckets.storage_emulator`.
        clock: a manual one moves operations only in `advance`; with the real one they finish by themselves.
        state: folder in which operations outlive the service.
        port: 0 for a free one.
        tables: feature collections by id, GeoJSON, beside the built-in ones.
    """

    def __init__(
        self,
        archive: str | Path,
        buckets: Buckets | None = None,
        clock: Clock | None = None,
        state: str | Path | None = None,
        port: int = 0,
        tables: dict[str, dict] | None = None,
    ) -> None:
        super().__init__(archive, buckets, clock, state, tables)
        self._server = _Server(self, port)
        self._stopped = threading.Event()

    @property
    def url(self) -> str:
        """Address to give to `ee.Initialize(url=...)`."""
        return self._server.url

    @property
    def variables(self) -> dict[str, str]:
        """What clients need in their environment; Earth Engine's own client is handed the first two by its caller."""
        return {"EE_URL": self.url, "EE_PROJECT": PROJECT, **(self.buckets.variables if self.buckets else {})}

    def __enter__(self) -> EarthEngineService:
        """Start answering."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop answering."""
        self.stop()

    def start(self) -> None:
        """Answer requests in threads; with a real clock, move operations along in another one."""
        # Graphs made by client-side loops nest deeply; whoever hosts the service gets the old limit back.
        self._recursion_limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(self._recursion_limit, _DEPTH))
        self._server.start()
        if not self.clock.manual:
            threading.Thread(target=self._tick, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self._stopped.set()
        self._server.stop()
        sys.setrecursionlimit(self._recursion_limit)

    def _tick(self) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            self.operations.settle()


class _Server(LoopbackServer):
    def __init__(self, service: EarthEngineService, port: int) -> None:
        self.service = service
        super().__init__(_Handler, port)


class _Handler(LoopbackHandler):
    server: _Server

    def respond(self) -> None:
        service, parts = self.server.service, urlsplit(self.path)
        received, path = self.received(), unquote(parts.path)
        if path == "/control":
            self._control(received)
            return
        endpoint, match, answer = _route(self.command, path)
        with service.counters.during(endpoint, len(received)) as running:
            rule = service.faults.for_request(endpoint)
            if rule is not None:
                service.counters.struck(rule.kind)
            if rule is not None and rule.kind == "drop":
                self.hang_up()
                return
            if rule is not None and rule.kind == "slow":
                time.sleep(rule.seconds)
            try:
                if rule is not None and rule.kind in REQUEST_ERRORS:
                    raise error_of(rule)
                if match is None:
                    raise ServiceError(f"{self.command} {path}: this loopback service does not know the method.", 404)
                if len(received) > LARGEST_BODY:
                    raise ServiceError(f"Request payload size exceeds the limit: {LARGEST_BODY} bytes.")
                limit = service.concurrency_limit
                if limit is not None and endpoint in _COMPUTING and running > limit:
                    raise ServiceError("Too many concurrent requests.", 429)
                body = json.loads(received) if received else {}
                content = answer(service, match.groupdict(), dict(parse_qsl(parts.query)), body)
                status = 200
            except ServiceError as error:
                content, status = error.to_json(), error.code
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                content, status = (
                    ServiceError(
                        f"This loopback service cannot answer the request ({type(error).__name__}: {error})."
                    ).to_json(),
                    400,
                )
            self._send(endpoint, status, content, rule)

    def _send(self, endpoint: str, status: int, content: Any, rule: Fault | None) -> None:
        if rule is not None and rule.kind == "lost_answer":
            self.hang_up()
            return
        kind = "application/json; charset=UTF-8"
        if isinstance(content, tuple):
            content, kind = content
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.server.service.counters.answered(endpoint, status, len(payload))
        self.send(status, payload, kind, cut=rule is not None and rule.kind == "cut")

    def _control(self, received: bytes) -> None:
        try:
            content, status = self.server.service.control(json.loads(received)), 200
        except (KeyError, TypeError, ValueError) as error:
            content, status = {"error": f"{type(error).__name__}: {error}"}, 400
        self.send(status, content)
