"""What other maps mean by built-up, of which years they speak, and how they become a share: data, nothing computed.

Collections, bands, units and no data of each stand in `imagery/products.py` under the same name. Pages:
docs/rivals.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

Kind = Literal["classes", "surface", "probability"]


@dataclass(frozen=True)
class Rival:
    """One map.

    Attributes:
        means: what it calls built-up, in words.
        years: that it speaks of; no other year is ever made from them.
        kind: `classes`: the share is that of the pixel's area in classes of built-up; `surface`: square metres a cell,
            the share is that of the cell's area; `probability`: the share is the mean probability over the pixel, no
            measured area.
        licence: under which it is given away.
        built_codes: (year) to the codes that are built-up; of `classes`.
        class_from: share from which a pixel counts as built-up, where the study says nothing.
        silent: it has no number where nothing is built-up, so that no data means none of it.
        window: first and last year of the one image that speaks of all years; None where each has its own.
    """

    means: str
    years: Collection[int]
    kind: Kind
    licence: str
    built_codes: Callable[[int], tuple[int, ...]] = lambda year: ()
    class_from: float = 0.5
    silent: bool = False
    window: tuple[int, int] | None = None


_EVER = 2100
RIVALS: dict[str, Rival] = {
    "ghsl_built_surface": Rival(
        "roofs: ground covered by buildings, interpolated between epochs that imagery was seen of, projected beyond",
        range(1975, 2031, 5),
        "surface",
        "CC BY 4.0",
    ),
    "ghsl_built_surface_10m": Rival(
        "roofs: ground covered by buildings, from Sentinel-2", (2018,), "surface", "CC BY 4.0"
    ),
    "wsf2019": Rival(
        "settlement: buildings with what lies between them",
        (2019,),
        "classes",
        "CC BY 4.0",
        lambda year: (255,),
        silent=True,
    ),
    "wsf_evolution": Rival(
        "settlement: buildings with what lies between them, by first year seen",
        range(1985, 2016),
        "classes",
        "CC BY 4.0",
        lambda year: tuple(range(1985, year + 1)),
        silent=True,
        window=(1985, 2015),
    ),
    "dynamic_world": Rival(
        "built: buildings, roads and other sealed ground, as probability of single scenes",
        range(2016, _EVER),
        "probability",
        "CC BY 4.0",
    ),
    "open_buildings_temporal": Rival(
        "buildings: confidence of the model that there is one, which is no calibrated probability",
        range(2016, 2024),
        "probability",
        "CC BY 4.0",
    ),
    "worldcover": Rival(
        "built-up: land covered by buildings, roads and other structures; urban green is none",
        (2020, 2021),
        "classes",
        "CC BY 4.0",
        lambda year: (50,),
    ),
    "io_land_cover": Rival(
        "built area: human structures, large road networks and dense settlement with the sealed ground between",
        range(2017, _EVER),
        "classes",
        "CC BY 4.0",
        lambda year: (7,),
    ),
}
"""By name of the product."""
