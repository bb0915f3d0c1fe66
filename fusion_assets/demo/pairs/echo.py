"""What radar sees besides the cover of the ground: how rough and wet it is, and which way it slopes."""

from __future__ import annotations

import datetime as dt

import numpy as np

from fusion_assets.demo.land import Field, noise, stream
from fusion_assets.demo.optics import Scenery
from fusion_assets.demo.radar import Track

_LASTING, _PASSING = 1.8, 1.2
"""dB of roughness that stays and of rain that dries, each over some hundred metres: more than half of what tells
classes apart, as in real scenes."""
_LOOKS = {"ascending": 80.0, "descending": 280.0}
"""Azimuth towards which the radar looks, degrees, by direction; it looks to the right of its path."""
_SLOPED = 0.25
"""dB for each degree that the ground leans towards the radar, before terrain is corrected."""
_STEEPEST = 4.0


def uneven(seed: int, scenery: Scenery, track: Track, day: dt.date) -> tuple[Field, Field]:
    """How much brighter, in dB, each pixel of the area is: by roughness and rain, and by its slope.

    Args:
        seed: of the place.
        scenery: what is seen.
        track: from where.
        day: of the pass.
    """
    frame, land = scenery.frame, scenery.land
    lasting = noise(stream(seed, "rough"), frame.shape, 5.0)
    passing = noise(stream(seed, "wet", day), frame.shape, 8.0)
    # A slope faces where it goes down to; the one that faces the radar, against its look, is bright.
    leaning = -land.slope * np.cos(land.aspect - np.radians(_LOOKS[track.direction]))
    facing = np.clip(_SLOPED * leaning, -_STEEPEST, _STEEPEST)
    return (_LASTING * lasting + _PASSING * passing)[frame.inner], facing[frame.inner].astype(np.float32)
