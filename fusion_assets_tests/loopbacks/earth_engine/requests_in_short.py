"""Short forms of requests of the service, by way of the real client."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np

from fusion_assets.loopbacks.earth_engine.tiny_archive import CRS, EDGE, NORTH, WEST

L2A, L1C = "COPERNICUS/S2_SR_HARMONIZED", "COPERNICUS/S2_HARMONIZED"
VIIRS = "NOAA/VIIRS/DNB/MONTHLY_V1/VCMSLCFG"


def grid(size: int = EDGE, edge: float = 10.0, west: float = WEST, north: float = NORTH) -> dict[str, Any]:
    """A square grid."""
    terms = {"scaleX": edge, "translateX": west, "scaleY": -edge, "translateY": north}
    return {"dimensions": {"width": size, "height": size}, "affineTransform": terms, "crsCode": CRS}


def pixels(image: ee.Image, **where: Any) -> np.ndarray:
    """Bands of an image on a grid; -1 where masked."""
    request = {"expression": image.unmask(-1, False), "fileFormat": "NUMPY_NDARRAY", "grid": grid(**where)}
    return ee.data.computePixels(request)


def export(image: ee.Image, description: str = "x", **options: Any) -> ee.batch.Task:
    """Start an export of the scenes' grid."""
    given = {"crs": CRS, "crsTransform": [10, 0, WEST, 0, -10, NORTH], "dimensions": f"{EDGE}x{EDGE}", **options}
    task = ee.batch.Export.image.toCloudStorage(image, description, "exports", **given)
    task.start()
    return task
