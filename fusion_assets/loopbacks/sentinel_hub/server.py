"""The service: from a request to the function that answers it, with faults on the way."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from affine import Affine

from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets.loopbacks.sentinel_hub.archive import COLLECTIONS
from fusion_assets.loopbacks.sentinel_hub.backend import Backend
from fusion_assets.loopbacks.sentinel_hub.errors import ServiceError
from fusion_assets.loopbacks.sentinel_hub.faults import Fault, error_of
from fusion_assets.loopbacks.sentinel_hub.rendering import encoded, moment, rendered

_CATALOG = "/api/v1/catalog/1.0.0"
_ENDPOINTS = {
    ("POST", "/oauth/token"): "token",
    ("GET", f"{_CATALOG}/collections"): "collections",
    ("POST", f"{_CATALOG}/search"): "search",
    ("POST", "/api/v1/process"): "process",
}
_COMPARISONS = {"<=": lambda a, b: float(a) <= float(b), "<": lambda a, b: float(a) < float(b),
                "=": lambda a, b: str(a) == b}  # fmt: skip


def searched(service: Backend, body: dict[str, Any]) -> dict[str, Any]:
    """A page of search results; filters are comparisons joined by AND (CQL2 text)."""
    (collection,) = body["collections"]
    if collection not in COLLECTIONS:
        raise ServiceError(f"Collection {collection} not found.", 404, "NotFound")
    first, last = (moment(part) for part in body["datetime"].split("/"))
    features = [scene.feature() for scene in service.archive.find(collection, first, last, tuple(body["bbox"]))]
    for term in filter(None, (body.get("filter") or "").split(" AND ")):
        parsed = re.fullmatch(r"([\w:]+)\s*(<=|<|=)\s*'?([^']*)'?", term)
        if parsed is None:
            raise ServiceError(f"Filter {term} is not understood.")
        name, comparison, value = parsed.groups()
        features = [f for f in features if name in f["properties"]
                    and _COMPARISONS[comparison](f["properties"][name], value)]  # fmt: skip
    start, size = int(body.get("next") or 0), min(int(body["limit"]), service.page)
    context: dict[str, Any] = {"limit": size, "returned": len(features[start : start + size])}
    if start + size < len(features):
        context["next"] = start + size
    return {"type": "FeatureCollection", "features": features[start : start + size], "context": context}


def _pixels(service: Backend, body: dict[str, Any], rule: Fault | None) -> bytes:
    service.running(1)
    try:
        pixels, profile = rendered(service.archive, body)
    finally:
        service.running(-1)
    kind = rule.kind if rule else ""
    if kind == "wrong_size":
        pixels = pixels[:, :-1]
    if kind == "missing_band":
        pixels = pixels[:-1]
    if kind == "moved":
        profile["transform"] *= Affine.translation(1, 0)
    content = encoded(pixels, profile)
    return content[: len(content) // 2] if kind == "truncated" else content


class SentinelHubService(Backend):
    """Sentinel Hub on 127.0.0.1, until the end of the block.

    Args:
        catalog: path of the STAC catalog it serves.
        client: id and secret that are let in.
        prefix: of item ids, to serve one place of many.
        port: 0 takes a free one.
    """

    def __init__(
        self, catalog: str | Path, client: tuple[str, str] = ("id", "secret"), prefix: str = "", port: int = 0
    ) -> None:
        super().__init__(catalog, client, prefix)
        self._server = _Server(self, port)
        self.url = self._server.url
        self.token_url = f"{self.url}/oauth/token"

    @property
    def variables(self) -> dict[str, str]:
        """What clients need in their environment; the last lets them sign in without TLS, on this machine."""
        return {
            "SH_BASE_URL": self.url,
            "SH_TOKEN_URL": self.token_url,
            "SH_CLIENT_ID": self.client[0],
            "SH_CLIENT_SECRET": self.client[1],
            "OAUTHLIB_INSECURE_TRANSPORT": "1",
        }

    def __enter__(self) -> SentinelHubService:
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop()


class _Server(LoopbackServer):
    def __init__(self, service: SentinelHubService, port: int) -> None:
        self.service = service
        super().__init__(_Handler, port)


class _Handler(LoopbackHandler):
    server: _Server

    def respond(self) -> None:
        service, received = self.server.service, self.received().decode()
        endpoint = _ENDPOINTS.get((self.command, urlsplit(self.path).path), "unknown")
        rule = service.faults.strike(endpoint)
        with service.lock:
            service.requests[endpoint] += 1
        if rule and rule.kind == "drop":
            self.hang_up()
            return
        if rule and rule.kind == "slow":
            time.sleep(rule.seconds)
        headers: dict[str, str] = {}
        try:
            status, content = self._content(endpoint, received, rule)
        except ServiceError as error:
            status, content, headers = error.status, error.to_json(), error.headers
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            status, content = 400, ServiceError(f"Invalid request: {type(error).__name__}: {error}").to_json()
        kind = "image/tiff" if isinstance(content, bytes) else "application/json"
        self.send(status, content, kind, headers, cut=rule is not None and rule.kind == "cut")

    def _content(self, endpoint: str, received: str, rule: Fault | None) -> tuple[int, Any]:
        service, authorization = self.server.service, self.headers.get("Authorization", "")
        if rule and rule.kind == "expire":
            service.expire()
        problem = error_of(rule, received, authorization) if rule else None
        if problem:
            raise problem
        if endpoint == "token":
            return service.new_token(dict(parse_qsl(received)))
        service.admit(authorization)
        if rule and rule.kind == "not_tiff":
            return 200, {"status": "OK"}
        if endpoint == "collections":
            return 200, {"collections": [{"id": name} for name in COLLECTIONS]}
        body = json.loads(received) if received else {}
        with service.lock:
            service.bodies.append(body)
        if endpoint == "search":
            return 200, searched(service, body)
        if endpoint == "process":
            return 200, _pixels(service, body, rule)
        raise ServiceError(f"{self.path} is not known.", 404, "NotFound")
