"""The seventeen local climate zones: their order, names and official colours.

An index, 0 to 16, is how arrays and models name a zone: LCZ 1 to 10, then A to G. A code, 1 to 17, is how maps do; 0
is no data. Names are those of Stewart and Oke (2012, doi:10.1175/BAMS-D-11-00019.1); codes and colours those of the
global map of Demuzere et al. (2022, doi:10.5194/essd-14-3835-2022), read from the colour table of its raster.
"""

from typing import NamedTuple

from fusion_assets.storage.raster_classes import Class, Palettes


class Zone(NamedTuple):
    """A local climate zone.

    Attributes:
        sign: `1` to `10`, `A` to `G`.
        title: for people.
        colour: hexadecimal, as published.
    """

    sign: str
    title: str
    colour: str

    @property
    def name(self) -> str:
        """As it is spoken of: `LCZ 3`."""
        return f"LCZ {self.sign}"


ZONES = (
    Zone("1", "Compact high-rise", "#8c0000"),
    Zone("2", "Compact midrise", "#d10000"),
    Zone("3", "Compact low-rise", "#ff0000"),
    Zone("4", "Open high-rise", "#bf4d00"),
    Zone("5", "Open midrise", "#ff6600"),
    Zone("6", "Open low-rise", "#ff9955"),
    Zone("7", "Lightweight low-rise", "#faee05"),
    Zone("8", "Large low-rise", "#bcbcbc"),
    Zone("9", "Sparsely built", "#ffccaa"),
    Zone("10", "Heavy industry", "#555555"),
    Zone("A", "Dense trees", "#006a00"),
    Zone("B", "Scattered trees", "#00aa00"),
    Zone("C", "Bush, scrub", "#648525"),
    Zone("D", "Low plants", "#b9db79"),
    Zone("E", "Bare rock or paved", "#000000"),
    Zone("F", "Bare soil or sand", "#fbf7ae"),
    Zone("G", "Water", "#6a6aff"),
)
SIGNS = tuple(zone.sign for zone in ZONES)
BUILT = 10
"""The first zones are built-up land, the others natural."""


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


PALETTES: Palettes = {
    "lcz": {code: Class(f"{zone.name}: {zone.title}", _rgb(zone.colour)) for code, zone in enumerate(ZONES, start=1)},
    "probability": "magma",
    "entropy": "magma",
    "set_size": "viridis",
}
