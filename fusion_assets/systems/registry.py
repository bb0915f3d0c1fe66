"""The systems there are, in the order in which they are shown."""

from fusion_assets.systems.built_up.system import BUILT_UP
from fusion_assets.systems.climate_zones.system import CLIMATE_ZONES
from fusion_assets.systems.embeddings.system import EMBEDDINGS
from fusion_assets.systems.ndvi.system import NDVI
from fusion_assets.systems.night_radiance.system import NIGHT_RADIANCE

SYSTEMS = (BUILT_UP, NDVI, NIGHT_RADIANCE, CLIMATE_ZONES, EMBEDDINGS)
MAIN = BUILT_UP
"""The system that `fusion demo` shows."""
