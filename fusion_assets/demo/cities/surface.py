"""The ground of a city, pixel by pixel: what covers it, and how high it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.cities.look import Look
from fusion_assets.demo.cities.materials import BANDS, GREEN, MATERIALS, ROOFS
from fusion_assets.demo.cities.plan import SIDE, STEP, City, Plan, grain
from fusion_assets.demo.cities.recipes import COVERS, RECIPES, Recipe
from fusion_assets.demo.land import Field, stream

_VARIETY = 0.06
"""Deviation of the logarithm of the shares of the ground, from clump to clump."""
_OWN, _OWN_ECHO = 0.2, 1.2
"""Deviations, from clump to clump: of the logarithm of reflectance, and of backscatter in dB."""
_ORDER = [Recipe._fields.index(cover) for cover in COVERS]
_MATERIAL_OF = {"tree": "forest"}
_STREETS = 1.6
"""How closely pavement keeps to streets, against chance."""


@dataclass(frozen=True)
class Surface:
    """Of a city.

    Attributes:
        shares: of each material, (material, row, col), adding to 1 in every pixel.
        height: of what stands there, metres, (row, col).
        turn: (row, col) how far from facing the radar streets run, -1 to 1.
        bright: factor of reflectance, (row, col, band): neighbourhoods are of their own age and taste.
        echo: dB added, (row, col, VV and VH), likewise.
    """

    shares: Field
    height: Field
    turn: Field
    bright: Field
    echo: Field


def surface_of(seed: int, city: City, plan: Plan, look: Look) -> Surface:
    """Build every clump of a plan: buildings away from streets, then pavement along them, then what grows."""
    from scipy import ndimage

    rng = stream(seed, "city", city.name, "surface")
    code, roof, height = np.zeros((SIDE, SIDE), np.intp), np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), np.float32)
    turn = np.zeros((SIDE, SIDE), np.float32)
    rough = grain(rng, (SIDE, SIDE), 12)
    patchy = grain(rng, (SIDE, SIDE), 40)
    taste, storeys = grain(rng, (SIDE, SIDE), 35), grain(rng, (SIDE, SIDE), 30)
    rows, cols = np.indices((SIDE, SIDE)) * STEP
    for clump, zone in enumerate(plan.zones):
        here = plan.clump == clump
        recipe = RECIPES[zone]
        shares = np.array(recipe[:8]) * look.covers[zone] * np.exp(_VARIETY * rng.standard_normal(8))
        shares /= shares.sum()
        angle, block = rng.uniform(0, np.pi / 2), recipe.block * look.blocks[zone]
        turn[here] = np.cos(4 * angle)
        street = _nearness(rows[here], cols[here], angle, block) + 0.35 * rough[here]
        built = _rank(street) < shares[0]
        other = _rank(_STREETS * street + patchy[here])
        code[here] = _covers(other, shares[_ORDER], built)
        roof[here] = _rank(taste[here])
        tall = recipe.height * look.heights[zone] * np.exp(0.25 * storeys[here])
        height[here] = np.where(built, tall, np.where(code[here] == 1 + COVERS.index("tree"), 10, 0))
    sharp = _materials(code, roof, plan, look)
    # A detector sees a little of the pixels beside its own.
    blurred = ndimage.gaussian_filter(sharp, (0, 0.5, 0.5))
    slope = np.linspace(-1, 1, len(BANDS))
    own = _OWN * look.motley * rng.standard_normal((2, len(plan.zones), 1))
    bright = np.exp(own[0] + own[1] * slope)[plan.clump]
    echo = _OWN_ECHO * look.motley * rng.standard_normal((len(plan.zones), 2))[plan.clump]
    return Surface(blurred / blurred.sum(axis=0), height, turn, bright.astype(np.float32), echo.astype(np.float32))


def _nearness(rows: Field, cols: Field, angle: float, block: float) -> Field:
    """0 in the middle of blocks to 1 on the streets around them."""
    along = rows * np.cos(angle) + cols * np.sin(angle), cols * np.cos(angle) - rows * np.sin(angle)
    first, second = (2 * np.abs(side / block - np.floor(side / block) - 0.5) for side in along)
    return np.maximum(first, second)


def _rank(values: npt.NDArray) -> npt.NDArray[np.float64]:
    """Share of the values that are lower."""
    order = np.empty(len(values))
    order[np.argsort(values, kind="stable")] = np.arange(len(values))
    return order / len(values)


def _covers(other: npt.NDArray, shares: npt.NDArray, built: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """0 for buildings, and 1 and up for `COVERS` in their shares, the first where `other` is highest."""
    open_ground = ~built
    rank = np.zeros(len(other))
    rank[open_ground] = 1 - _rank(other[open_ground])
    bounds = np.cumsum(shares) / shares.sum()
    return np.where(built, 0, 1 + np.minimum(np.searchsorted(bounds, rank, side="left"), len(COVERS) - 1))


def _materials(code: npt.NDArray[np.intp], roof: npt.NDArray, plan: Plan, look: Look) -> Field:
    """(material, row, col) of sharp pixels, plants withered as the city's are."""
    shares = np.zeros((len(MATERIALS), *code.shape), np.float32)
    kinds = np.array([recipe.roofs for recipe in RECIPES]) * look.roofs
    bounds = np.cumsum(kinds / kinds.sum(axis=1, keepdims=True), axis=1)[plan.zone]
    for number, name in enumerate(ROOFS):
        low = bounds[..., number - 1] if number else 0
        shares[MATERIALS.index(name)] = (code == 0) & (roof >= low) & (roof < bounds[..., number])
    shares[len(ROOFS) - 1] += (code == 0) & (shares[: len(ROOFS)].sum(axis=0) == 0)
    for number, cover in enumerate(COVERS, start=1):
        shares[MATERIALS.index(_MATERIAL_OF.get(cover, cover))] += code == number
    straw = MATERIALS.index("straw")
    for name, most in zip(GREEN, (1.0, 0.6, 0.35), strict=True):
        withered = most * look.withered * shares[MATERIALS.index(name)]
        shares[MATERIALS.index(name)] -= withered
        shares[straw] += withered
    return shares
