"""The reports in a browser: served from the storage, on this machine only, while `fusion ui` runs.

Browsers do not follow links from the web UI to local files, and reports may lie in a bucket.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import threading
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from fusion_assets.errors import FusionError
from fusion_assets.reports.callers import NO_FRAMES, SECURITY_HEADERS, refusal
from fusion_assets.storage.root import Storage

HOST = "127.0.0.1"
LINKS = "/reports/"
"""How links to reports begin in the web UI."""
ADDRESS_VARIABLE = "FUSION_REPORTS_URL"
MOST_CONNECTIONS = 32
IDLE_SECONDS = 10
ANSWER_SECONDS = 120
"""A connection is cut after so long, however busy it seems."""
# A report is one file that needs nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    f"base-uri 'none'; form-action 'none'; {NO_FRAMES}"
)


def report_url(asset: str, *partition: str) -> str:
    """The link to a report in the web UI, on whatever port that is served: see `report_address`.

    Args:
        asset: whose report it is.
        partition: its region; region and year, where it is of one year.
    """
    return f"{LINKS}{quote('/'.join([asset, *partition]))}.html"


def report_address(link: str) -> str:
    """Where the report server has what a link of the web UI leads to; empty where there is no server.

    Args:
        link: path that begins with `LINKS`.
    """
    base = os.environ.get(ADDRESS_VARIABLE)
    return f"{base}/{quote(unquote(link).removeprefix(LINKS))}" if base else ""


class ReportServer(ThreadingHTTPServer):
    """Answers with the HTML files of a storage; nothing else of it can be reached.

    Args:
        storage: that holds them.
        port: on 127.0.0.1; 0 for a free one.
    """

    request_queue_size = MOST_CONNECTIONS

    def __init__(self, storage: Storage, port: int) -> None:
        self.storage = storage
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; connections beyond the limit are closed at once."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection, within its time."""
        watch = threading.Timer(ANSWER_SECONDS, _cut, [request])
        watch.daemon = True
        watch.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            watch.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of whoever hangs up."""


class _Handler(BaseHTTPRequestHandler):
    timeout = IDLE_SECONDS
    server: ReportServer

    def do_GET(self) -> None:
        """Answer `/<asset>/<region>.html` and `/<asset>/<region>/<year>.html`, and `/` with a list of them."""
        refused = refusal(self.headers.items(), self.server.server_port, page=True)
        if refused is not None:
            status, line = refused
            return self._answer(status, "text/plain", f"{line}\n".encode())
        try:
            path = unquote(urlsplit(self.path).path)
        except ValueError:
            return self._answer(400, "text/plain", b"this is no address\n")
        if path in ("", "/"):
            return self._answer(200, "text/html", _list(self.server.storage).encode())
        file = _page(self.server.storage, path)
        if file is None:
            return self._answer(404, "text/html", _MISSING)
        with file:
            self._begin(200, "text/html", os.fstat(file.fileno()).st_size)
            if self.command != "HEAD":
                shutil.copyfileobj(file, self.wfile)
        return None

    do_HEAD = do_GET  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what `http.server` does not understand, in one line that repeats nothing of it."""
        headers = getattr(self, "headers", None)
        refused = refusal(headers.items(), self.server.server_port, page=False) if headers is not None else None
        status, line = refused or (code, HTTPStatus(code).phrase)
        self.request_version = "HTTP/1.0"  # what could not be read may pass for one that has no headers
        self.close_connection = True
        self._answer(status, "text/plain", f"{line}\n".encode())

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self._begin(status, kind, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _begin(self, status: int, kind: str, length: int) -> None:
        self.send_response(status)
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(length)}
        for name, value in {**headers, **SECURITY_HEADERS, "Content-Security-Policy": POLICY}.items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        """Name no versions."""
        return "reports"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def serve_reports(storage: Storage, port: int) -> ReportServer:
    """Serve the reports of a storage until the server is closed."""
    server = ReportServer(storage, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start_beside(storage: Storage, ui_port: int) -> str:
    """Serve reports on the port after the web UI's, so that people find it; on a free one if that is taken.

    Returns:
        The address.
    """
    try:
        server = serve_reports(storage, ui_port + 1)
    except OSError:
        server = serve_reports(storage, 0)
    os.environ[ADDRESS_VARIABLE] = f"http://{HOST}:{server.server_port}"
    return os.environ[ADDRESS_VARIABLE]


_MISSING = b"<!doctype html><title>No report</title><p>There is no such report yet. Materialize it first."


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _list(storage: Storage) -> str:
    """A page with links to the reports that there are."""
    try:
        assets = [name for name in storage.directories(storage.root) if name.endswith("_report")]
        names = [f"{asset}/{name}" for asset in assets for name in sorted(storage.sizes(f"{storage.root}/{asset}"))]
    except FusionError:
        names = []
    reports = [name for name in names if name.endswith(".html") and name.isprintable() and "/." not in name]
    links = [f'<li><a href="/{quote(name)}">{escape(name.removesuffix(".html"))}</a>' for name in reports]
    told = f"<ul>{''.join(links)}</ul>" if links else "<p>There is no report yet. Materialize one first."
    return f"<!doctype html><title>Reports</title><h1>Reports</h1>{told}"


def _page(storage: Storage, path: str) -> BinaryIO | None:
    """The opened file of a report; None where there is none."""
    asset, *partition = path.strip("/").removesuffix(".html").split("/")
    if not path.endswith(".html") or len(partition) not in (1, 2):
        return None
    region, year = partition[0], partition[1] if len(partition) == 2 else None
    try:
        place = storage.path(asset, region, year, "html")
        if not storage.exists(place):
            return None
        local = storage.open_local(place)
    except FusionError:
        return None
    return _opened(local, Path(storage.root) if storage.is_local else local.parent)


def _opened(path: Path, root: Path) -> BinaryIO | None:
    """A plain file below a folder; None for all else, such as links out of it, pipes and devices."""
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root.resolve()):
            return None
        # Whatever takes the place of the file meanwhile, opening it never waits.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (OSError, ValueError, RuntimeError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None
