"""A loopback Sentinel Hub: OAuth2 tokens, catalog search and the Process API on 127.0.0.1, over a STAC archive.

The real `sentinelhub` client talks to it. Nothing is imported from the package that is tested, so that what both
understand alike is the protocol and not a shared mistake.
"""

from fusion_assets.loopbacks.sentinel_hub.service import SentinelHubService

__all__ = ["SentinelHubService"]
