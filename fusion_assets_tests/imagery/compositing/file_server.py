"""A server of one file, in ranges, that can be told to misbehave."""

import contextlib
import itertools
import time
from dataclasses import dataclass, field

from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer


@dataclass
class Manners:
    """How requests are answered.

    Attributes:
        kind: see the methods of the handler; well-behaved when empty.
        times: how many requests are answered so, before good ones.
        headers: of refusals.
        asked: requests so far, with the moment of each.
    """

    kind: str = ""
    times: int = 1 << 30
    headers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)


_FILES = itertools.count()


@contextlib.contextmanager
def file_server(content):
    """Yields the address of a file and the `Manners`, which may be changed."""
    manners = Manners()

    class Handler(LoopbackHandler):
        def respond(self):
            manners.asked.append((self.command, self.headers.get("Range"), time.monotonic()))
            kind, manners.times = (manners.kind if manners.times > 0 else ""), manners.times - 1
            if kind.isdigit():
                self.send(int(kind), b"", headers=manners.headers)
            elif kind == "silent" or (kind == "silent to GET" and self.command == "GET"):
                while not stopped:
                    time.sleep(0.05)
                self.close_connection = True
            elif kind == "reset" or (kind == "reset of GET" and self.command == "GET"):
                self.hang_up()
            elif kind == "circle":
                self.send(302, b"", headers={"Location": self.path + "x"})
            elif kind == "to a local file":
                self.send(302, b"", headers={"Location": "file:///etc/hostname"})
            elif kind == "no ranges":
                self.endless()
            else:
                self.part(kind)

        def endless(self):
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
            with contextlib.suppress(OSError):
                while self.command == "GET" and not stopped:
                    self.wfile.write(bytes(1 << 16))

        def part(self, kind):
            said = self.headers.get("Range")
            first, _, last = (said or "bytes=0-").removeprefix("bytes=").partition("-")
            first, last = int(first), min(int(last or len(content)), len(content) - 1)
            body = content[first : last + 1]
            self.send_response(206 if said else 200)
            if said:
                total = 1 << 44 if kind == "long total" else len(content)
                self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
            self.send_header("Content-Length", str(len(body) + (1000 if kind == "long part" else 0)))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if self.command != "GET":
                return
            with contextlib.suppress(OSError):
                if kind == "trickle":
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.2)
                elif kind == "cut":
                    self.wfile.write(body[: len(body) // 2])
                    self.hang_up()
                else:
                    self.wfile.write(body)
            if kind == "long part":
                self.close_connection = True

    stopped = []
    with LoopbackServer(Handler) as server:
        try:
            # A port comes back now and then: GDAL must not remember the file of a server before.
            yield f"{server.url}/{next(_FILES)}/a.tif?signature=secret", manners
        finally:
            stopped.append(True)
