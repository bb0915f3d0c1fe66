"""The Google storage emulator: started in this process, and written to over HTTP as the real one would be."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import requests

from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.http import free_port


class Buckets:
    """A storage service by address; the part of its JSON API that exports need."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def variables(self) -> dict[str, str]:
        """What clients need in their environment; the second makes a recent gcsfs look for no gRPC and credentials."""
        return {"STORAGE_EMULATOR_HOST": self.address, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}

    def write(self, bucket: str, name: str, content: bytes, kind: str = "image/tiff") -> None:
        """Put an object.

        Raises:
            ServiceError: there is no such bucket, or the service does not answer.
        """
        url = f"{self.address}/upload/storage/v1/b/{bucket}/o"
        options = {"uploadType": "media", "name": name}
        try:
            answer = self._session.post(url, params=options, data=content, headers={"Content-Type": kind}, timeout=60)
        except requests.RequestException as error:
            raise ServiceError(f"Cloud Storage is unavailable: {type(error).__name__}.", 503) from None
        if answer.status_code == 404:
            raise ServiceError(f"The specified Cloud Storage bucket does not exist: {bucket}.", 404)
        if not answer.ok:
            raise ServiceError(f"Cloud Storage answered {answer.status_code}.", 503)

    def create(self, bucket: str) -> None:
        """Make a bucket unless it is there."""
        self._session.post(f"{self.address}/storage/v1/b", json={"name": bucket}, timeout=60)

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        """Object names."""
        answer = self._session.get(f"{self.address}/storage/v1/b/{bucket}/o", params={"prefix": prefix}, timeout=60)
        return sorted(item["name"] for item in answer.json().get("items", [])) if answer.ok else []

    def read(self, bucket: str, name: str) -> bytes:
        """Content of an object."""
        url = f"{self.address}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        answer = self._session.get(url, params={"alt": "media"}, timeout=60)
        answer.raise_for_status()
        return answer.content

    def delete(self, bucket: str, name: str) -> None:
        """Remove an object."""
        self._session.delete(f"{self.address}/storage/v1/b/{bucket}/o/{quote(name, safe='')}", timeout=60)


@contextlib.contextmanager
def storage_emulator(
    bucket: str = "exports", port: int = 0, folder: str | Path | None = None, environment: bool = True
) -> Iterator[Buckets]:
    """Run the emulator on 127.0.0.1 with one bucket.

    Args:
        bucket: created at the start.
        port: 0 for a free one.
        folder: where objects are kept; in memory without it.
        environment: point this process at it meanwhile, by `Buckets.variables`.

    Raises:
        OSError: the port is taken.
    """
    from gcp_storage_emulator.server import create_server

    logging.getLogger("gcp_storage_emulator").setLevel(logging.WARNING)
    port = free_port(port)
    kept = {"in_memory": True} if folder is None else {"in_memory": False, "data_dir": str(folder)}
    server = create_server("127.0.0.1", port, **kept)
    server.start()
    buckets = Buckets(f"http://127.0.0.1:{port}")
    before = {name: os.environ.get(name) for name in buckets.variables}
    try:
        for _ in range(100):
            with contextlib.suppress(requests.RequestException):
                buckets.create(bucket)
                break
            time.sleep(0.05)
        if environment:
            os.environ.update(buckets.variables)
        yield buckets
    finally:
        server.stop()
        for name, value in before.items() if environment else ():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
