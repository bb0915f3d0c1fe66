"""Plots: one set-up, as PNG, SVG or Markdown. Equal data give equal bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fusion_assets.reports.previews import data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, dpi: int = 110) -> Figure:
    """An empty figure that belongs to no window; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=dpi)


def drawn(text: str, otherwise: str) -> str:
    """A text as plots can draw it: itself, or another where their font lacks letters of it.

    Args:
        text: to be drawn, such as the name of a place.
        otherwise: in its place; of letters that every font has.
    """
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    # A pair of dollar signs would be taken for a formula.
    return text.replace("$", r"\$") if all(ord(letter) in known for letter in text) else otherwise


def png(figure: Figure, colours: int | None = None) -> bytes:
    """A figure as PNG.

    Args:
        figure: drawn.
        colours: at most so many, where it is to stay small: Dagster keeps metadata in its database.
    """
    out = io.BytesIO()
    figure.savefig(out, format="png")
    if colours is None:
        return out.getvalue()
    from PIL import Image

    small = io.BytesIO()
    Image.open(out).convert("RGB").quantize(colours).save(small, "PNG", optimize=True)
    return small.getvalue()


def svg(figure: Figure, text: str, salt: str) -> str:
    """A figure as SVG with alternative text, without date.

    Args:
        figure: drawn.
        text: what it shows, for whoever does not see it.
        salt: of the ids in it, which are random otherwise.
    """
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    drawn = out.getvalue()
    return drawn[drawn.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{text}"', 1)


def as_markdown(pictures: Mapping[str, bytes]) -> str:
    """PNGs by their alternative text, as Markdown with the pictures inside."""
    return "\n\n".join(f"{text}\n\n![{text}]({data_uri(picture)})" for text, picture in pictures.items())
