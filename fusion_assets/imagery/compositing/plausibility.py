"""Whether a scene's numbers can be what its item says they are: a look at some of its clear pixels.

Items are wrong about offsets, scales and units, and the pixels show it. What cannot be is refused, what need not be
is doubted in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice, Places, on_sheet, project_points, to_pixels
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import Header
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.compositing.tile import clear_pixels
from fusion_assets.imagery.recipe import CompositeRecipe, Product
from fusion_assets.imagery.scenes import Scene, SceneFile
from fusion_assets.imagery.unreadable import UnusableScene

_EDGE = 64
"""Pixels of the working grid along the edge of what is looked at in one place."""
_ACROSS, _LOOKS = 5, 4
_FEWEST, _ENOUGH = 50, 1000
"""Clear pixels below which nothing is said, and from which on no further place is looked at."""
_MANY = 0.1
_TELLING = ("B04", "B02", "B03", "SR_B4", "SR_B2", "SR_B3")
"""Bands whose darkness tells of a wrong offset, the best first: water is dark beyond red, whatever the offset."""
_BRIGHTEST, _FAINTEST = 2.0, 1e-3
_LEAST_DECIBELS, _MOST_POWER, _LEAST_RADIANCE = -100, 10.0, -100.0


@dataclass(frozen=True)
class Verdict:
    """What the look has shown.

    Attributes:
        problem: why the scene cannot be used; None where it can.
        doubts: what is strange about it, in words.
    """

    problem: UnusableScene | None = None
    doubts: tuple[str, ...] = ()


def looked_at(recipe: CompositeRecipe, product: Product) -> CompositeRecipe | None:
    """The recipe of what is looked at: two bands in the product's unit, and the masks.

    None where nothing is known of what the numbers can be.
    """
    bands = [band for band in recipe.bands if product.numbers(band).unit == product.unit]
    if not bands or (product.role, product.unit) not in _LOOKS_AT:
        return None
    dark = next((band for band in _TELLING if band in bands), bands[0])
    return dataclasses.replace(recipe, bands=tuple(dict.fromkeys((dark, bands[-1]))))


def verdict(
    scene: Scene, product: Product, recipe: CompositeRecipe, working: Grid, headers: Mapping[SceneFile, Header]
) -> Verdict:
    """Look at a scene.

    Args:
        scene: its files settled.
        product: what the numbers should be.
        recipe: bands and mask, see `looked_at`.
        working: the grid that scenes are read onto.
        headers: of the files of these bands and of the mask for that grid.

    Raises:
        UnreadableFile: a file that cannot be read.
    """
    look = _LOOKS_AT[product.role, product.unit]
    values: dict[str, np.ndarray] = {}
    with gdal_environment(recipe.requester_pays):
        for window in _windows(working, headers[scene.bands[recipe.bands[0]]].lattice):
            for band, numbers in _clear_values(scene, recipe, window, headers).items():
                values[band] = np.concatenate([values.get(band, numbers[:0]), numbers])
            if values and min(map(len, values.values())) >= _ENOUGH:
                break
    enough = {band: numbers for band, numbers in values.items() if len(numbers) >= _FEWEST}
    return look(scene, enough) if enough else Verdict()


def _windows(working: Grid, source: Lattice) -> Iterator[Grid]:
    """Up to `_LOOKS` small windows, spread over the part of the grid that the source covers."""
    height, width = min(_EDGE, working.height), min(_EDGE, working.width)
    at = np.linspace(0, 1, _ACROSS)
    rows, cols = (axis.ravel() for axis in np.meshgrid(at * (working.height - height), at * (working.width - width)))
    x = working.transform.c + (cols + width / 2) * working.resolution
    y = working.transform.f - (rows + height / 2) * working.resolution
    xs, ys = project_points(x, y, working.crs, source.crs)
    in_row, in_col = to_pixels(on_sheet(xs, source), ys, source.transform)
    inside = np.flatnonzero((in_row >= 0) & (in_row < source.height) & (in_col >= 0) & (in_col < source.width))
    chosen = inside[np.linspace(0, len(inside) - 1, min(_LOOKS, len(inside))).round().astype(int)]
    for place in sorted(chosen.tolist(), key=lambda place: abs(place - len(rows) // 2)):
        yield working.window(round(rows[place]), round(cols[place]), height, width)


def _clear_values(
    scene: Scene, recipe: CompositeRecipe, window: Grid, headers: Mapping[SceneFile, Header]
) -> dict[str, np.ndarray]:
    """Physical values of clear pixels by band."""
    places = Places(window)
    clear = clear_pixels(scene, recipe, headers, places)
    if clear is None:
        return {}
    values = {}
    for band in recipe.bands:
        file = scene.bands[band]
        read = read_nearest(file, window, header=headers[file], places=places)
        if read is not None:
            numbers = read[0][read[1] & clear]
            values[band] = (numbers * np.float64(file.scale) + file.offset).astype(np.float32)
    return values


def _reflectance(scene: Scene, values: Mapping[str, np.ndarray]) -> Verdict:
    """Sunlit land reflects something, and not twice what it gets."""
    typical = {band: float(np.median(numbers)) for band, numbers in values.items()}
    brightest = max(typical, key=typical.__getitem__)
    most = max(float(numbers.max()) for numbers in values.values())
    if typical[brightest] > _BRIGHTEST:
        return _impossible(
            scene,
            f"the median reflectance of {brightest} is {typical[brightest]:.4g}",
            "the scale that is declared is not that of the numbers: 0.0001 for Sentinel-2's stored numbers",
        )
    if 0 < most < _FAINTEST:
        return _impossible(
            scene,
            f"no clear pixel reflects more than {most:.2g}",
            "the numbers may be reflectances already, for which the scale is 1",
        )
    dark = next((band for band in _TELLING if band in values), next(iter(values)))
    share = float((values[dark] <= 0).mean())
    if share < _MANY:
        return Verdict()
    offset = scene.bands[dark].offset
    why = (
        f" after the offset {offset:g}: its numbers may have been shifted back already"
        if offset < 0
        else ": correct the item's scale and offset, or leave the scene out"
    )
    return Verdict(doubts=(f"{scene.id}: {share:.0%} of the clear values of {dark} are at or below 0{why}",))


def _decibels(scene: Scene, values: Mapping[str, np.ndarray]) -> Verdict:
    """Land scatters less than it gets: decibels are mostly below 0, linear power never is."""
    fill = max(float(((numbers == 0) | (numbers < _LEAST_DECIBELS)).mean()) for numbers in values.values())
    if fill >= _MANY and min(float(numbers.min()) for numbers in values.values()) < 0:
        return _impossible(
            scene,
            f"{fill:.0%} of its values are exactly 0 or below {_LEAST_DECIBELS} dB: fill that nothing declares",
            "declare the no-data number in the file (gdal_edit.py -a_nodata) or in `raster:bands` of the item",
        )
    if max(float((numbers < 0).mean()) for numbers in values.values()) >= _MANY:
        return Verdict()
    lowest = min(float(numbers.min()) for numbers in values.values())
    highest = max(float(numbers.max()) for numbers in values.values())
    return _impossible(
        scene,
        f"its values lie between {lowest:.3g} and {highest:.3g}: linear power or digital numbers, not decibels",
        "decibels are 10 log10 of calibrated power: convert the files, or use sentinel1_rtc for linear gamma nought",
    )


def _power(scene: Scene, values: Mapping[str, np.ndarray]) -> Verdict:
    typical = max(float(np.median(numbers)) for numbers in values.values())
    if typical > _MOST_POWER:
        return _impossible(
            scene,
            f"the median of its values is {typical:.4g}: digital numbers, not calibrated power",
            "use the calibrated, terrain-corrected files of the product",
        )
    below = max(float((numbers < 0).mean()) for numbers in values.values())
    if below < _MANY:
        return Verdict()
    return _impossible(
        scene,
        f"{below:.0%} of its values are below 0: decibels, not linear power",
        "use sentinel1_grd for decibels, or the product's linear files",
    )


def _radiance(scene: Scene, values: Mapping[str, np.ndarray]) -> Verdict:
    """Noise of night lights is a few nW below 0, no more."""
    lowest = min(float(numbers.min()) for numbers in values.values())
    if lowest >= _LEAST_RADIANCE:
        return Verdict()
    return _impossible(
        scene,
        f"it has radiances down to {lowest:.4g} nW: fill that nothing declares",
        "declare the no-data number in the file (gdal_edit.py -a_nodata) or in `raster:bands` of the item",
    )


def _impossible(scene: Scene, what: str, remedy: str) -> Verdict:
    return Verdict(UnusableScene(f"scene {scene.id}", what, "values of the product's unit", remedy))


_LOOKS_AT: dict[tuple[str, str], Callable[[Scene, Mapping[str, np.ndarray]], Verdict]] = {
    ("sentinel2", "reflectance"): _reflectance,
    ("sentinel1", "dB"): _decibels,
    ("night_lights", "nW/cm2/sr"): _radiance,
    ("sentinel1", "1"): _power,
}
