"""The reports in a browser: served from the storage, on this machine only, while `fusion ui` runs.

Browsers do not follow links from the web UI to local files, and reports may lie in a bucket.
"""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from fusion_assets.errors import FusionError
from fusion_assets.storage.root import Storage

HOST, DEFAULT_PORT = "127.0.0.1", 3001
ADDRESS_VARIABLE = "FUSION_REPORTS_URL"


def report_url(asset: str, *partition: str) -> str:
    """Where a report is found while `fusion ui` runs.

    Args:
        asset: whose report it is.
        partition: its region; region and year, where it is of one year.
    """
    base = os.environ.get(ADDRESS_VARIABLE) or f"http://{HOST}:{DEFAULT_PORT}"
    return f"{base}/{'/'.join([asset, *partition])}.html"


def serve_reports(storage: Storage, port: int) -> ThreadingHTTPServer:
    """Serve the HTML files of a storage until the server is closed; nothing else of it can be reached.

    Args:
        storage: that holds them.
        port: on 127.0.0.1; 0 for a free one.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer `/<asset>/<region>.html` and `/<asset>/<region>/<year>.html`."""
            content = _page(storage, unquote(urlsplit(self.path).path))
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content or _MISSING)))
            self.end_headers()
            self.wfile.write(content if content is not None else _MISSING)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start_beside(storage: Storage, ui_port: int) -> None:
    """Serve reports on the port after the web UI's, so that links stay valid; on a free one if that is taken."""
    try:
        server = serve_reports(storage, ui_port + 1)
    except OSError:
        server = serve_reports(storage, 0)
    os.environ[ADDRESS_VARIABLE] = f"http://{HOST}:{server.server_port}"


_MISSING = b"<!doctype html><title>No report</title><p>There is no such report yet. Materialize it first."


def _page(storage: Storage, path: str) -> bytes | None:
    asset, *partition = path.strip("/").removesuffix(".html").split("/")
    if not path.endswith(".html") or len(partition) not in (1, 2):
        return None
    region, year = partition[0], partition[1] if len(partition) == 2 else None
    try:
        place = storage.path(asset, region, year, "html")
        return storage.read_bytes(place) if storage.exists(place) else None
    except FusionError:
        return None
