"""One patch of scenes on Earth Engine: two requests, on the patch's own pixels, with the same numbers as the archive.

Everything of a sensor is asked for at 10 m. A pixel of 20 m then comes back four times, one of 60 m thirty-six times,
and one of each is kept; where they differ, the image lies on another grid, and the patch is refused. The collections of
Sentinel-2 are harmonised there: Earth Engine has taken off the shift of processing baseline 04.00, so `offset` is 0,
and numbers of such scenes are 1,000 less than ESA's own. Gamma nought is not there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read
from fusion_assets.imagery.engines.earth_engine.dated_collections import image_id
from fusion_assets.imagery.engines.earth_engine.direct import fetch_image
from fusion_assets.imagery.engines.earth_engine.expressions import NO_DATA
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.systems.embeddings.corpus.layout import Layout, Part
from fusion_assets.systems.embeddings.corpus.reading import (
    Pixels,
    UnfitPatch,
    check_corner,
    check_lattice,
    decibel_steps,
    with_cirrus,
)
from fusion_assets.systems.embeddings.sensors import FINEST, POLARISATIONS

_SERIALIZE = threading.Lock()
_CLASSES = "SCL"
_KEPT_GRIDS = 4096


@dataclass(frozen=True)
class EarthEngineReader:
    """Reads patches of scenes on Earth Engine; see `reading.ArchiveReader`. It is asked from several threads at once.

    Attributes:
        connection: whom to ask.
        layout: of the patches.
    """

    connection: Connection
    layout: Layout
    _grids: dict[str, tuple[str, Affine]] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse products that Earth Engine does not have."""
        for name in (self.layout.optics, self.layout.radar):
            if not PRODUCTS[name].earth_engine:
                raise FusionError(
                    f"Earth Engine has no {name}", "sentinel1_grd of radar", "choose it, or use FUSION_ENGINE=archive"
                )

    def __call__(self, patch: Mapping[str, Any]) -> Pixels:
        """The pixels of one patch; arguments and errors as of `reading.ArchiveReader`.

        Raises:
            UnfitPatch: the scene lies on another grid.
            FusionError: Earth Engine refuses, or is away (`transient`).
        """
        check_corner(patch)
        layout, grid = self.layout, self.layout.grid(patch, FINEST)
        product = with_cirrus(PRODUCTS[layout.optics])
        theirs = {name: product.band(name).earth_engine for name in layout.bands}
        parts = {part.name: part for part in layout.parts}
        theirs |= {_CLASSES: _CLASSES} if "scl" in parts else {}
        optics = self._layers(layout.optics, str(patch["optics"]), theirs, grid, next(iter(layout.parts)))
        stored = {name: np.nan_to_num(layer, nan=0.0) for name, layer in optics.items()}
        arrays = {}
        for name, part in parts.items():
            if name != "radar":
                layers = [
                    _thinned(stored[band], part, f"{patch['optics']} ({band})") for band in part.bands or (_CLASSES,)
                ]
                arrays[name] = np.stack(layers) if part.bands else layers[0]
        echoes = self._layers(
            layout.radar, str(patch["radar"]), {name: name for name in POLARISATIONS}, grid, parts["radar"]
        )
        unit = PRODUCTS[layout.radar].unit
        arrays["radar"] = np.stack(
            [
                decibel_steps(layer.astype(np.float64), np.isfinite(layer), unit, f"{patch['radar']} ({name})")
                for name, layer in echoes.items()
            ]
        )
        return Pixels(arrays, 0.0)

    def _layers(
        self, product: str, scene: str, names: Mapping[str, str], grid: Grid, finest: Part
    ) -> dict[str, np.ndarray]:
        """Bands of a scene on the patch's pixels of 10 m, NaN for no data."""
        import ee

        whole = image_id(PRODUCTS[product].earth_engine, scene)
        self.connection.open()
        first = finest.bands[0]
        crs, transform = self._grid(whole, names[first])
        # Beyond an image's edge there is no data, and the patch says how much of it is missing.
        check_lattice(Lattice(crs, transform, 1, 1), self._finest(grid, finest), f"{scene} ({first})")

        def image() -> Any:
            found = ee.Image(whole).select(list(names.values()), list(names))
            return found.unmask(NO_DATA, False).toFloat()

        with _SERIALIZE:
            asked = read(image, f"the image {whole}")
        values = fetch_image(asked, list(names), grid, self.connection, scene)
        return dict(zip(names, values, strict=True))

    def _finest(self, grid: Grid, part: Part) -> Grid:
        """The patch's pixels at the pixel size of a part."""
        factor = part.metres // FINEST
        transform = grid.transform @ Affine.scale(factor)
        return Grid(grid.crs, transform, grid.height // factor, grid.width // factor)

    def _grid(self, whole: str, band: str) -> tuple[str, Affine]:
        """CRS and transform of a band, asked once for a scene."""
        import ee

        with self._lock:
            known = self._grids.get(whole)
        if known is None:
            with _SERIALIZE:
                asked = read(lambda: ee.Image(whole).select(band).projection(), f"the grid of {whole}")
            request: Callable[[], Any] = lambda: ee.data.computeValue(asked)  # noqa: E731
            said = self.connection.ask(request, f"the grid of {whole}")
            known = read(lambda: (str(said["crs"]), Affine(*map(float, said["transform"]))), f"the grid of {whole}")
            with self._lock:
                while len(self._grids) >= _KEPT_GRIDS:
                    self._grids.pop(next(iter(self._grids)))
                self._grids[whole] = known
        return known


def _thinned(values: np.ndarray, part: Part, place: str) -> np.ndarray:
    """One of the equal numbers that stand for a coarser pixel."""
    factor = part.metres // FINEST
    found = values[::factor, ::factor]
    if not np.array_equal(found.repeat(factor, 0).repeat(factor, 1), values):
        raise UnfitPatch(
            f"{place} has other pixels than those of {part.metres} m that begin at the patch's corner",
            "the grid of the UTM tile",
            "pair the patch with another scene",
        )
    exact: Sequence[int] = (np.iinfo(part.dtype).min, np.iinfo(part.dtype).max)
    if values.min() < exact[0] or values.max() > exact[1] or (found != np.rint(found)).any():
        raise UnfitPatch(f"{place} has numbers beyond {part.dtype}", "the stored numbers", "choose another product")
    return found.astype(part.dtype)
