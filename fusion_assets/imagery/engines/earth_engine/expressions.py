"""What Earth Engine is asked to compute: the recipe of a composite as an expression over an explicit list of images.

The same steps as `tile.py`: mask, mosaic of a pass, median over passes, scale, mean of the valid sub-pixels of each
block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyproj

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.composite import OBSERVATION_COUNT
from fusion_assets.imagery.engines.earth_engine.dated_collections import image_id
from fusion_assets.imagery.engines.earth_engine.scene_lists import CLOUD_SCORE_PLUS, is_linked
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask, Numbers, Product

NO_DATA = -1e30
"""Stands for masked pixels on their way here: requests for pixels would give 0 for them."""
_WHOLE = 0.999
_MIN_RAW = 256
"""Reducers of fewer numbers than this stay exact in any case; above, a histogram would be used unless told."""


@dataclass(frozen=True)
class Plan:
    """All that the expression of one export needs; small, hashable and without any object of the client.

    Attributes:
        product: key of `products.PRODUCTS`.
        collection: full id; of several the first.
        groups: image indices by pass, full ids in further collections.
        masked: whether the mask band is there.
        recipe: see `CompositeRecipe`.
        grid: of the result.
        tile_scale: above 1 computes in smaller pieces, slower and with less memory.
    """

    product: str
    collection: str
    groups: tuple[tuple[str, ...], ...]
    masked: bool
    recipe: CompositeRecipe
    grid: Grid
    tile_scale: float = 1

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the result."""
        return (*self.recipe.bands, OBSERVATION_COUNT)

    @property
    def scene_count(self) -> int:
        """Images of all passes."""
        return sum(map(len, self.groups))


def composite_image(plan: Plan) -> Any:
    """The composite as an `ee.Image`: the recipe's bands and `observation_count`, float, masked where no data."""
    import ee

    passes = ee.ImageCollection.fromImages([_pass(plan, group) for group in plan.groups])
    recipe, names = plan.recipe, list(plan.recipe.bands)
    if recipe.reducer == "latest":
        middle = passes.mosaic()
    else:
        median = ee.Reducer.median(maxRaw=max(_MIN_RAW, len(plan.groups) + 1))
        middle = passes.reduce(median, plan.tile_scale).rename(names)
    # `count` has no value where nothing was clear; the least-observed band counts.
    count = passes.reduce(ee.Reducer.count(), plan.tile_scale).unmask(0, False).reduce(ee.Reducer.min())
    if recipe.reducer == "latest":
        count = count.min(1)
    values = _blocks(physical(middle, PRODUCTS[plan.product], names), plan)
    return values.addBands(_block_count(count, plan)).rename(list(plan.bands)).toFloat()


def physical(numbers: Any, product: Product, bands: Sequence[str] = ()) -> Any:
    """Stored numbers as physical values.

    Args:
        numbers: `ee.Image`.
        product: that they are of.
        bands: of the image, in order; where all mean the same, one factor serves all.
    """
    import ee

    usual = Numbers(product.scale, product.offset, product.unit)
    own = [product.numbers(band) for band in bands]
    if any(each[:2] != usual[:2] for each in own):
        scales, offsets, _ = zip(*own, strict=True)
        return numbers.multiply(ee.Image.constant(list(scales))).add(ee.Image.constant(list(offsets)))
    scaled = numbers.multiply(product.scale)
    return scaled.add(product.offset) if product.offset else scaled


def _pass(plan: Plan, group: Sequence[str]) -> Any:
    import ee

    # The first wins where granules overlap: in a mosaic the last image is on top.
    images = [_scene(plan, index) for index in reversed(group)]
    return images[0] if len(images) == 1 else ee.ImageCollection.fromImages(images).mosaic()


def _scene(plan: Plan, index: str) -> Any:
    import ee

    image, product, recipe = ee.Image(image_id(plan.collection, index)), PRODUCTS[plan.product], plan.recipe
    bands = image.select([product.band(name).earth_engine for name in recipe.bands], list(recipe.bands))
    if recipe.reducer == "latest" and product.source_nodata is not None:
        bands = bands.updateMask(bands.neq(product.source_nodata))
    if not plan.masked and product.unmasked_nodata is not None:
        bands = bands.updateMask(bands.neq(product.unmasked_nodata))
    if recipe.resampling == "bilinear":
        # Before any other mask, which is read where it is asked for. Valid is what has only valid neighbours.
        bands = bands.resample("bilinear")
        bands = bands.mask(bands.mask().gte(_WHOLE))
    return where_clear(bands, image, recipe, plan.masked)


def where_clear(bands: Any, image: Any, recipe: CompositeRecipe, masked: bool) -> Any:
    """Bands of an image where it is clear by all masks of a recipe; `masked`: whether it has the first one."""
    for mask in (*((recipe.mask,) if masked else ()), *recipe.more_masks):
        bands = bands.updateMask(clear(image, mask))
    return bands


def clear(image: Any, mask: Mask) -> Any:
    """1 where an image is clear by a mask, else 0."""
    import ee

    if is_linked(mask):
        image = image.linkCollection(ee.ImageCollection(CLOUD_SCORE_PLUS), [mask.earth_engine])
    band, values = image.select(mask.earth_engine), list(mask.values)
    tests: dict[str, Callable[[], Any]] = {
        "classes": lambda: band.remap(values, [1] * len(values), 0),
        # All bits in one number, so that no operator of Python's can drop one of them.
        "bits": lambda: band.bitwiseAnd(sum(1 << int(bit) for bit in values)).eq(0),
        "positive": lambda: band.gte(values[0]) if values else band.gt(0),
        "score": lambda: band.gte(values[0]),
    }
    return tests[mask.kind]()


def crs_text(grid: Grid) -> str:
    """A grid's CRS as Earth Engine reads it: an EPSG code, or WKT for all others."""
    return grid.crs if grid.crs.startswith("EPSG:") else pyproj.CRS.from_user_input(grid.crs).to_wkt("WKT1_GDAL")


def working_grid(plan: Plan) -> Grid:
    """The grid that scenes are reduced on."""
    return plan.grid.refine(plan.recipe.subdivision)


def _on_working_grid(image: Any, plan: Plan) -> Any:
    working = working_grid(plan)
    return image.setDefaultProjection(crs_text(working), list(working.transform[:6]))


def _block_mean(image: Any, plan: Plan) -> Any:
    import ee

    # One more along each edge than a block has, lest rounding adds a sliver; still within Earth Engine's 65,536.
    most = (plan.recipe.subdivision + 1) ** 2
    return _on_working_grid(image, plan).reduceResolution(ee.Reducer.mean(), maxPixels=most)


def _blocks(image: Any, plan: Plan) -> Any:
    """Mean of the valid working pixels of each block; masked below the valid share."""
    k = plan.recipe.subdivision
    if k == 1:
        return image
    needed = max(math.ceil(plan.recipe.min_valid_share * k * k - 1e-9), 1)
    # Half a working pixel of tolerance: shares are sums of rounded weights.
    enough = _block_mean(image.mask(), plan).gte((needed - 0.5) / (k * k))
    # Set, not updated: the mean's own mask is the valid share, and no fraction of a pixel may come out.
    return _block_mean(image, plan).mask(enough)


def _block_count(count: Any, plan: Plan) -> Any:
    k = plan.recipe.subdivision
    if k == 1:
        return count
    return _block_mean(count.toFloat(), plan).add(0.5 / (k * k)).floor()
