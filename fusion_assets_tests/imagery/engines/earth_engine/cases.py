"""What the tests of the Earth Engine engine share: requests over the demo archive, and what parity means."""

import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe

SEASON = (dt.date(2015, 7, 1), dt.date(2015, 12, 31))
BANDS = {"sentinel2_l2a": ("B02", "B11"), "sentinel2_l1c": ("B02", "B11")}


def demo_request(catalog, product, k=1, edge=1000, move=0.0, **changes):
    """A request on the demo's grid in pixels of `edge` metres, moved by a share of a pixel."""
    told = json.loads((Path(catalog).parent / "demo.json").read_text())
    whole = Grid(told["grid"]["crs"], Affine(*told["grid"]["transform"]), *told["grid"]["shape"])
    fine = whole.refine(1000 // edge)
    grid = Grid(fine.crs, fine.transform @ Affine.translation(move, move), fine.height, fine.width)
    recipe = PRODUCTS[product]
    names = BANDS.get(product, recipe.default_bands)
    share = changes.pop("min_valid_share", 0.25)
    request = ExportRequest(
        asset="a_composite", product=product, region="demo", year=2015, grid=grid,
        geometry=told["region"]["geometry"], window=SEASON,
        recipe=CompositeRecipe(names, recipe.mask, recipe.resampling, recipe.reducer, k, share),
        archive=str(catalog), collections=recipe.collections,
    )  # fmt: skip
    return allowed(ExportRequest(**{**vars(request), **changes}))


def allowed(request):
    """A request of a study that says `allow_deprecated: true`."""
    return dataclasses.replace(request, allow_deprecated=True)


def assert_same(expected, found):
    """Values to 1e-4, observation counts and masks exactly, and the same source cells for labels."""
    assert list(found.data_vars) == list(expected.data_vars)
    assert found.attrs == expected.attrs
    for name in expected.data_vars:
        one, other = expected[name].values, found[name].values
        assert one.shape == other.shape and other.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(other), np.isnan(one), err_msg=f"mask of {name}")
        tolerance = 0 if name == "observation_count" else 1e-4
        np.testing.assert_allclose(other, one, rtol=0, atol=tolerance, err_msg=name)
