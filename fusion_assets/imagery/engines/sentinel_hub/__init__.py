"""Sentinel-1 and -2 time series from the Sentinel Hub Process API, through the `sentinelhub` package.

- `connection.py`: where the service is and who asks
- `problems.py`: what its errors mean
- `client.py`: the package's client, bounded where it is not and safe to use from many threads
- `recipes.py`: what each product is there
- `evalscripts.py`: what the service computes for each pixel
- `tiles.py`: pixels of one pass on a part of the grid, the answer checked
- `series.py`: from scenes found to a lazy series on a grid
- `engine.py`: the engine itself, a `SeriesEngine`

Only this package knows Sentinel Hub. It has been tested against a loopback service that speaks the protocol, and
not yet against the real one.
"""

from fusion_assets.imagery.engines.sentinel_hub.connection import Connection, check
from fusion_assets.imagery.engines.sentinel_hub.engine import SentinelHub

__all__ = ["Connection", "SentinelHub", "check"]
