"""A loopback Earth Engine: an HTTP server on 127.0.0.1 that the real `earthengine-api` client talks to.

It checks every expression against the algorithm signatures that the client carries, evaluates it over the scenes of a
STAC archive, and runs exports into a Google storage emulator. What it does not know, it refuses.
docs/loopback.md says more; `tiny_archive` writes an archive whose numbers can be worked out by hand.
"""

from fusion_assets.loopbacks.earth_engine.buckets import Buckets, storage_emulator
from fusion_assets.loopbacks.earth_engine.client import connect
from fusion_assets.loopbacks.earth_engine.clock import Clock
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.faults import Fault, Faults
from fusion_assets.loopbacks.earth_engine.server import EarthEngineService
from fusion_assets.loopbacks.earth_engine.tokens import (
    TokenEndpoint,
    service_account_file,
    token_endpoint,
    user_file,
)

__all__ = [
    "Buckets",
    "Clock",
    "EarthEngineService",
    "Fault",
    "Faults",
    "ServiceError",
    "TokenEndpoint",
    "connect",
    "service_account_file",
    "storage_emulator",
    "token_endpoint",
    "user_file",
]
