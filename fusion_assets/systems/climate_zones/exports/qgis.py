"""A style for QGIS (3 and later): every zone in its official colour, under its name."""

from __future__ import annotations

from pathlib import Path

from fusion_assets.storage.raster_classes import named_classes, side_files
from fusion_assets.storage.text_files import write_text
from fusion_assets.systems.climate_zones.exports.map_codes import BAND
from fusion_assets.systems.climate_zones.legend import PALETTES


def write_style(target: Path) -> None:
    """Write a style of a paletted raster; QGIS takes it by itself where it lies beside `<same name>.tif`.

    Args:
        target: `.qml`, replaced.

    Raises:
        FusionError: a place that cannot be written to.
    """
    texts = side_files(f"{target.stem}.tif", named_classes(BAND, PALETTES))
    write_text(target, texts[f"{target.stem}.qml"])
