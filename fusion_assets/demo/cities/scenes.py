"""The scenes and the truth of two held-out cities, as STAC items: the landscape that their patches are of.

Sentinel-2 level 1C with QA60, which errs; Sentinel-1 backscatter in dB; and zones at 100 m, for evaluation only. The
ground is that of the patches; days, clouds, haze and speckle are others.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine

from fusion_assets.demo.catalog import (
    Layer,
    footprint,
    interval,
    timestamp,
    write_catalog,
    write_collection,
    write_item,
)
from fusion_assets.demo.cities.echo import backscatter
from fusion_assets.demo.cities.look import Look, look_of
from fusion_assets.demo.cities.materials import BANDS, COARSE
from fusion_assets.demo.cities.plan import LATTICE, SIDE, STEP, City, cities_of, grain, plan_of
from fusion_assets.demo.cities.recipes import RECIPES
from fusion_assets.demo.cities.sight import WHOLE, numbers, reflectance
from fusion_assets.demo.cities.surface import Surface, surface_of
from fusion_assets.demo.land import Field, stream
from fusion_assets.demo.truth import ZONES_COLLECTION

YEAR = 2021
"""Of all scenes: the last before QA60 was left empty."""
COLLECTIONS = {
    "sentinel-2-l1c": (
        "Sentinel-2-like top-of-atmosphere reflectance",
        "10 m pixels of two cities, with QA60 (bit 10 opaque cloud, bit 11 cirrus). Summer.",
    ),
    "sentinel-1-grd": (
        "Sentinel-1-like backscatter",
        "10 m pixels of two cities, VV and VH in dB with speckle. Summer.",
    ),
    ZONES_COLLECTION: ("truth of the zones", "Local climate zones, 1 to 17, at 100 m. For evaluation only."),
}
"""Title and text by id."""
_FIRST, _APART = dt.date(YEAR, 6, 3), 15
_PASSES = 6
_LOOKS = 5
_STEP_DB = 0.1
_CLOUD = np.array([1.0, 1.0, 1.02, 1.02, 1.02, 1.02, 1.03, 1.03, 0.72, 0.55], np.float32)
_INSET = 2.0
"""Metres; more than edges bow between degrees and the zone, less than half a pixel."""
Item = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A city of the archive.

    Attributes:
        region: its name in a study.
        city: where it lies.
        seed: of the exam.
        shift: of the exam.
    """

    region: str
    city: City
    seed: int
    shift: float

    def outline(self) -> dict[str, Any]:
        """As a study states it: a little inside the edges, so that grids of 10 m and 100 m are the scenes' own."""
        edge = SIDE * STEP
        west, east = self.city.west + _INSET, self.city.west + edge - _INSET
        south, north = self.city.north - edge + _INSET, self.city.north - _INSET
        corners = [(west, south), (east, south), (east, north), (west, north)]
        return {"name": self.region, "crs": self.city.crs, "geometry": footprint(self.city.crs, corners)}

    def stream(self, *names: object) -> np.random.Generator:
        """A random stream of its own for each thing in it."""
        return stream(self.seed, "city", self.city.name, *names)


def places_of(seed: int, cities: int, shift: float) -> tuple[Place, Place]:
    """The westernmost and the easternmost of the cities held out."""
    held_out = sorted((city for city in cities_of(cities) if city.held_out), key=lambda city: city.epsg)
    return (
        Place("zones_west", held_out[0], seed, shift),
        Place("zones_east", held_out[-1], seed, shift),
    )


def write_scenes(root: Path, prefix: str, places: tuple[Place, ...]) -> None:
    """Write a catalog over the scenes of some cities.

    Args:
        root: folder for the catalog.
        prefix: of every item id.
        places: the cities.
    """
    items = [item for place in places for item in _items(root, prefix, place)]
    for name, (title, text) in COLLECTIONS.items():
        write_collection(root, name, title, text, [item for item in items if item["collection"] == name])
    write_catalog(root, "synthetic-cities", "SYNTHETIC cities", COLLECTIONS)


def _items(root: Path, prefix: str, place: Place) -> list[Item]:
    look = look_of(place.seed, place.city.name, place.shift)
    plan = plan_of(place.seed, place.city, look)
    surface = surface_of(place.seed, place.city, plan, look)
    days = [_FIRST + dt.timedelta(days=_APART * number) for number in range(_PASSES)]
    items = [_daylight(root, prefix, place, surface, look, day) for day in days]
    items += [_echo(root, prefix, place, surface, look, day + dt.timedelta(days=2)) for day in days]
    return [*items, _truth(root, prefix, place, plan.zone)]


def _moment(place: Place, day: dt.date, hour: float) -> dt.datetime:
    """UTC of a local solar time."""
    longitude = place.city.epsg % 100 * 6 - 183
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return (midnight + dt.timedelta(hours=hour - longitude / 15)).replace(microsecond=0)


def _daylight(root: Path, prefix: str, place: Place, surface: Surface, look: Look, day: dt.date) -> Item:
    rng = place.stream("scene", day)
    seen = reflectance(rng, surface, look, haze=0.006 * float(rng.standard_normal()))
    opacity, cirrus = _clouds(rng)
    cloud = (0.55 + 0.09 * grain(rng, (SIDE, SIDE), 500)) * _CLOUD[:, None, None]
    seen = (seen + cirrus) * (1 - opacity) + cloud * opacity
    qa60 = _mask(rng, opacity, cirrus)
    moment = _moment(place, day, 10.5)
    layers = []
    for number, (band, values) in enumerate(zip(BANDS, numbers(seen), strict=True)):
        about = {"name": band.name, "common_name": band.common, "center_wavelength": band.wavelength}
        # Bands of 20 m are delivered as such.
        held = np.ascontiguousarray(values[::2, ::2]) if number in COARSE else values
        layers.append(Layer(band.asset, held, 0, "1", 1 / WHOLE, extra={"eo:bands": [about]}))
    properties = {
        "datetime": timestamp(moment),
        "platform": "sentinel-2a",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": STEP,
        "eo:cloud_cover": round(100 * float((qa60 > 0).mean()), 2),
        "view:sun_elevation": round(look.sun, 3),
        "s2:product_type": "S2MSI1C",
        "s2:processing_baseline": "03.00",
    }
    identifier = f"{prefix}_S2A_{place.region}_{moment:%Y%m%d}_L1C"
    layers.append(Layer("qa60", qa60, None, role="data-mask"))
    return _write(root, "sentinel-2-l1c", identifier, properties, place, layers)


def _clouds(rng: np.random.Generator) -> tuple[Field, Field]:
    """Opacity (0 to 1) of cloud and reflectance of cirrus."""
    cover = float(np.clip(rng.beta(1.0, 3.0), 0.005, 0.9))
    field = grain(rng, (SIDE, SIDE), 900) + 0.5 * grain(rng, (SIDE, SIDE), 200, 1.3)
    depth = field - np.quantile(field, 1 - cover)
    opacity = np.clip(1 - np.exp(-3.2 * np.clip(depth + 0.03, 0, None)), 0, 1)
    cirrus = 0.03 * np.clip(grain(rng, (SIDE, SIDE), 1500, 1.8) - rng.uniform(0.6, 3.0), 0, 2)
    return opacity.astype(np.float32), cirrus.astype(np.float32)


def _mask(rng: np.random.Generator, opacity: Field, cirrus: Field) -> npt.NDArray[np.uint16]:
    """QA60 as a processor would have written it: thin cloud is missed, and edges are found in part."""
    doubt = grain(rng, (SIDE, SIDE), 150, 1.2)
    opaque = opacity + 0.06 * doubt > 0.2
    veil = (cirrus > 0.02 + 0.005 * doubt) & ~opaque
    return (np.where(opaque, 1 << 10, 0) | np.where(veil, 1 << 11, 0)).astype(np.uint16)


def _echo(root: Path, prefix: str, place: Place, surface: Surface, look: Look, day: dt.date) -> Item:
    # How rough the ground is lasts.
    power = backscatter(place.stream("echo"), surface, look)
    rng = place.stream("pass", day)
    wet = 0.3 * float(rng.standard_normal())
    speckle = rng.standard_gamma(_LOOKS, power.shape) / _LOOKS
    level = _STEP_DB * np.rint((10 * np.log10(power * speckle) + wet) / _STEP_DB)
    moment = _moment(place, day, 18.0)
    properties = {
        "datetime": timestamp(moment),
        "platform": "sentinel-1a",
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "gsd": STEP,
        "sat:orbit_state": "ascending",
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:product_type": "GRD",
        "sar:polarizations": ["VV", "VH"],
    }
    layers = [
        Layer(name, values.astype(np.float32), float("nan"), "dB", 1.0)
        for name, values in zip(("vv", "vh"), level, strict=True)
    ]
    identifier = f"{prefix}_S1A_{place.region}_{moment:%Y%m%d}"
    return _write(root, "sentinel-1-grd", identifier, properties, place, layers)


def _truth(root: Path, prefix: str, place: Place, zone: npt.NDArray[np.uint8]) -> Item:
    properties = interval(dt.date(YEAR, 1, 1), dt.date(YEAR, 12, 31))
    layers = [Layer("lcz", true_codes(zone), 0)]
    return _write(root, ZONES_COLLECTION, f"{prefix}_ZONES_{place.region}", properties, place, layers)


def true_codes(zone: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The zone that covers most of each cell of 100 m, 1 to 17.

    Args:
        zone: index of every pixel of 10 m.
    """
    cells = zone.reshape(SIDE // LATTICE, LATTICE, SIDE // LATTICE, LATTICE)
    counts = [(cells == index).sum(axis=(1, 3)) for index in range(len(RECIPES))]
    return (1 + np.argmax(counts, axis=0)).astype(np.uint8)


def _write(root: Path, collection: str, identifier: str, properties: Item, place: Place, layers: list[Layer]) -> Item:
    rasters = [(place.city.transform @ Affine.scale(SIDE / layer.values.shape[0]), layer) for layer in layers]
    return write_item(root, collection, identifier, properties, place.city.crs, rasters)
