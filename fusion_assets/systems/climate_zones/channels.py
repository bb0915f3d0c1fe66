"""The eighteen channels of a patch, and the four ways to split them among the branches of a network.

Radar comes first, then the ten bands of Sentinel-2, as in So2Sat (Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708).
Splits are those of Gawlikowski et al. (2020, doi:10.1109/IGARSS39084.2020.9323112): by sensor, or
by what channels mean physically.
"""

from __future__ import annotations

from collections.abc import Mapping

from fusion_assets.systems.climate_zones.so2sat.layout import SEN1, SEN2

CHANNELS = (*SEN1, *SEN2)
MAPPABLE = (*SEN1[4:6], *SEN2)
"""Channels that exist over whole cities: detected radar has no phase, and so no covariance."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "complex": SEN1[:4],
    "intensity": SEN1[4:6],
    "covariance": SEN1[6:],
    "rgb": SEN2[:3],
    "red_edge": ("B5", "B6", "B7", "B8A"),
    "nir": ("B8",),
    "swir": ("B11", "B12"),
}
"""Channels by what they mean."""
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "radar": tuple(GROUPS[name] for name in ("complex", "intensity", "covariance")),
    "optical": tuple(GROUPS[name] for name in ("rgb", "red_edge", "nir", "swir")),
    "sensors": (SEN1, SEN2),
    "physical": tuple(GROUPS.values()),
}
"""What the branches of a network see, by the name of the split; together they see each channel once."""


def branches_of(split: str, channels: tuple[str, ...] = CHANNELS) -> tuple[tuple[str, ...], ...]:
    """The branches of a split, of those channels that there are.

    Args:
        split: a key of `SPLITS`.
        channels: all, or the mappable ones; branches without any are left out.
    """
    kept = (tuple(name for name in branch if name in channels) for branch in SPLITS[split])
    return tuple(branch for branch in kept if branch)


def band_of(channel: str) -> str:
    """Name of the band of imagery that a mappable channel is read from: `VH_lee` from `VH`, `B2` from `B02`."""
    if channel in SEN1:
        return channel.removesuffix("_lee")
    return channel if len(channel) > 2 else f"B0{channel[1:]}"
