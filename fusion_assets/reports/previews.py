"""Small pictures of rasters for people: PNG bytes and Markdown."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.imagery.products import COLOUR_MAPS, TRUE_COLOUR
from fusion_assets.storage.raster_classes import NO_CLASS, Class, Palettes

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

NO_DATA_GREY = 190
COLOURS = ("red", "green", "blue")
"""Bands that are nothing but a picture."""
MAX_BYTES = 44_000
"""Of one PNG: base64 makes a third more of it, and a page of metadata should stay below 60 KB a picture."""


def preview_png(
    arrays: Mapping[str, np.ndarray],
    bands: Sequence[str] | None = None,
    max_bytes: int = MAX_BYTES,
    palettes: Palettes | None = None,
    stamp: str = "",
) -> bytes:
    """Draw one picture: three bands as red, green and blue, or one band in colours.

    Args:
        arrays: (y, x) values per band, NaN where there is no data (class bands: 255 and negative numbers too).
        bands: three names or one; by default the first picture of `pictures(arrays)`.
        max_bytes: the picture is made smaller until it fits.
        palettes: colours of bands, beside those of bands that sensors give.
        stamp: a word that is written into the picture.

    Returns:
        A PNG with grey for no data.
    """
    names, looks = tuple(bands or pictures(arrays)[0]), {**COLOUR_MAPS, **(palettes or {})}
    if len(names) == 3:
        colours = np.stack([_stretched(arrays[name]) for name in names], axis=-1)
        missing = np.any([~np.isfinite(arrays[name]) for name in names], axis=0)
    elif isinstance(look := looks.get(names[0], "viridis"), str):
        from matplotlib import colormaps

        missing = ~np.isfinite(arrays[names[0]])
        colours = colormaps[look](_stretched(arrays[names[0]]), bytes=True)[..., :3] / 255.0
    else:
        colours, missing = _class_colours(look, arrays[names[0]])
    rgb = np.clip(np.nan_to_num(colours) * 255, 0, 255).astype(np.uint8)
    rgb[missing] = NO_DATA_GREY
    return _png(rgb, max_bytes, stamp)


def preview_markdown(
    arrays: Mapping[str, np.ndarray],
    stats: Mapping[str, Mapping[str, object]] | None = None,
    title: str = "",
    palettes: Palettes | None = None,
    stamp: str = "",
) -> str:
    """Draw up to three pictures as Markdown with the PNGs inside.

    Args:
        arrays: as for `preview_png`.
        stats: per band `min`, `max`, `units`, shown in the caption; by default those of the arrays.
        title: what the pictures show, for example `demo, 2016`.
        palettes: as for `preview_png`.
        stamp: written into every picture, and before its caption.

    Returns:
        Markdown below about 60 KB.
    """
    groups = pictures(arrays)
    parts = []
    for names in groups:
        png = preview_png(arrays, names, MAX_BYTES // len(groups), palettes, stamp)
        ranges = ", ".join(_range(name, arrays[name], (stats or {}).get(name, {})) for name in names)
        caption = ": ".join(text for text in (stamp, title, ranges) if text)
        parts.append(f"{caption}\n\n![{' '.join(names)}]({data_uri(png)})")
    return "\n\n".join(parts) + "\n\nGrey: no data."


def data_uri(picture: bytes, kind: str = "png") -> str:
    """A picture as an address that holds it, for Markdown and HTML."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def pictures(arrays: Mapping[str, np.ndarray]) -> list[tuple[str, ...]]:
    """Choose what to draw: colours where there are, then the bands that are not spectral; at most three pictures."""
    groups: list[tuple[str, ...]] = [names for names in (TRUE_COLOUR, COLOURS) if set(names) <= set(arrays)]
    drawn = {name for names in groups for name in names}
    groups += [(name,) for name in arrays if name not in drawn and not (name[:1] == "B" and name[1:2].isdigit())]
    return groups[:3] or [(next(iter(arrays)),)]


def _stretched(values: np.ndarray) -> np.ndarray:
    """Scale the middle 96 % of the values to 0..1."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape)
    low, high = np.percentile(finite, [2, 98])
    if high <= low:
        low, high = finite.min(), finite.max()
    return np.clip((np.nan_to_num(values) - low) / (high - low if high > low else 1), 0, 1)


def _class_colours(palette: Mapping[int, Class], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    missing = ~np.isfinite(values) | (values == NO_CLASS) | (values < 0)
    colours = np.zeros((*values.shape, 3))
    for code in np.unique(values[~missing]).astype(int):
        # 37 and its like scatter neighbouring codes over the colour range, the same way on every map.
        colour = (
            palette[code].colour
            if code in palette
            else (40 + code * 37 % 180, 40 + code * 71 % 180, 40 + code * 113 % 180)
        )
        colours[values == code] = np.array(colour) / 255
    return colours, missing


def _png(rgb: np.ndarray, max_bytes: int, stamp: str) -> bytes:
    from PIL import Image

    picture = Image.fromarray(rgb)
    enlarge = 240 // max(picture.size)
    if enlarge > 1:  # a small region stays visible, pixel by pixel
        picture = picture.resize((picture.width * enlarge, picture.height * enlarge), Image.Resampling.NEAREST)
    while True:
        buffer = io.BytesIO()
        _stamped(picture, stamp).quantize(128).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= max_bytes or max(picture.size) < 32:
            return buffer.getvalue()
        picture = picture.resize((max(1, picture.width * 4 // 5), max(1, picture.height * 4 // 5)))


def _stamped(picture: Picture, word: str) -> Picture:
    """The picture with a word on a dark strip along its lower edge."""
    if not word:
        return picture
    from PIL import ImageDraw, ImageFont

    stamped = picture.copy()
    height = max(10, picture.height // 16)
    draw = ImageDraw.Draw(stamped)
    draw.rectangle((0, picture.height - height, picture.width, picture.height), fill=(0, 0, 0))
    font = ImageFont.load_default(size=height * 0.8)
    draw.text((picture.width / 2, picture.height - height / 2), word, (255, 255, 255), font, "mm")
    return stamped


def _range(name: str, values: np.ndarray, stats: Mapping[str, object]) -> str:
    finite = values[np.isfinite(values)]
    low = stats.get("min", float(finite.min()) if finite.size else None)
    high = stats.get("max", float(finite.max()) if finite.size else None)
    if low is None or high is None:
        return f"`{name}` no data"
    units = stats.get("units")
    return f"`{name}` {low:.4g} to {high:.4g}{f' {units}' if units not in (None, '', '1') else ''}"
