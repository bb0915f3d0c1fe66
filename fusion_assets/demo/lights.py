"""Night lights and settlement labels of the demo archive: VIIRS-like monthly radiance and GHSL-like codes.

Lights bloom, drift and go missing; labels are displaced, late, blind to some places and generous with others.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer

from fusion_assets.demo.frame import CELL, MARGIN_KM, PIXEL, Frame
from fusion_assets.demo.land import Field, Land, noise, ramp, stream
from fusion_assets.demo.optics import monsoon, season_day
from fusion_assets.demo.settlement import EPOCH, Settlements, settlement_codes

ARC_SECONDS_15 = 1 / 240
"""Edge of a VIIRS cell, degrees; cell centres lie on whole multiples."""
MOLLWEIDE = "ESRI:54009"
NO_LABEL = 255
_EDGE_KM = MARGIN_KM / 2


@dataclass(frozen=True)
class Window:
    """A raster's place: CRS, transform, rows and columns."""

    crs: str
    transform: Affine
    shape: tuple[int, int]

    def centres(self) -> tuple[npt.NDArray, npt.NDArray]:
        """X and y of every pixel centre."""
        rows, cols = np.indices(self.shape)
        t = self.transform
        return t.c + t.a * (cols + 0.5), t.f + t.e * (rows + 0.5)


def window_over(frame: Frame, crs: str, step: float, shift: float = 0.0) -> Window:
    """The raster of cells of edge `step` (units of `crs`) that covers the area and 2 km around it.

    Cell edges lie on multiples of `step`, moved by `shift` steps.
    """
    west, south, _, _ = frame.bounds
    along = np.linspace(-_EDGE_KM * CELL, frame.size_km * CELL + _EDGE_KM * CELL, 41)
    x = np.concatenate([west + along, west + along, np.full(41, along[0] + west), np.full(41, along[-1] + west)])
    y = np.concatenate([np.full(41, along[0] + south), np.full(41, along[-1] + south), south + along, south + along])
    x, y = Transformer.from_crs(frame.crs, crs, always_xy=True).transform(x, y)
    left, top = np.floor(x.min() / step - shift) + shift, np.ceil(y.max() / step - shift) + shift
    shape = int(np.ceil(top - y.min() / step)), int(np.ceil(x.max() / step - left))
    return Window(crs, Affine(step, 0, left * step, 0, -step, top * step), shape)


def night_window(frame: Frame) -> Window:
    """Longitude and latitude, 15 arc-seconds."""
    return window_over(frame, "EPSG:4326", ARC_SECONDS_15, 0.5)


def label_window(frame: Frame) -> Window:
    """Mollweide, 1 km."""
    return window_over(frame, MOLLWEIDE, CELL)


class Night:
    """The lit land of one seed, ready to be composited month by month.

    Args:
        seed: of the archive.
        frame: where.
        land: for the fires and the clouds.
        settlements: for the lamps.
    """

    def __init__(self, seed: int, frame: Frame, land: Land, settlements: Settlements) -> None:
        """Evaluate what does not change from day to day."""
        self.seed, self.frame, self.window = seed, frame, night_window(frame)
        x, y = self.window.centres()
        x, y = Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True).transform(x, y)
        self._where = np.stack(frame.rows_cols(x, y))
        rng = stream(seed, "lamps")
        self._power = settlements.power() * np.exp(
            1.9 * noise(rng, frame.shape, 0.9, 1.2) + 0.3 * noise(rng, frame.shape, 5)
        )
        self._road = 0.5 * np.exp(-settlements.road / 0.3) * ramp(settlements.ribbon, -0.5, 1.5)
        self._sites = self._industry(rng)
        self._fire = ramp(land.forest + land.crop, 0.5, 0.8)
        self._hills = self._seen(ramp(land.elevation, 500, 2500))
        self._bare = {year: settlements.built(year) for year in settlements.years}
        self._glow: dict[int, Field] = {}

    def _industry(self, rng: np.random.Generator) -> Field:
        """Lit places where nobody lives: plants, dams, quarries, border posts."""
        sites = np.zeros(self.frame.shape, np.float32)
        for _ in range(max(1, round(110 * (self.frame.size_km / 100) ** 2))):
            row, col = (int(rng.integers(2, n - 2)) for n in sites.shape)
            sites[row : row + 2, col : col + 2] += rng.lognormal(2.6, 0.7)
        return sites

    def _seen(self, field: Field) -> Field:
        """A field on the UTM pixels, at the centres of the VIIRS cells."""
        from scipy import ndimage

        return ndimage.map_coordinates(field, self._where, order=1, mode="nearest", output=np.float32)

    def _bloom(self, emitted: Field) -> Field:
        """Spread by the sensor's footprint and by haze: most within 1 km, a tenth over several."""
        from scipy import ndimage

        def spread(kilometres: float) -> Field:
            return ndimage.gaussian_filter(emitted, kilometres * 1000 / PIXEL, mode="nearest", truncate=3)

        return self._seen(0.58 * spread(0.55) + 0.27 * spread(1.2) + 0.15 * spread(3.5))

    def glow(self, year: int) -> Field:
        """Radiance of all lasting lights in a year, nW/cm2/sr, on the VIIRS cells."""
        if year not in self._glow:
            drift = float(np.exp(0.02 * stream(self.seed, "lamp drift", year).standard_normal()))
            lamps = 95 * drift * self._power * self._bare[year] ** 1.7
            self._glow[year] = self._bloom(lamps + self._road + self._sites)
        return self._glow[year]

    def month(self, year: int, month: int) -> tuple[Field, npt.NDArray[np.uint16]]:
        """Mean radiance (nW/cm2/sr, 0 where nothing was seen) and number of cloud-free nights of one month."""
        rng, shape = stream(self.seed, "night", year, month), self.window.shape
        wet = monsoon(season_day(dt.date(year, month, 15), self.frame.lat))
        nights = rng.uniform(9, 15) * (1 - 0.72 * wet) - 2.5 * wet * self._hills + 1.3 * noise(rng, shape, 4)
        nights = np.clip(np.rint(nights), 0, 20).astype(np.uint16)
        blind = {int(stream(self.seed, "blind", year).choice([7, 8]))} if year % 2 == 0 else set()
        if month in blind:
            nights[:] = 0
        deviation = 0.22 / np.sqrt(np.maximum(nights, 1))
        lit = self.glow(year) + self._short_fire(year, month)
        gain = np.exp(0.04 * rng.standard_normal() + 0.07 * noise(rng, shape, 0.6) / np.sqrt(np.maximum(nights, 1) / 4))
        airglow = rng.uniform(-0.12, 0.30) + 0.05 * noise(rng, shape, 20, 2.0)
        radiance = lit * gain + airglow + deviation * rng.standard_normal(shape)
        # The real product has two decimals, and 0 where no night was clear.
        return np.where(nights > 0, np.round(radiance, 2), 0).astype(np.float32), nights

    def _short_fire(self, year: int, month: int) -> Field | float:
        """One burning place for one month of each season's dry half, gone in the next."""
        rng = stream(self.seed, "fire", year)
        when, row, col = int(rng.choice([10, 11, 12])), *(int(rng.integers(4, n - 4)) for n in self.frame.shape)
        if month != when:
            return 0.0
        burning = np.zeros(self.frame.shape, np.float32)
        burning[row : row + 3, col : col + 3] = rng.uniform(150, 500)
        return self._bloom(burning)


def label_codes(seed: int, frame: Frame, land: Land, settlements: Settlements) -> npt.NDArray[np.uint8]:
    """Settlement codes as a global data set of the epoch would have them, on `label_window`.

    Its errors: built land is taken from imagery two years old, that misses part of the small and shaded places and
    takes gravel and bare soil for roofs; people are spread within towns; and the whole is displaced by some hundred
    metres. The rule that makes codes of density is the true one.
    """
    from scipy import ndimage

    rng, shape, window = stream(seed, "labels"), frame.shape, label_window(frame)
    built = settlements.built(EPOCH - 2).astype(np.float64)
    faint = 1 - ramp(built, 0.05, 0.30)
    built *= 1 - faint * ramp(noise(rng, shape, 1.6), -0.2, 1.6)
    built += 0.28 * (land.bed + 0.6 * land.bare) * ramp(noise(rng, shape, 2.5), 0.3, 1.6)
    town = ramp(ndimage.gaussian_filter(built, 1500 / PIXEL), 0.10, 0.25)
    people = ndimage.gaussian_filter(built, 850 / PIXEL)
    built = people * (1 - 0.6 * town) + 0.6 * town * ndimage.gaussian_filter(built, 1200 / PIXEL) * 1.25
    built *= np.exp(0.20 * noise(rng, shape, 1.8))
    sub = 4
    fine = replace(
        window,
        transform=window.transform @ Affine.scale(1 / sub),
        shape=(window.shape[0] * sub, window.shape[1] * sub),
    )
    x, y = fine.centres()
    x, y = Transformer.from_crs(window.crs, frame.crs, always_xy=True).transform(x, y)
    rows, cols = frame.rows_cols(x, y)
    known = (rows > -0.5) & (rows < shape[0] - 0.5) & (cols > -0.5) & (cols < shape[1] - 0.5)
    angle = rng.uniform(0, 2 * np.pi)
    warp = [noise(rng, shape, 12, 2.0) * 0.5 for _ in range(2)]
    off = [2.5 * np.sin(angle), 2.5 * np.cos(angle)]
    near = (np.clip(rows, 0, shape[0] - 1).astype(int), np.clip(cols, 0, shape[1] - 1).astype(int))
    where = np.stack([rows + off[0] + warp[0][near], cols + off[1] + warp[1][near]])
    values = ndimage.map_coordinates(built, where, order=1, mode="nearest")
    values, known = (
        v.reshape(window.shape[0], sub, window.shape[1], sub).mean(axis=(1, 3)) for v in (values, known.astype(float))
    )
    codes = settlement_codes(np.where(known > 0.5, values, 0).astype(np.float32))
    return np.where(known > 0.5, codes, NO_LABEL).astype(np.uint8)
