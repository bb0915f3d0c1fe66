"""The engine `earth_engine`: the same composites as from an archive, computed by Google Earth Engine.

`engine.py` is the way in; `connection.py` signs in and retries, `scene_lists.py` lists scenes, `expressions.py` says
what is computed, `direct.py` and `tasks.py` with `shards.py` are the two ways out, `records.py` remembers
operations and `polling.py` follows them, `imagery/engines/waiting.py` waits for them, `outlines.py` looks up
regions. The way back is `manifests.py`, what becomes an image asset, `ingestion.py`, which starts and follows that, and
`ingested.py`, which compares. Recipes belong to `products.py`.

geedim and xee were considered for the way out. Both fetch images or stacks well, but neither starts a task under a
request id of the caller's choosing (so asking twice would start two), keeps Earth Engine's own mask apart from the
values, or merges and verifies shards; what would be left for them is the tile loop in `direct.py`.
"""

from fusion_assets.imagery.engines.earth_engine.connection import Connection
from fusion_assets.imagery.engines.earth_engine.engine import EarthEngine, ExportOptions

__all__ = ["Connection", "EarthEngine", "ExportOptions"]
