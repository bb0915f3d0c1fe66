"""Kernels, and what is done with the pixels that they cover.

Known are kernels that look the same from both sides, so that nothing depends on which way they are turned, measured in
pixels. A convolution whose kernel covers a masked pixel is refused: what becomes of it is not documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid
from fusion_assets.loopbacks.earth_engine.pixel_types import cast
from fusion_assets.loopbacks.earth_engine.reducing import WEIGHED, output_names, output_types, reduce_stack
from fusion_assets.loopbacks.earth_engine.values import Band, Image, Kernel, Pixels, Reducer

_LARGEST = 64
_SHAPES: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "square": lambda x, y, radius: np.ones(x.shape, bool),
    "circle": lambda x, y, radius: x**2 + y**2 <= radius**2,
    "diamond": lambda x, y, radius: abs(x) + abs(y) <= radius,
    "plus": lambda x, y, radius: (x == 0) | (y == 0),
    "cross": lambda x, y, radius: abs(x) == abs(y),
}
_FIXED = {"laplacian4": [[0, 1, 0], [1, -4, 1], [0, 1, 0]], "laplacian8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]]}


def _kernel(weights: np.ndarray, normalize: bool, magnitude: float) -> Kernel:
    total = weights.sum()
    return Kernel((weights / total if normalize and total else weights) * magnitude)


def _shaped(name: str, radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    if units != "pixels" or not 0 < radius <= _LARGEST or (name != "circle" and not float(radius).is_integer()):
        raise ServiceError(
            f"Kernel.{name}: this loopback service knows whole pixels up to {_LARGEST} only, not {radius:g} {units}."
        )
    reach = np.arange(-int(radius), int(radius) + 1)
    x, y = np.meshgrid(reach, reach)
    return _kernel(_SHAPES[name](x, y, radius).astype(np.float64), normalize, magnitude)


def _make(name: str) -> None:
    @algorithm(f"Kernel.{name}")
    def shaped(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
        return _shaped(name, radius, units, normalize, magnitude)


for _name in _SHAPES:
    _make(_name)
for _name, _weights in _FIXED.items():
    ALGORITHMS[f"Kernel.{_name}"] = lambda magnitude, normalize, _w=_weights: _kernel(
        np.array(_w, np.float64), normalize, magnitude
    )


@algorithm("Kernel.rectangle")
def rectangle(across: float, along: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """All pixels within so many columns and rows."""
    whole = float(across).is_integer() and float(along).is_integer()
    if units != "pixels" or not whole or not 0 < max(across, along) <= _LARGEST:
        raise ServiceError("Kernel.rectangle: this loopback service knows whole pixels only.")
    return _kernel(np.ones((2 * int(along) + 1, 2 * int(across) + 1)), normalize, magnitude)


@algorithm("Kernel.fixed", refuses=("x", "y", "width", "height"))
def fixed(width: int, height: int, weights: list, x: int, y: int, normalize: bool) -> Kernel:
    """Weights as they are given, around the middle one."""
    try:
        given = np.array(weights, np.float64)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.ndim != 2 or not given.shape[0] % 2 or not given.shape[1] % 2:
        raise ServiceError("Kernel.fixed: this loopback service knows odd numbers of rows and columns of numbers only.")
    return _kernel(given, normalize, 1.0)


def _neighbours(band: Band, kernel: Kernel, grid: PixelGrid) -> Iterator[tuple[float, Pixels]]:
    """Weight and pixels of every place that a kernel covers, moved to its middle."""
    up, left = kernel.weights.shape[0] // 2, kernel.weights.shape[1] // 2
    whole = pixels_of(band, grid.window(-up, -left, grid.height + 2 * up, grid.width + 2 * left))
    for row, col in np.argwhere(kernel.weights != 0):
        part = np.s_[row : row + grid.height, col : col + grid.width]
        yield float(kernel.weights[row, col]), Pixels(whole.values[part], whole.mask[part])


@algorithm("Image.convolve")
def convolve(image: Image, kernel: Kernel) -> Image:
    """The sum of the pixels under a kernel, weighted by it."""
    if not np.array_equal(kernel.weights, kernel.weights[::-1, ::-1]):
        raise ServiceError("Image.convolve: this loopback service does not know which way kernels are turned.")

    def made(band: Band) -> Band:
        def pixels(grid: PixelGrid) -> Pixels:
            total, valid = np.zeros((grid.height, grid.width)), np.ones((grid.height, grid.width), bool)
            for weight, part in _neighbours(band, kernel, grid):
                total += weight * np.where(part.valid, part.values, 0)
                valid &= part.mask == 1
            if not valid.all():
                raise ServiceError("Image.convolve: this loopback service does not know what masked pixels count.")
            return Pixels(total, valid)

        return Band(band.name, types.DOUBLE, band.projection, pixels)

    return image.with_bands(map(made, image.bands))


@algorithm("Image.reduceNeighborhood", refuses=("inputWeight", "optimization"))
def reduce_neighborhood(
    image: Image, reducer: Reducer, kernel: Kernel, weight: str, skip: bool, optimization: str | None
) -> Image:
    """A reducer over the pixels under a kernel that are there, weighted by it; names are `band_output`."""
    bands = [
        band
        for source in image.bands
        for band in _reduced(source, reducer, kernel, [f"{source.name}_{o}" for o in output_names(reducer)], skip)
    ]
    return image.with_bands(bands)


def _reduced(band: Band, reducer: Reducer, kernel: Kernel, names: list[str], skip: bool) -> Iterator[Band]:
    weighed = reducer.name in WEIGHED
    if reducer.parts or (weighed and (kernel.weights < 0).any()):
        raise ServiceError(
            "Image.reduceNeighborhood: this loopback service knows one reducer and weights above 0 only."
        )

    def pixels(output: int, kind: types.PixelType) -> Callable[[PixelGrid], Pixels]:
        def compute(grid: PixelGrid) -> Pixels:
            weights, parts = zip(*_neighbours(band, kernel, grid), strict=True)
            masks = [w * part.mask if weighed else part.valid for w, part in zip(weights, parts, strict=True)]
            values, valid = reduce_stack(reducer, np.stack([part.values for part in parts]), np.stack(masks))[output]
            there = valid & pixels_of(band, grid).valid if skip else valid
            return Pixels(cast(values, kind), there)

        return compute

    kinds = output_types(reducer, band.type)
    for output, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        yield Band(name, kind, band.projection, pixels(output, kind))


def _focal(name: str, reducer: str) -> None:
    @algorithm(f"Image.{name}")
    def apply(image: Image, radius: float, shape: str, units: str, times: int, kernel: Kernel | None) -> Image:
        if kernel is None and shape not in _SHAPES:
            raise ServiceError(f"Image.{name}: this loopback service does not know the kernel '{shape}'.")
        used = kernel if kernel is not None else _shaped(shape, radius, units, True, 1.0)
        for _ in range(times):
            image = image.with_bands(
                made for band in image.bands for made in _reduced(band, Reducer(reducer), used, [band.name], True)
            )
        return image


for _name in ("max", "min", "mean", "median", "mode"):
    _focal(f"focal_{_name}", _name)
    _focal(f"focal{_name.capitalize()}", _name)
