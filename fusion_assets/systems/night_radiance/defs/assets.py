"""The assets of night radiance, from imagery and lights to the fine map."""

import dagster as dg

from fusion_assets.orchestration.site import Site
from fusion_assets.systems.night_radiance.defs.imagery import optics_assets, radiance_cells_asset
from fusion_assets.systems.night_radiance.defs.learning import radiance_evaluation_asset, radiance_model_asset
from fusion_assets.systems.night_radiance.defs.maps import radiance_map_asset
from fusion_assets.systems.night_radiance.defs.partitions import years_of
from fusion_assets.systems.night_radiance.defs.patches import radiance_patches_asset
from fusion_assets.systems.night_radiance.defs.sensor import radiance_sensor_asset
from fusion_assets.systems.night_radiance.defs.upload import radiance_upload


def night_radiance_assets(site: Site) -> list[dg.AssetsDefinition]:
    """All assets of this system."""
    return [
        *optics_assets(site),
        radiance_cells_asset(site),
        radiance_sensor_asset(site),
        *radiance_patches_asset(site),
        radiance_evaluation_asset(site),
        radiance_model_asset(site),
        radiance_map_asset(site),
        *radiance_upload(site, years_of(site)),
    ]
