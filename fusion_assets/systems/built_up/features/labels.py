"""From a label product on the grid to built-up labels: 1 built-up, 0 not, 255 no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyproj
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.label_cells import SLACK, impossible_surface
from fusion_assets.imagery.recipe import Product

if TYPE_CHECKING:
    import xarray as xr

BUILT_UP = "built_up"
FRACTION = "built_fraction"
NO_DATA = 255
_UNEQUAL = 0.02


def built_up_labels(
    source: xr.Dataset,
    product: Product,
    inside: np.ndarray,
    *,
    built_codes: tuple[int, ...] = (),
    threshold: float | None = None,
    source_pixel_m2: np.ndarray | float = 1.0,
) -> xr.Dataset:
    """Labels of every pixel: the source's code or built-up fraction, and `built_up`.

    Args:
        source: the label product on the grid, NaN where it has no data; one band. Codes by nearest neighbour; built-up
            surface a source cell, averaged by area where those cells are finer than the grid.
        product: what the band means.
        inside: (height, width), pixel centres in the region's polygon; outside is no data.
        built_codes: codes that mean built-up (class products); the product's own when empty.
        threshold: built-up from this fraction of the cell on (fraction products).
        source_pixel_m2: area of the source's cell at each pixel, square metres (fraction products).

    Returns:
        Dataset with the code (int16) or `built_fraction` (float32), and `built_up` of the same dtype; 255 is no data.

    Raises:
        FusionError: no pixel has a label, or one more built-up surface than its cell can hold.
    """
    (name,) = [band for band in source.data_vars if band != "observation_count"]
    values = np.asarray(source[name].values, np.float32)
    labelled = np.isfinite(values) & inside
    if not labelled.any():
        raise FusionError(
            f"{product.title} has no data inside the region",
            "at least one labelled pixel",
            "check the region and the label year, or choose a label product that covers it",
        )
    grid = Grid.of(source)
    code_name = str(name)
    dtype: type = np.int16
    if product.label == "fraction":
        share = np.where(labelled, values / source_pixel_m2, np.nan)
        if ((share > SLACK) | (share < 0)).any():
            worst = np.flatnonzero((share > SLACK) | (share < 0))[0]
            cell = float(np.broadcast_to(source_pixel_m2, share.shape).flat[worst])
            raise impossible_surface(float(values.flat[worst]), SLACK * cell)
        built = share >= (threshold if threshold is not None else 0.5)
        code_name, code, dtype = FRACTION, np.clip(share, 0, 1), np.float32
    else:
        _check_codes(values[labelled], product)
        built = np.isin(values, built_codes or product.built_codes)
        code = values
    bands = {code_name: code, BUILT_UP: built}
    return grid.dataset({key: np.where(labelled, band, NO_DATA).astype(dtype) for key, band in bands.items()})


def check_classes(label: np.ndarray) -> None:
    """Refuse labels that a model cannot tell apart.

    Raises:
        FusionError: labels of one class only.
    """
    if len(np.unique(label)) < 2:
        kind = "built-up" if label.all() else "not built-up"
        raise FusionError(
            f"all {len(label)} labelled pixels are {kind}",
            "both classes among the labels",
            "choose a region that holds both, or another built_up_threshold or built_codes in the study",
        )


def source_cell_m2(grid: Grid, crs: str, transform: Affine) -> np.ndarray:
    """Area of the source cell that each pixel centre of `grid` falls in, square metres, (height, width).

    Exact cell area for projected sources (GHSL's Mollweide is equal-area); geodesic for sources in degrees.
    """
    if pyproj.CRS(crs).is_projected:
        metres = pyproj.CRS(crs).axis_info[0].unit_conversion_factor
        area = abs(transform.determinant) * metres**2
        _check_equal_area(grid, crs, transform, area)
        return np.full(grid.shape, area)
    _, latitude = grid.lonlat()
    rows = np.floor((latitude - transform.f) / transform.e)
    geod = pyproj.Geod(ellps="WGS84")
    areas = {}
    for row in np.unique(rows):
        north, south = transform.f + row * transform.e, transform.f + (row + 1) * transform.e
        east = abs(transform.a)
        areas[row] = abs(geod.polygon_area_perimeter([0, east, east, 0], [south, south, north, north])[0])
    lookup = np.vectorize(areas.__getitem__)
    return lookup(rows)


def _check_codes(codes: np.ndarray, product: Product) -> None:
    """Refuse codes that the product does not have: fill that nothing declares would count as not built-up."""
    lowest, highest = product.bands[0].valid_range
    strange = np.unique(codes[(codes < lowest) | (codes > highest)])
    if len(strange):
        raise FusionError(
            f"{product.title} holds {', '.join(f'{code:g}' for code in strange[:5])} inside the region",
            f"codes from {lowest:g} to {highest:g}, or no data that is declared as such",
            "declare the no-data number in the file (gdal_edit.py -a_nodata) or in `raster:bands` of the item",
        )


def _check_equal_area(grid: Grid, crs: str, transform: Affine, area: float) -> None:
    """Refuse a map whose cells are not as large on the ground as they are drawn, such as Web Mercator."""
    longitude, latitude = (float(np.mean(axis)) for axis in grid.lonlat())
    there = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = there.transform(longitude, latitude)
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    xs = [x + transform.a * col + transform.b * row for col, row in corners]
    ys = [y + transform.d * col + transform.e * row for col, row in corners]
    lons, lats = there.transform(xs, ys, direction="INVERSE")
    ground = abs(pyproj.Geod(ellps="WGS84").polygon_area_perimeter(lons, lats)[0])
    if abs(ground / area - 1) > _UNEQUAL:
        raise FusionError(
            f"cells of the label product are {area:.0f} m2 in {crs}, and {ground:.0f} m2 on the ground",
            "a CRS that keeps areas, as ESRI:54009 in which GHSL is published",
            "use the product as it is published; surface that was reprojected is no longer surface of its cell",
        )


def source_cells(raster: xr.Dataset) -> tuple[str, Affine]:
    """CRS and affine transform of the label source's cells, from a raster's attributes.

    Raises:
        FusionError: the raster does not say.
    """
    try:
        return raster.attrs["source_crs"], Affine(*map(float, raster.attrs["source_transform"].split()))
    except KeyError:
        raise FusionError(
            "the label raster does not say where its source's cells lie",
            "tags FUSION_SOURCE_CRS and FUSION_SOURCE_TRANSFORM",
            "materialize ghsl_labels again",
        ) from None
