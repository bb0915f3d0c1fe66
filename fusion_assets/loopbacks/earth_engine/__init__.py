"""A loopback Earth Engine: an HTTP server on 127.0.0.1 that the real `earthengine-api` client talks to.

It checks every expression against the algorithm signatures that the client carries, evaluates it over the scenes of a
STAC archive, and runs exports into a Google storage emulator. It is a second opinion on the engine under test and
imports nothing of it. What it does not know, it refuses. Start with `EarthEngineService`; from a shell,
`python -m fusion_assets.loopbacks.earth_engine --archive catalog.json`.
"""

from fusion_assets.loopbacks.earth_engine.buckets import Buckets, storage_emulator
from fusion_assets.loopbacks.earth_engine.client import connect
from fusion_assets.loopbacks.earth_engine.clock import Clock
from fusion_assets.loopbacks.earth_engine.service import EarthEngineService

__all__ = ["Buckets", "Clock", "EarthEngineService", "connect", "storage_emulator"]
