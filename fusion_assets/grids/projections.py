"""Whether the two libraries that project coordinates do it rightly here.

Each brings its own copy of PROJ's data. Variables that another program has set (QGIS, OSGeo4W, conda) can lead them
to data of another version.
"""

from __future__ import annotations

import functools
import os

from fusion_assets.errors import FusionError

VARIABLES = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "GDAL_DRIVER_PATH")
"""Where PROJ and GDAL look for what they bring along, instead of beside themselves."""

# CRS, longitude and latitude, x and y: from defining formulas, so the same in every version.
_POINTS = (
    ("EPSG:32645", (85.0, 27.0), (301545.766, 2988008.138)),
    ("EPSG:32733", (15.5, -33.25), (546575.984, 6320886.047)),
    ("ESRI:54009", (-70.5, -12.25), (-6965965.000, -1510222.331)),
)
_METRES = 0.01


@functools.cache
def check_projections() -> str:
    """Project known points with both libraries; an answer that was right is remembered.

    Raises:
        FusionError: a library cannot project them, or is off; names the variables that may be why.
    """
    for library, project in (("rasterio", _by_rasterio), ("pyproj", _by_pyproj)):
        for crs, point, expected in _POINTS:
            try:
                x, y = project(crs, point)
            except Exception as error:  # of PROJ or GDAL, each in its own words
                raise _misled(f"{library} cannot project to {crs} ({str(error).strip()})") from error
            if not (abs(x - expected[0]) < _METRES and abs(y - expected[1]) < _METRES):  # not a number is wrong, too
                raise _misled(f"{library} projects {point} to {x, y} in {crs}, which is {expected}")
    return "rasterio and pyproj project alike and rightly"


def _by_rasterio(crs: str, point: tuple[float, float]) -> tuple[float, float]:
    from rasterio.warp import transform

    (x,), (y,) = transform("EPSG:4326", crs, [point[0]], [point[1]])
    return x, y


def _by_pyproj(crs: str, point: tuple[float, float]) -> tuple[float, float]:
    import pyproj

    return pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(*point)


def _misled(found: str) -> FusionError:
    names = [name for name in VARIABLES if name in os.environ]
    given = ", ".join(f"{name}={os.environ[name]}" for name in names)
    return FusionError(
        found + (f"; the environment says {given}" if given else ""),
        "the data of PROJ that came with rasterio and pyproj",
        f"run `unset {' '.join(names)}`, then start again" if names else "install rasterio and pyproj again",
    )
