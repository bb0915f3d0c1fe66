"""The collections of the demo archive: id, title and text, and which of them an archive holds. Only tables."""

from __future__ import annotations

from typing import Literal

Level = Literal["l2a", "l1c"]
"""Of the Sentinel-2 scenes; see `collections`."""

_LEVEL_2A = {
    "sentinel-2-l2a": (
        "Sentinel-2-like surface reflectance",
        "250 m pixels, asset names as in Earth Search, scene classification with errors. July to December.",
    ),
    "sentinel-2-l1c": (
        "Sentinel-2-like top-of-atmosphere reflectance",
        "250 m pixels of the south-western quarter, with QA60 (bit 10 opaque cloud, bit 11 cirrus). A few dates.",
    ),
    "sentinel-1-grd": (
        "Sentinel-1-like backscatter",
        "250 m pixels of the middle, VV and VH in dB with speckle, two orbits. July to December of the last years.",
    ),
    "viirs-dnb-monthly": (
        "VIIRS-like monthly night lights",
        "15 arc-seconds, mean radiance in nW/cm2/sr and number of cloud-free nights; 0 in both where nothing was seen.",
    ),
    "ghsl-smod-p2016": (
        "GHSL-like settlement codes",
        "1 km Mollweide cells, 0 none, 1 rural, 2 town, 3 city, 255 no data; with the errors of such labels.",
    ),
    "synthetic-truth": (
        "truth",
        "Built share (250 m) and built-up cells (1 km, settlement code 2 or 3) of each year. For evaluation only.",
    ),
}
_LEVEL_1C = {
    "sentinel-2-l1c": (
        "Sentinel-2-like top-of-atmosphere reflectance",
        "250 m pixels, with QA60 (bit 10 opaque cloud, bit 11 cirrus). July to December.",
    ),
    "ghsl-smod-v2": (
        "GHSL-like degree of urbanisation",
        "The cells of ghsl-smod-p2016: 11 and 13 rural, 21 suburban, 30 urban centre, -200 no data.",
    ),
}


def collections(level: Level) -> dict[str, tuple[str, str]]:
    """Title and text by id of what an archive holds.

    Args:
        level: `l2a`: level 2A everywhere and a little 1C; `l1c`: level 1C everywhere, no 2A, and both kinds of
            settlement codes.
    """
    if level == "l2a":
        return _LEVEL_2A
    return {name: about for name, about in _LEVEL_2A.items() if name != "sentinel-2-l2a"} | _LEVEL_1C
