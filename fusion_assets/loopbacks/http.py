"""HTTP on 127.0.0.1: what all services of this folder have in common."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, str] = MappingProxyType({})


class LoopbackServer(ThreadingHTTPServer):
    """A server in threads, until the end of the block or between `start` and `stop`.

    Args:
        handler: of requests.
        port: 0 takes a free one.
    """

    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)

    @property
    def url(self) -> str:
        """Address, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        """Answer requests."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self.shutdown()
        self.server_close()

    def __enter__(self) -> LoopbackServer:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are not worth a traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def free_port(wanted: int = 0) -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Args:
        wanted: this one; 0 for any.

    Raises:
        OSError: somebody listens on the wanted one.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return probe.getsockname()[1]


class LoopbackHandler(BaseHTTPRequestHandler):
    """One connection, kept open between requests and silent about them; subclasses `respond` to `self.command`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Read something."""
        self.respond()

    def do_HEAD(self) -> None:
        """Read what is said of something."""
        self.respond()

    def do_POST(self) -> None:
        """Send something."""
        self.respond()

    def respond(self) -> None:
        """Answer a request."""
        raise NotImplementedError

    def log_message(self, *arguments: Any) -> None:
        """Stay quiet."""

    def received(self) -> bytes:
        """The body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(
        self,
        status: int,
        content: Any,
        kind: str = "application/json",
        headers: Mapping[str, str] = _NONE,
        cut: bool = False,
    ) -> None:
        """Answer.

        Args:
            status: HTTP's.
            content: bytes, or what becomes JSON.
            kind: Content-Type.
            headers: further ones.
            cut: hang up half-way.
        """
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(payload)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if cut else payload)
        if cut:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection so that the client sees a reset, not an empty answer."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
