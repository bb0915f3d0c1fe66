"""`fusion loopback`: a stand-in for Earth Engine or Sentinel Hub on this machine, until it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_assets.errors import FusionError

_PLAIN_SCRIPT = """
#
# or a script in plain `ee` that begins so:
#
#   import os, ee
#   from google.auth.credentials import AnonymousCredentials
#   ee.Initialize(AnonymousCredentials(), url=os.environ["EE_URL"], project=os.environ["EE_PROJECT"])
#
# Exports go to the bucket {bucket}, and are read from {storage}"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of the command line."""
    command = commands.add_parser(
        "loopback",
        help="serve a STAC archive as Earth Engine or Sentinel Hub would",
        epilog="examples: fusion loopback earth_engine demo-archive/catalog.json --state ee; "
        "fusion loopback sentinel_hub demo-archive/catalog.json --port 8080",
    )
    services = command.add_subparsers(title="services", required=True, metavar="earth_engine | sentinel_hub")
    earth_engine = services.add_parser(
        "earth_engine",
        help="pixels, expressions and exports, with a bucket for them",
        epilog="example: fusion loopback earth_engine demo-archive/catalog.json --state ee",
    )
    earth_engine.set_defaults(command=_earth_engine)
    earth_engine.add_argument(
        "--state", type=Path, metavar="DIR", help="where operations and exports outlive this process"
    )
    earth_engine.add_argument("--bucket", default="exports", metavar="NAME", help="created at the start")
    earth_engine.add_argument(
        "--storage", metavar="URL", help="a storage emulator that runs already, instead of one here"
    )
    earth_engine.add_argument("--storage-port", type=_port, default=0, metavar="N", help="of the emulator started here")
    earth_engine.add_argument(
        "--table", action="append", type=_table, default=[], metavar="ID=FILE", help="a GeoJSON (repeatable)"
    )
    earth_engine.add_argument("--pending", type=float, default=0.0, metavar="S", help="seconds that tasks wait")
    earth_engine.add_argument("--running", type=float, default=0.0, metavar="S", help="seconds that tasks run at least")
    earth_engine.add_argument("--manual-clock", action="store_true", help="tasks move by the control endpoint only")
    sentinel_hub = services.add_parser(
        "sentinel_hub",
        help="tokens, catalog and Process API",
        epilog="example: fusion loopback sentinel_hub demo-archive/catalog.json --port 8080",
    )
    sentinel_hub.set_defaults(command=_sentinel_hub)
    sentinel_hub.add_argument("--prefix", default="", metavar="S", help="only scenes whose id begins so")
    for service in (earth_engine, sentinel_hub):
        service.add_argument("catalog", metavar="CATALOG", help="path of a STAC catalog")
        service.add_argument("--port", type=_port, default=0, metavar="N", help="of the service; a free one by default")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 (any) to 65535")
    return int(text)


def _table(text: str) -> tuple[str, dict[str, Any]]:
    name, _, path = text.partition("=")
    try:
        document = json.loads(Path(path).read_text())
        document["features"]
    except (OSError, ValueError, LookupError, TypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is not an id, =, and the path of a GeoJSON") from None
    return name, document


def _earth_engine(options: argparse.Namespace) -> int:
    with _explained(options.catalog), contextlib.ExitStack() as stack:
        from fusion_assets.loopbacks.earth_engine import Buckets, Clock, EarthEngineService, storage_emulator

        objects = options.state and options.state / "objects"
        if objects:
            objects.mkdir(parents=True, exist_ok=True)
        clock, tables = Clock(options.manual_clock), dict(options.table)
        service = EarthEngineService(options.catalog, None, clock, options.state, options.port, tables)
        _check_content(options.catalog, service.catalog.served, "collections")
        service.buckets = (
            Buckets(options.storage)
            if options.storage
            else stack.enter_context(storage_emulator(options.bucket, options.storage_port, objects, environment=False))
        )
        service.operations.pending_seconds, service.operations.running_seconds = options.pending, options.running
        stack.enter_context(service)
        ours = {"FUSION_ENGINE": "earth_engine", "FUSION_EE_BUCKET": options.bucket}
        script = _PLAIN_SCRIPT.format(bucket=options.bucket, storage=service.buckets.address)
        _serve("Earth Engine", {**service.variables, **ours}, script)
    return 0


def _sentinel_hub(options: argparse.Namespace) -> int:
    with _explained(options.catalog):
        from fusion_assets.loopbacks.sentinel_hub import SentinelHubService

        service = SentinelHubService(options.catalog, prefix=options.prefix, port=options.port)
        _check_content(options.catalog, service.archive.scenes, "scenes")
        with service:
            _serve("Sentinel Hub", {**service.variables, "FUSION_ENGINE": "sentinel_hub"}, "")
    return 0


def _serve(name: str, variables: Mapping[str, str], more: str) -> None:
    """Say how to use the service, as lines that a shell may be given, and wait for SIGINT or SIGTERM."""
    lines = [
        f"# A loopback {name}: one reading of its protocol, for this machine alone. It ends with Ctrl-C.",
        "# In another shell:",
        *(f"export {key}={shlex.quote(value)}" for key, value in variables.items()),
        "# and then `fusion run`, `fusion ui`",
    ]
    stopped = threading.Event()
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        print("\n".join(lines) + more, flush=True)
        stopped.wait()
    except KeyboardInterrupt:
        print("# stopped")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _explained(catalog: str) -> Iterator[None]:
    """Problems of starting a service, in our form."""
    try:
        import pystac

        try:
            pystac.Catalog.from_file(catalog)
        except (OSError, ValueError, LookupError, pystac.STACError, pystac.STACTypeError) as error:
            found = f"{catalog} cannot be read as a STAC catalog ({type(error).__name__})"
            raise FusionError(found, "the path of a catalog.json", "correct CATALOG") from None
        yield
        return
    except ModuleNotFoundError as error:
        found = f"the package {(error.name or '').partition('.')[0]} is not installed"
        problem = FusionError(found, "it, for `fusion loopback`", "pip install 'fusion-assets[loopback]'")
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        found = "the port is taken" if taken else f"{error.filename}: {error.strerror}"
        remedy = "choose another port, or leave it out" if taken else "correct the options"
        problem = FusionError(found, "free ports, and a folder to write to", remedy)
    raise problem


def _check_content(catalog: str, content: Sequence[object], kind: str) -> None:
    if not content:
        raise FusionError(
            f"{catalog} has no {kind} that this service knows",
            "Sentinel-2, Sentinel-1 or another of those in the README of fusion_assets/loopbacks",
            "give another catalog",
        )
