"""Who lives where, and since when: the settlement history of the demo archive and what "built-up" means in it.

The truth is exact because it is computed here, not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.frame import CELL, PIXEL, Frame
from fusion_assets.demo.land import Field, Land, noise, ramp, stream

EPOCH = 2015
"""Year of the labels, from which growth is counted."""
_DENSE, _CLUSTER_KM2 = 0.12, 2.0
_URBAN, _URBAN_KM2 = 0.35, 11.7
_FULL = 0.85
_PER_CELL = int(CELL / PIXEL)


@dataclass(frozen=True)
class Settlement:
    """One city, town or village.

    Attributes:
        row: of its centre, pixels with margin.
        col: likewise.
        radius: distance over which density falls to a third, km, in the epoch.
        density: built share at its centre, in the epoch.
        pace: growth relative to the city's; 0 for places that do not grow.
        founded: first year in which it stands.
        power: light per built share, relative to the usual.
    """

    row: float
    col: float
    radius: float
    density: float
    pace: float
    founded: int
    power: float


@dataclass(frozen=True)
class Settlements:
    """All that people built, as recipe: `built(year)` evaluates it.

    Attributes:
        places: every settlement, the city first.
        road: distance to the nearest road, km.
        ribbon: attraction of each stretch of road, deviates.
        texture: lasting factor of density within neighbourhoods.
        buildable: 0 where nobody builds to 1.
        years: years with a truth, ascending.
        steps: growth since the epoch, in average years, for each of `years`.
        rate: yearly widening of the city; tuned to the growth asked for.
        level: overall density; tuned to the share of built-up cells.
        growth: as asked for.
    """

    places: tuple[Settlement, ...]
    road: Field
    ribbon: Field
    texture: Field
    buildable: Field
    years: tuple[int, ...]
    steps: tuple[float, ...]
    rate: float
    level: float
    growth: float

    def since_epoch(self, year: int) -> float:
        """Growth since the epoch in average years; before the epoch negative."""
        return dict(zip(self.years, self.steps, strict=True)).get(year, float(year - EPOCH))

    def built(self, year: int) -> Field:
        """Built share of each pixel in a year; never less than the year before."""
        elapsed = self.since_epoch(year) * self.rate * self.growth
        density = np.zeros(self.road.shape, np.float32)
        for place in self.places:
            # Without growth nothing is founded either.
            if place.founded > EPOCH and (year < place.founded or self.growth == 0):
                continue
            since = elapsed if place.founded <= EPOCH else elapsed - self.since_epoch(place.founded - 1) * self.rate
            radius = place.radius * max(0.3, 1 + place.pace * since)
            core = place.density * max(0.3, 1 + 0.5 * place.pace * since)
            rows, cols, away = _around(place, 6 * radius, density.shape)
            density[rows, cols] += core * np.exp(-away / radius)
        strips = np.exp(-self.road / 0.3) * ramp(self.ribbon + 3.5 * elapsed, 0.5, 2.0)
        density += 0.30 * strips.astype(np.float32)
        density *= self.level * self.texture * self.buildable
        return (_FULL * (1 - np.exp(-density / _FULL))).astype(np.float32)

    def power(self) -> Field:
        """Light per built share: each settlement's own factor near it, spread by distance."""
        total = np.full(self.road.shape, 0.02, np.float32)
        weighted = total * 0.6
        for place in self.places:
            rows, cols, away = _around(place, 6 * place.radius + 2, total.shape)
            weight = place.density * np.exp(-away / (place.radius + 0.3))
            total[rows, cols] += weight
            weighted[rows, cols] += weight * place.power
        return weighted / total


def _around(place: Settlement, reach_km: float, shape: tuple[int, ...]) -> tuple[slice, slice, Field]:
    """Window around a settlement and the distance to its centre in it, km."""
    reach = reach_km * 1000 / PIXEL
    rows = slice(max(0, int(place.row - reach)), min(shape[0], int(place.row + reach) + 2))
    cols = slice(max(0, int(place.col - reach)), min(shape[1], int(place.col + reach) + 2))
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - place.row
    x = np.arange(cols.start, cols.stop, dtype=np.float32)[None, :] - place.col
    return rows, cols, (np.hypot(y, x) * PIXEL / 1000).astype(np.float32)


def to_cells(field: Field) -> Field:
    """Mean of each 1 km cell (4 x 4 pixels)."""
    rows, cols = (n // _PER_CELL for n in field.shape)
    return field.reshape(rows, _PER_CELL, cols, _PER_CELL).mean(axis=(1, 3), dtype=np.float64).astype(np.float32)


def settlement_codes(built: Field) -> npt.NDArray[np.uint8]:
    """Degree of urbanisation of 1 km cells, by the rule of the GHSL settlement model of 2016.

    Built share stands for people. 3: clusters of dense cells that form a city; 2: touching cells of middle density
    that together form a town; 1: other cells with buildings; 0: none. Cells are built-up from code 2 on.
    Source: https://human-settlement.emergency.copernicus.eu/ghs_smod.php

    Args:
        built: built share of each 1 km cell.
    """
    from scipy import ndimage

    codes = (built > 0.005).astype(np.uint8)
    for code, dense, cluster in ((2, _DENSE, _CLUSTER_KM2), (3, _URBAN, _URBAN_KM2)):
        parts, count = ndimage.label(built >= dense, structure=np.ones((3, 3)))
        inside = ndimage.sum_labels(built, parts, np.arange(count + 1)) >= cluster
        inside[0] = False
        codes[inside[parts]] = code
    return codes


def built_up(settlements: Settlements, year: int) -> npt.NDArray[np.bool_]:
    """Truth of a year on the 1 km cells with margin: what the labels try to say."""
    return settlement_codes(to_cells(settlements.built(year))) >= 2


def spots(rng: np.random.Generator, weight: Field, count: int, apart_km: float) -> list[tuple[float, float]]:
    """Draw pixels by weight, each away from those before it."""
    left = weight.astype(np.float64)
    rows, cols = np.indices(weight.shape, dtype=np.float32)
    spots = []
    for _ in range(count):
        if left.sum() <= 0:
            break
        row, col = divmod(int(rng.choice(left.size, p=left.ravel() / left.sum())), weight.shape[1])
        spots.append((float(row), float(col)))
        if apart_km:
            left *= np.hypot(rows - row, cols - col) * PIXEL / 1000 > apart_km
    return spots


def roads(rng: np.random.Generator, nodes: Sequence[tuple[float, float]], shape: tuple[int, int]) -> Field:
    """Distance to the nearest road, km; roads join the towns by the shortest tree and a few more links."""
    from scipy import ndimage
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    free = np.ones(shape, bool)
    points = np.array(nodes, float)
    lengths = cdist(points, points)
    links = {tuple(sorted(map(int, pair))) for pair in np.argwhere(minimum_spanning_tree(lengths).toarray() > 0)}
    links |= {tuple(sorted((i, int(np.argsort(lengths[i])[min(2, len(nodes) - 1)])))) for i in range(0, len(nodes), 3)}
    wander = [noise(rng, shape, 4, 2.0) * 5 for _ in range(2)]
    for i, j in sorted(links):
        t = np.linspace(0, 1, max(2, int(lengths[i, j] * 3)))[:, None]
        line = points[i] * (1 - t) + points[j] * t
        r, c = (np.clip(line[:, k].round().astype(int), 0, shape[k] - 1) for k in (0, 1))
        bend = np.sin(np.pi * t[:, 0])
        r, c = (np.clip((line[:, k] + wander[k][r, c] * bend).round().astype(int), 0, shape[k] - 1) for k in (0, 1))
        free[r, c] = False
    return (ndimage.distance_transform_edt(free) * PIXEL / 1000).astype(np.float32)


def buildable_land(land: Land) -> Field:
    """0 where nobody builds to 1."""
    buildable = (1 - ramp(land.slope, 9, 24)) * (1 - land.lake) * (1 - 0.95 * land.bed) * (1 - land.rock)
    # Woods on the plain are reserves.
    buildable *= (1 - 0.8 * ramp(land.forest, 0.4, 0.9)) * ramp(land.river, 0.05, 0.2)
    return buildable.astype(np.float32)


def _places(seed: int, frame: Frame, land: Land, buildable: Field) -> tuple[tuple[Settlement, ...], Field]:
    """All settlements, the city first, and the distance to the nearest road."""
    shape, rng = frame.shape, stream(seed, "places")
    share = (shape[0] * PIXEL / 100_000) ** 2
    weight = buildable * np.exp(-land.elevation / 900) * ramp(land.river, 0.2, 1.0)
    rows, cols = np.indices(shape, dtype=np.float32) / shape[0]
    centre = weight * np.exp(-((rows - 0.6) ** 2 + (cols - 0.5) ** 2) / 0.03)
    town_spots = spots(rng, centre, 1, 0) + spots(rng, weight, max(2, round(17 * share)), 6)
    road = roads(rng, town_spots, shape)
    village_weight = weight * (0.25 + np.exp(-road / 2.0))
    village_spots = spots(rng, village_weight, max(5, round(430 * share)), 0.9)
    places = [Settlement(*town_spots[0], min(4.2, frame.size_km / 9), 0.78, 1.0, 0, 1.15)]
    for spot in town_spots[1:]:
        pace = rng.choice([0.0, rng.uniform(0.5, 2.0)], p=[0.4, 0.6])
        radius = min(rng.lognormal(0.2, 0.35), frame.size_km / 10)
        places.append(Settlement(*spot, radius, rng.uniform(0.45, 0.7), pace, 0, float(rng.lognormal(-0.1, 0.8))))
    for spot in village_spots:
        pace = rng.choice([0.0, rng.uniform(0.5, 2.5)], p=[0.65, 0.35])
        radius, density = rng.lognormal(-0.75, 0.35), rng.uniform(0.15, 0.55)
        founded = int(rng.choice([0, *range(2016, 2020)], p=[0.97] + [0.0075] * 4))
        power = float(rng.lognormal(-0.6, 1.1))
        places.append(Settlement(*spot, radius, density, max(pace, 1.0 * (founded > 0)), founded, power))
    return tuple(places), road


def build_settlements(seed: int, frame: Frame, land: Land, years: Sequence[int], growth: float) -> Settlements:
    """Draw a settlement history and tune its two free numbers.

    The share of built-up cells in the epoch and their growth over four years at `growth` 1 are drawn from the seed
    (0.14 to 0.19, and 12 to 18 percent); bisection finds the density level and the rate that give them.
    """
    shape, rng = frame.shape, stream(seed, "settlements")
    buildable = buildable_land(land)
    places, road = _places(seed, frame, land, buildable)
    years = tuple(sorted({*years, EPOCH}))
    pieces = [float(rng.uniform(0.7, 1.3)) for _ in range(EPOCH, max(years))]
    steps = tuple(sum(pieces[: year - EPOCH]) * (4 / sum(pieces[:4]) if len(pieces) >= 4 else 1) for year in years)
    texture = np.exp(0.4 * noise(rng, shape, 0.5) + 0.25 * noise(rng, shape, 2.0) - 0.1).astype(np.float32)
    drawn = Settlements(
        places, road, noise(rng, shape, 2.5), texture, buildable, years, steps, rate=0.02, level=1.0, growth=1.0
    )
    area = tuple(slice(s.start // _PER_CELL, s.stop // _PER_CELL) for s in frame.inner)
    share = rng.uniform(0.14, 0.19)
    low, high = 0.3, 4.0
    for _ in range(9):
        middle = (low * high) ** 0.5
        enough = built_up(replace(drawn, level=middle), EPOCH)[area].mean() >= share
        low, high = (low, middle) if enough else (middle, high)
    drawn = replace(drawn, level=high)
    before, more = built_up(drawn, EPOCH)[area].sum(), rng.uniform(0.12, 0.18)
    final = replace(drawn, years=(EPOCH, 2019), steps=(0.0, 4.0))
    low, high = 0.0, 0.12
    for _ in range(9):
        middle = (low + high) / 2
        enough = built_up(replace(final, rate=middle), 2019)[area].sum() >= (1 + more) * before
        low, high = (low, middle) if enough else (middle, high)
    return replace(drawn, rate=high, growth=growth)
