"""A map as WUDAPT passes maps on: one GeoTIFF of bytes on the map's own grid, codes 1 to 17, official colours.

As the maps of the LCZ Generator (Demuzere et al. 2021, doi:10.3389/fenvs.2021.637455) and the global map (Demuzere et
al. 2022, doi:10.5194/essd-14-3835-2022): 100 m, band `lcz`, 0 for no data, a colour table inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.systems.climate_zones.exports.geotiff import write_geotiff
from fusion_assets.systems.climate_zones.exports.map_codes import codes_of

if TYPE_CHECKING:
    import xarray as xr


def write_wudapt(target: Path, raster: xr.Dataset, tags: Mapping[str, str] | None = None) -> None:
    """Write the map.

    Args:
        target: `.tif`, replaced.
        raster: with the band `lcz`, as for `codes_of`.
        tags: of the file.

    Raises:
        FusionError: no map of zones, or a place that cannot be written to.
    """
    write_geotiff(target, codes_of(raster), tags or {})
