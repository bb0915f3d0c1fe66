"""A loopback Sentinel Hub: OAuth2 tokens, catalog search and the Process API on 127.0.0.1, over a STAC archive.

The real `sentinelhub` client talks to it. The README beside this file says more; `tiny_archive` writes a small archive
of both sensors.
"""

from fusion_assets.loopbacks.sentinel_hub.errors import ServiceError
from fusion_assets.loopbacks.sentinel_hub.faults import Fault, Faults
from fusion_assets.loopbacks.sentinel_hub.server import SentinelHubService

__all__ = ["Fault", "Faults", "SentinelHubService", "ServiceError"]
