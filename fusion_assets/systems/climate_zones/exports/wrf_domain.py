"""Where a WRF domain lies: from the file that geogrid made of it (`geo_em.dXX.nc`), or from bounds in degrees.

WRF Preprocessing System, https://www2.mmm.ucar.edu/wrf/users/: XLAT_C and XLONG_C are corners of the cells, XLAT_M and
XLONG_M their centres, (1, south_north, west_east). Both kinds of netCDF are read: HDF5, and the classic one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely

from fusion_assets.errors import FusionError

Bounds = tuple[float, float, float, float]
_FORM = "a geo_em.dXX.nc file, as geogrid writes it"


def wrf_domain(domain: str | Path | Bounds) -> shapely.Polygon:
    """Outline of a domain in degrees, along the outer edges of its cells.

    Args:
        domain: path of a geo_em file, or (west, south, east, north) in degrees.

    Raises:
        FusionError: a file that cannot be read, has no coordinates, or crosses the antimeridian; bounds that are none.
    """
    if not isinstance(domain, str | Path):
        west, south, east, north = domain
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise FusionError(
                f"bounds {tuple(domain)}", "west < east and south < north, in degrees", "correct the bounds"
            )
        return shapely.box(west, south, east, north)
    longitude, latitude = _corners(Path(domain))
    along = [(longitude[0], latitude[0]), (longitude[:, -1], latitude[:, -1])]
    back = [(longitude[-1, ::-1], latitude[-1, ::-1]), (longitude[::-1, 0], latitude[::-1, 0])]
    ring = np.concatenate([np.column_stack(each) for each in (*along, *back)])
    outline = shapely.Polygon(ring) if np.isfinite(ring).all() else shapely.Polygon()
    if np.ptp(ring[:, 0]) > 180 or not outline.is_valid or outline.area == 0:
        raise FusionError(
            f"the coordinates of {Path(domain).name} enclose no domain",
            "a domain on one side of the antimeridian and off the poles",
            "give its bounds in degrees instead",
        )
    return outline


def _corners(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of the corners of cells, (rows + 1, columns + 1)."""
    found = _variables(path, ("XLONG_C", "XLAT_C", "XLONG_M", "XLAT_M"))
    if "XLONG_C" in found and "XLAT_C" in found:
        return found["XLONG_C"], found["XLAT_C"]
    if "XLONG_M" not in found or "XLAT_M" not in found:
        raise FusionError(f"{path.name} has neither XLAT_C nor XLAT_M", _FORM, "give another file")
    return _spread(found["XLONG_M"]), _spread(found["XLAT_M"])


def _spread(centres: np.ndarray) -> np.ndarray:
    """Corners from centres: half a cell further on every side."""
    for axis in (0, 1):
        if centres.shape[axis] < 2:
            raise FusionError("a domain of a single row or column", _FORM, "give another file")
        wide = np.pad(
            centres, [(1, 1) if each == axis else (0, 0) for each in (0, 1)], mode="reflect", reflect_type="odd"
        )
        centres = (
            np.take(wide, range(1, wide.shape[axis]), axis) + np.take(wide, range(wide.shape[axis] - 1), axis)
        ) / 2
    return centres


def _variables(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the variables that a netCDF file has, (rows, columns), float64."""
    import h5py
    from scipy.io import netcdf_file

    try:
        with open(path, "rb") as file:
            classic = file.read(3) == b"CDF"
        if classic:
            with netcdf_file(path, mmap=False) as old:
                values = {name: np.array(old.variables[name][:]) for name in names if name in old.variables}
        else:
            with h5py.File(path) as new:
                values = {name: np.asarray(new[name]) for name in names if name in new}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AssertionError) as error:
        raise FusionError(f"{path} cannot be read: {error}", _FORM, "give another file") from None
    strange = [name for name, each in values.items() if each.ndim != 3 or each.shape[0] != 1]
    if strange:
        raise FusionError(
            f"{path.name} has {strange[0]} of shape {values[strange[0]].shape}", _FORM, "give another file"
        )
    return {name: each[0].astype("float64") for name, each in values.items()}
