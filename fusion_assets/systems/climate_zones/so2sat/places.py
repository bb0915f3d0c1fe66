"""Where patches lie: the geo files of version 4, with their codes of UTM zones held against the cities.

Some codes of version 4 were wrong until March 2026. A wrong one moves a city by hundreds of kilometres, which its
name tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat.files import Part, opened
from fusion_assets.systems.climate_zones.so2sat.layout import (
    CITIES,
    NEAR_CITY_KM,
    PATCH_M,
    PIXEL_M,
    UTM_EASTINGS,
    UTM_NORTHINGS,
    ZONE_DEGREES,
    Place,
)

if TYPE_CHECKING:
    import pandas as pd

EARTH_KM = 6371.0
_NORTH, _SOUTH = 32600, 32700
_CORRECTED = "take the geo files as they have been since March 2026 (version 4.2)"
# How the six parameters have been ordered: two of them are the pixel's size, two the corner, two are zero.
_ORDERS = {
    "world file": {"x": 4, "y": 5, "width": 0, "height": 3},
    "GDAL": {"x": 0, "y": 3, "width": 1, "height": 5},
    "affine": {"x": 2, "y": 5, "width": 0, "height": 4},
}


@dataclass(frozen=True)
class Places:
    """Places of a part's patches.

    Attributes:
        table: a row a patch: `city`, `x` and `y` of its centre (m, UTM), `epsg`.
        zones: a row for every city and code: `city`, `epsg`, `patches`, `longitude`, `latitude` (of the median patch)
            and `km`, the distance of its farthest patch from the city, or of a city we do not know from its own middle.
        order: of the six parameters `tfw`, as found; empty without them.
        named: whether the file names cities; else the nearest that we know is taken.
    """

    table: pd.DataFrame
    zones: list[dict[str, Any]]
    order: str
    named: bool

    def problem(self, where: str) -> FusionError | None:
        """What is wrong with the codes, if anything is."""
        for zone in self.zones:
            place = CITIES.get(zone["city"])
            at = f"{zone['longitude']:.2f} E {zone['latitude']:.2f} N"
            whose = f"patches of {zone['city']}"
            if zone["km"] > NEAR_CITY_KM:
                right = _right_code(self.table, zone, place) if place else None
                far = "from the city" if place else "from each other"
                return FusionError(
                    f"{where}: by EPSG:{zone['epsg']} {whose} lie at {at}, {zone['km']:,.0f} km {far}",
                    f"within {NEAR_CITY_KM:g} km" + (f", as by EPSG:{right}" if right else ""),
                    _CORRECTED,
                )
            if abs(zone["longitude"] - _middle(zone["epsg"])) > ZONE_DEGREES:
                return FusionError(
                    f"{where}: {whose} lie at {at}, outside EPSG:{zone['epsg']}",
                    f"within {ZONE_DEGREES} degrees of {_middle(zone['epsg'])}",
                    _CORRECTED,
                )
        return None


def unknown(count: int) -> pd.DataFrame:
    """The table of patches without places: no city, NaN, and code 0."""
    import pandas as pd

    nothing = np.full(count, np.nan)
    return pd.DataFrame({"city": [""] * count, "x": nothing, "y": nothing, "epsg": np.zeros(count, np.int32)})


def read(part: Part, count: int) -> Places | None:
    """Places of a part; None where it has no geo file.

    Args:
        part: of the data set.
        count: patches that it holds.

    Raises:
        FusionError: a geo file that is damaged, of another number of patches, without a code or place, or whose code is
            of no UTM zone.
    """
    if part.geo is None:
        return None
    try:
        with opened(part.geo) as file:
            held = {name: file[name][...] for name in ("coord", "tfw", "epsg", "city") if name in file}
    except (OSError, RuntimeError, TypeError, AttributeError) as error:
        raise FusionError(f"{part.geo} cannot be read: {error}", "arrays of places", _CORRECTED) from error
    lengths = {name: len(np.atleast_1d(values)) for name, values in held.items()}
    if set(lengths.values()) - {count}:
        raise FusionError(
            f"{part.geo} holds {', '.join(f'{length:,} of {name}' for name, length in lengths.items())}",
            f"{count:,} of each: as many as there are patches in {part.path.name}",
            "take both files of one version: rows belong to rows",
        )
    if "epsg" not in held or not {"coord", "tfw"} & set(held):
        raise FusionError(
            f"{part.geo} holds {', '.join(held) or 'nothing that is known'}", "epsg, tfw, coord and city", _CORRECTED
        )
    codes = _codes(part, held["epsg"])
    centres, order = _centres(part, held)
    cities = _cities(part, held["city"]) if "city" in held else None
    return _placed(codes, centres, cities, order)


def _codes(part: Part, held: np.ndarray) -> np.ndarray:
    values = np.asarray(held).reshape(len(held), -1)[:, 0]
    codes = np.asarray(values, np.float64) if values.dtype.kind in "iuf" else np.full(len(values), np.nan)
    zone = codes - np.where(codes > _SOUTH, _SOUTH, _NORTH)
    wrong = ~((zone >= 1) & (zone <= 60) & (zone % 1 == 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise FusionError(
            f"{part.geo}: {int(wrong.sum()):,} codes are of no UTM zone; that of patch {first:,} is {values[first]!r}",
            "32601 to 32660, or 32701 to 32760",
            _CORRECTED,
        )
    return codes.astype(np.int32)


def _centres(part: Part, held: dict[str, np.ndarray]) -> tuple[np.ndarray, str]:
    """(patch, 2) metres, and the order of the six parameters: `coord` where it is there, held against `tfw`."""
    centres, order = None, ""
    if "tfw" in held:
        tfw = np.asarray(held["tfw"], np.float64).reshape(len(held["tfw"]), -1)
        order = next((name for name, at in _ORDERS.items() if _fits(tfw, at)), "")
        if not order:
            raise FusionError(
                f"{part.geo}: tfw of the first patch is {tfw[0].tolist()}",
                f"pixels of {PIXEL_M:g} m, north up, as in a world file: {PIXEL_M:g}, 0, 0, -{PIXEL_M:g}, x, y",
                _CORRECTED,
            )
        corner = tfw[:, [_ORDERS[order]["x"], _ORDERS[order]["y"]]]
        centres = corner + np.array([PATCH_M / 2, -PATCH_M / 2])
    if "coord" in held:
        coord = np.asarray(held["coord"], np.float64).reshape(len(held["coord"]), -1)[:, :2]
        if coord.shape[1] < 2:
            raise FusionError(f"{part.geo}: coord has one column", "x, y, and places in the scenes", _CORRECTED)
        apart = np.abs(coord - centres).max(axis=1) if centres is not None else np.zeros(len(coord))
        if not (apart <= PATCH_M).all():
            row = int(np.argmax(~(apart <= PATCH_M)))
            raise FusionError(
                f"{part.geo}: by coord patch {row:,} lies {apart[row]:,.0f} m from where tfw has it",
                f"at most {PATCH_M:g} m: a patch",
                _CORRECTED,
            )
        centres = coord
    assert centres is not None
    (east, west), (south, north) = UTM_EASTINGS, UTM_NORTHINGS
    inside = (centres[:, 0] > east) & (centres[:, 0] < west) & (centres[:, 1] >= south) & (centres[:, 1] <= north)
    if not inside.all():
        row = int(np.argmin(inside))
        raise FusionError(
            f"{part.geo}: patch {row:,} lies at {centres[row].tolist()}",
            f"metres of UTM: x from {east:,.0f} to {west:,.0f}, y from 0 to {north:,.0f}",
            _CORRECTED,
        )
    return centres, order


def _fits(tfw: np.ndarray, at: dict[str, int]) -> bool:
    if tfw.shape[1] != len(_ORDERS) * 2:
        return False
    rest = [place for place in range(6) if place not in at.values()]
    size = np.isclose(tfw[:, at["width"]], PIXEL_M) & np.isclose(np.abs(tfw[:, at["height"]]), PIXEL_M)
    return bool((size & (tfw[:, rest] == 0).all(axis=1)).all())


def _cities(part: Part, held: np.ndarray) -> np.ndarray:
    values = np.asarray(held).reshape(len(held), -1)[:, 0].tolist()
    names = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    if not all(isinstance(name, str) and name.strip("\0 ") for name in names):
        raise FusionError(f"{part.geo}: city holds {values[0]!r}", "a name for every patch", _CORRECTED)
    return np.array([_spelt(name.strip("\0 ")) for name in names], dtype=object)


def _spelt(name: str) -> str:
    """A name as we spell it, if we know the city: without capitals, spaces and hyphens."""
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return plain if plain in CITIES else name


def _placed(codes: np.ndarray, centres: np.ndarray, cities: np.ndarray | None, order: str) -> Places:
    import pandas as pd

    longitude, latitude = _degrees(codes, centres)
    named = cities is not None
    if cities is None:
        cities = _nearest(longitude, latitude)
    table = pd.DataFrame({"city": cities, "x": centres[:, 0], "y": centres[:, 1], "epsg": codes})
    zones = []
    for city, code in sorted(set(zip(cities.tolist(), codes.tolist(), strict=True))):
        rows = np.flatnonzero((cities == city) & (codes == code))
        middle = Place(float(np.median(longitude[rows])), float(np.median(latitude[rows])))
        origin = CITIES.get(city, middle)
        far = float(kilometres(origin, longitude[rows], latitude[rows]).max())
        about = {"longitude": middle.longitude, "latitude": middle.latitude, "km": far}
        zones.append({"city": city, "epsg": code, "patches": len(rows)} | about)
    return Places(table, zones, order, named)


def _degrees(codes: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from fusion_assets.grids.crs import to_lonlat

    longitude, latitude = np.empty(len(codes)), np.empty(len(codes))
    for code in np.unique(codes):
        rows = codes == code
        longitude[rows], latitude[rows] = to_lonlat(f"EPSG:{code}").transform(*centres[rows].T)
    return longitude, latitude


def _nearest(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """The nearest city that we know of every patch."""
    names = np.array(list(CITIES), dtype=object)
    distances = np.stack([kilometres(place, longitude, latitude) for place in CITIES.values()])
    return names[distances.argmin(axis=0)]


def kilometres(place: Place, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Distances on a sphere from a place, degrees given."""
    here, there = np.radians(place.latitude), np.radians(latitude)
    across = np.sin(np.radians(longitude - place.longitude) / 2) ** 2
    chord = np.sin((there - here) / 2) ** 2 + np.cos(here) * np.cos(there) * across
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))


def _middle(code: int) -> int:
    """Longitude of the middle of a UTM zone."""
    return int(code) % 100 * 6 - 183


def _right_code(table: pd.DataFrame, zone: dict[str, Any], place: Place) -> int | None:
    """The code by which the patches of a city would lie near it, if its own zone or a neighbour is one."""
    rows = (table["city"] == zone["city"]) & (table["epsg"] == zone["epsg"])
    centres = table.loc[rows, ["x", "y"]].to_numpy()
    own = int((place.longitude + 180) // 6) + 1
    for step in (0, -1, 1):
        code = (_NORTH if place.latitude >= 0 else _SOUTH) + (own + step - 1) % 60 + 1
        longitude, latitude = _degrees(np.full(len(centres), code), centres)
        if kilometres(place, longitude, latitude).max() <= NEAR_CITY_KM:
            return code
    return None
