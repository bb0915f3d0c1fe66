"""Tiny archives: GeoTIFFs of given numbers, scenes over them, and STAC catalogs on disk."""

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pystac
import rasterio
from affine import Affine
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.composite import CompositeRecipe
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.scenes import Scene, SceneFile

CRS = "EPSG:32631"
WEST, NORTH, STEP = 500_000, 5_600_000, 10
FIRST_DAY = dt.datetime(2019, 7, 1, 10, 40, tzinfo=dt.UTC)


def lattice(west=WEST, north=NORTH, step=STEP):
    return Affine(step, 0, west, 0, -step, north)


def write_tif(path, values, transform=None, crs=CRS, nodata=None, block=None, overviews=()):
    """A GeoTIFF holding `values` (y, x); tiled in `block` pixels where given."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tiling = {"tiled": True, "blockxsize": block, "blockysize": block} if block else {}
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype,
        crs=crs, transform=transform or lattice(), nodata=nodata, compress="deflate", **tiling,
    ) as target:  # fmt: skip
        target.write(values, 1)
        if overviews:
            target.build_overviews(list(overviews), rasterio.enums.Resampling.nearest)
    return str(path)


def truncate(path):
    """Cut a file in the middle of its pixels; its header stays readable."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * 0.6)])


def damage(path):
    """Overwrite the last block of a file; its length and all other blocks stay."""
    with rasterio.open(path) as source:
        rows, cols = (math.ceil(n / b) for n, b in zip(source.shape, source.block_shapes[0], strict=True))
        block = f"{cols - 1}_{rows - 1}"
        offset, size = (int(source.get_tag_item(f"BLOCK_{f}_{block}", "TIFF", bidx=1)) for f in ("OFFSET", "SIZE"))
    content = bytearray(Path(path).read_bytes())
    content[offset : offset + size] = b"\xff" * size
    Path(path).write_bytes(content)


def noise(shape, seed, low=1, high=4000, dtype=np.uint16):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def make_scene(name, bands, mask=None, moment=FIRST_DAY, platform="sentinel-2a", scale=1e-4, offset=0.0, **file):
    """A scene over files on disk; `bands` maps names to paths."""
    files = {band: SceneFile(str(path), scale, offset, **file) for band, path in bands.items()}
    return Scene(name, moment, moment, platform, files, SceneFile(str(mask)) if mask else None)


def make_item(name, assets, moment=FIRST_DAY, end=None, properties=None, fields=None):
    """A STAC item over GeoTIFFs: `assets` maps keys to paths; the footprint is that of the first."""
    with rasterio.open(next(iter(assets.values()))) as source:
        bounds = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
    properties = dict(properties or {})
    if end is not None:
        properties |= {"start_datetime": moment.isoformat(), "end_datetime": end.isoformat()}
    item = pystac.Item(name, mapping(box(*bounds)), list(bounds), None if end else moment, properties)
    for key, path in assets.items():
        item.add_asset(key, pystac.Asset(str(path), extra_fields=dict((fields or {}).get(key, {}))))
    return item


def bare_item(name="item", assets=(), moment=FIRST_DAY, properties=None, fields=None):
    """A STAC item whose files do not exist."""
    item = pystac.Item(name, mapping(box(3, 50, 3.2, 50.6)), [3, 50, 3.2, 50.6], moment, dict(properties or {}))
    for key in assets:
        item.add_asset(key, pystac.Asset(f"/archive/{key}.tif", extra_fields=dict((fields or {}).get(key, {}))))
    return item


def write_catalog(root, collections):
    """A self-contained catalog on disk from {collection id: items}; returns the path of its catalog.json."""
    catalog = pystac.Catalog("test", "Generated for a test")
    for name, items in collections.items():
        extent = pystac.Extent(pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[FIRST_DAY, None]]))
        collection = pystac.Collection(name, "Generated for a test", extent)
        collection.add_items(items)
        catalog.add_child(collection)
    catalog.normalize_and_save(str(root), pystac.CatalogType.SELF_CONTAINED)
    return str(Path(root) / "catalog.json")


SHAPE = (40, 50)
GRID = Grid(CRS, Affine(STEP, 0, WEST, 0, -STEP, NORTH), *SHAPE)


def small_season(root, days=4):
    """A catalog of Sentinel-2 L2A dates over `GRID`, all clear; returns its path and the stack of B02."""
    items, stack = [], []
    for day in range(days):
        stack.append(noise(SHAPE, day))
        blue = write_tif(Path(root) / f"files/{day}_blue.tif", stack[-1], block=16)
        scl = write_tif(Path(root) / f"files/{day}_scl.tif", np.full(SHAPE, 4, np.uint8), block=16)
        properties = {"eo:cloud_cover": 10 * day, "earthsearch:boa_offset_applied": True, "platform": "sentinel-2a"}
        moment = FIRST_DAY + dt.timedelta(days=5 * day)
        items.append(make_item(f"s{day}", {"blue": blue, "scl": scl}, moment, properties=properties))
    return write_catalog(Path(root) / "catalog", {"sentinel-2-l2a": items}), np.stack(stack)


def small_request(archive, **changes):
    """A request for the composite of `small_season`."""
    facts = {
        "asset": "sentinel2_composite", "product": "sentinel2_l2a", "region": "here", "year": 2019, "grid": GRID,
        "geometry": mapping(box(*transform_bounds(CRS, "EPSG:4326", *GRID.bounds))),
        "window": (dt.date(2019, 7, 1), dt.date(2019, 12, 31)),
        "recipe": CompositeRecipe(("B02",), PRODUCTS["sentinel2_l2a"].mask),
        "archive": archive, "collections": ("sentinel-2-l2a",),
    }  # fmt: skip
    return ExportRequest(**{**facts, **changes})
