"""What lies in a place: the demo's land with wider water, and fewer and larger settlements, as befits its scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fusion_assets.demo.land import Land, build_land, noise, ramp, stream
from fusion_assets.demo.optics import Scenery
from fusion_assets.demo.pairs.place import Place
from fusion_assets.demo.settlement import Settlement, Settlements, buildable_land, roads, spots

YEARS = (2021, 2022)
"""Of all scenes; nothing grows between them."""
_TOWNS, _VILLAGES = 12, 90
_WIDER = 0.7
"""By which rivers are wider to each side, km of the land: three pixels."""
_LOWER = 0.6
"""Of the land's heights: rock where it has snow, which masks take for cloud, so that no patch of it would be clear."""


def scenery_of(place: Place) -> Scenery:
    """The ground of a place, ready to be seen on any day of `YEARS`."""
    land, frame = _land(place), place.frame
    shape, rng = frame.shape, stream(place.seed, "settled")
    buildable = buildable_land(land)
    weight = buildable * np.exp(-land.elevation / 900)
    towns = spots(rng, weight, _TOWNS, 9)
    road = roads(rng, towns, shape)
    villages = spots(rng, weight * (0.25 + np.exp(-road / 2.0)), _VILLAGES, 1.5)
    places = [Settlement(*spot, rng.uniform(3.0, 7.0), rng.uniform(0.8, 1.5), 0, 0, 1) for spot in towns]
    places += [Settlement(*spot, rng.uniform(0.8, 2.0), rng.uniform(0.4, 0.9), 0, 0, 1) for spot in villages]
    texture = np.exp(0.4 * noise(rng, shape, 0.5) + 0.25 * noise(rng, shape, 2.0) - 0.1).astype(np.float32)
    settlements = Settlements(
        tuple(places), road, noise(rng, shape, 2.5), texture, buildable, YEARS, (6.0, 7.0), 0.0, 1.0, 0.0
    )
    return Scenery(place.seed, frame, land, settlements)


def _land(place: Place) -> Land:
    """The land of a place: rivers that are seen at 10 m, more lakes, and lower mountains."""
    land, rng = build_land(place.seed, place.frame), stream(place.seed, "water")
    more = ramp(noise(rng, place.frame.shape, 6, 2.0), 1.7, 1.9) * (1 - ramp(land.slope, 4, 16)) * (1 - land.lake)
    dry = {name: getattr(land, name) * (1 - more) for name in ("bed", "forest", "crop", "rock", "bare")}
    river, elevation = np.maximum(land.river - _WIDER, 0), _LOWER * land.elevation
    return replace(land, elevation=elevation, river=river, lake=land.lake + more, **dry)
