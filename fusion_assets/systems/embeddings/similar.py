"""Places like the one at a point, and how they are told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.storage.simulation import NOTICE
from fusion_assets.systems.embeddings.neighbours import nearest

if TYPE_CHECKING:
    import pandas as pd

_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""


def similar(
    index: pd.DataFrame, lon: float, lat: float, use: str = "both", count: int = 10, farthest_km: float = 25
) -> dict[str, Any]:
    """The patch nearest to a point, and the patches most like it.

    Args:
        index: a row a patch: `patch`, `lon`, `lat`, `split`, `optics_time`, `radar_time`, and a vector by use.
        lon: of the point, degrees.
        lat: likewise.
        use: which vectors are compared.
        count: of patches; the one at the point is not among them.
        farthest_km: from the point to the middle of a patch.

    Returns:
        `from` (the use), `at` (the patch at the point, with `km` to it) and `similar`, each with `patch`, `lon`, `lat`,
        `split`, `optics_time`, `radar_time`, `similarity` (cosine, -1 to 1) and `km` from the patch at the point.

    Raises:
        FusionError: no patch near the point, or an index without any.
    """
    if not len(index):
        raise FusionError("the index of embeddings is empty", "patches", "look at what patch_index says is missing")
    away = _kilometres(lon, lat, index)
    own = int(away.argmin())
    if away[own] > farthest_km:
        raise FusionError(
            f"the nearest patch to {lon:g},{lat:g} is {away[own]:,.0f} km away, at "
            f"{index['lon'].iloc[own]:.4f},{index['lat'].iloc[own]:.4f}",
            f"one within {farthest_km:g} km",
            "choose a point near a patch, or give --within; a denser corpus has a larger `count`",
        )
    vectors = np.stack(list(index[use])).astype(np.float32)
    # One more: the patch itself is among them, unless others are its doubles.
    (rows,), (near,) = nearest(vectors, vectors[own : own + 1], count + 1)
    others = rows != own
    apart = _kilometres(index["lon"].iloc[own], index["lat"].iloc[own], index)
    found = [
        _row(index, row) | {"similarity": round(float(each), 4), "km": round(float(apart[row]), 1)}
        for row, each in list(zip(rows[others].tolist(), near[others].tolist(), strict=True))[:count]
    ]
    return {"from": use, "at": _row(index, own) | {"km": round(float(away[own]), 2)}, "similar": found}


def text_of(found: dict[str, Any]) -> str:
    """What was found, as a table."""
    heads = ("similarity", "lon", "lat", "km", "optics", "radar", "split", "patch")
    rows = [
        (f"{each['similarity']:.3f}", *_place(each), f"{each['km']:,.1f}", *_dates(each), each["split"], each["patch"])
        for each in found["similar"]
    ]
    own, told = found["at"], {"both": "radar and optics"}.get(found["from"], f"{found['from']} alone")
    lines = [
        f"Patch {own['patch']} at {','.join(_place(own))}, {own['km']:g} km from the point, seen by optics on "
        f"{_dates(own)[0]} and by radar on {_dates(own)[1]}",
        f"Most like it by {told}:" if rows else "There is no other patch.",
    ]
    table = [tuple(map(str, row)) for row in (heads, *rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines += ["  " + "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join(([NOTICE] if found.get("synthetic") else []) + lines)


def _row(index: pd.DataFrame, row: int) -> dict[str, Any]:
    said = index.iloc[row]
    about = {"patch": int(said["patch"]), "lon": round(float(said["lon"]), 6), "lat": round(float(said["lat"]), 6)}
    return about | {name: str(said[name]) for name in ("split", "optics_time", "radar_time")}


def _place(each: dict[str, Any]) -> tuple[str, str]:
    return f"{each['lon']:.4f}", f"{each['lat']:.4f}"


def _dates(each: dict[str, Any]) -> tuple[str, str]:
    return each["optics_time"][:10], each["radar_time"][:10]


def _kilometres(lon: float, lat: float, index: pd.DataFrame) -> np.ndarray:
    """From a point to every patch, on a sphere: half a per cent from the ellipsoid, and never beyond the date line."""
    east, north = np.radians(index["lon"].to_numpy(float) - lon), np.radians(index["lat"].to_numpy(float))
    own = math.radians(lat)
    half = np.sin((north - own) / 2) ** 2 + math.cos(own) * np.cos(north) * np.sin(east / 2) ** 2
    return 2 * _RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
