"""Types of what assets hand to each other, as annotations that cost nothing to load.

Dagster resolves the annotations of an asset's function when it loads the function, and would load the libraries
behind them; it is told `Any`, and whoever checks types is told the truth. The IO managers refuse values of the
wrong kind. Modules with assets evaluate annotations at once: Dagster refuses a context whose annotation is text.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from fusion_assets.learning.saved_model import TrainedModel
    from fusion_assets.storage.raster_writing import RasterFile

    Raster = xr.Dataset
    Table = pd.DataFrame
else:
    Raster = Table = RasterFile = TrainedModel = Any

__all__ = ["Raster", "RasterFile", "Table", "TrainedModel"]
