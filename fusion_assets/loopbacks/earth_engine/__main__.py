"""`python -m fusion_assets.loopbacks.earth_engine --archive CATALOG`: service and storage emulator.

Prints one line of JSON with the addresses, then waits. `POST /control` changes faults, clock and more: see
`service.ACTIONS`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import threading
from pathlib import Path

from fusion_assets.loopbacks.earth_engine.buckets import Buckets, storage_emulator
from fusion_assets.loopbacks.earth_engine.catalog import load_tables
from fusion_assets.loopbacks.earth_engine.clock import Clock
from fusion_assets.loopbacks.earth_engine.service import EarthEngineService


def main() -> None:
    """Serve until interrupted or terminated."""
    parser = argparse.ArgumentParser(description="A loopback Earth Engine over a STAC archive.")
    parser.add_argument("--archive", required=True, help="path of a STAC catalog")
    parser.add_argument("--port", type=int, default=0, help="of the service; a free one by default")
    parser.add_argument("--storage", help="address of a storage emulator that runs already")
    parser.add_argument("--storage-port", type=int, default=0, help="of the emulator started here")
    parser.add_argument("--bucket", default="exports", help="created in the emulator")
    parser.add_argument("--state", type=Path, help="folder in which operations and objects outlive this process")
    parser.add_argument("--table", action="append", default=[], metavar="ID=FILE", help="a feature collection, GeoJSON")
    parser.add_argument("--pending", type=float, default=0.0, help="seconds that operations wait")
    parser.add_argument("--running", type=float, default=0.0, help="seconds that operations run at least")
    parser.add_argument("--manual-clock", action="store_true", help="time moves by the control endpoint only")
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        objects = given.state / "objects" if given.state else None
        if objects:
            objects.mkdir(parents=True, exist_ok=True)
        emulator = storage_emulator(given.bucket, given.storage_port, objects, environment=False)
        buckets = Buckets(given.storage) if given.storage else stack.enter_context(emulator)
        clock, tables = Clock(given.manual_clock), load_tables(given.table)
        service = EarthEngineService(given.archive, buckets, clock, given.state, given.port, tables)
        service.operations.pending_seconds, service.operations.running_seconds = given.pending, given.running
        stack.enter_context(service)
        print(json.dumps({"url": service.url, "storage": buckets.address, "bucket": given.bucket}), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
