"""Tables as the pages take them, and figures as their cells show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

UNKNOWN = "–"
"""In cells whose figure does not exist, such as the precision of a map that never names a class."""


def table_of(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    unbroken: Sequence[int] = (),
    anywhere: Sequence[int] = (),
) -> dict[str, Any]:
    """A table as a page takes it.

    Args:
        caption: above it.
        columns: names.
        rows: cells, one for each column.
        numbers: columns that hold numbers.
        unbroken: columns whose text stays on one line on a screen.
        anywhere: columns whose text may break within words, such as addresses.
    """
    names = {**dict.fromkeys(numbers, "n"), **dict.fromkeys(unbroken, "d"), **dict.fromkeys(anywhere, "w")}
    return {
        "caption": caption,
        "columns": columns,
        "rows": rows,
        "classes": [names.get(i, "") for i in range(len(columns))],
    }


def with_interval(figure: Mapping[str, float] | None, *, signed: bool = False) -> str:
    """A figure between -1 and 1 with its interval."""
    if figure is None or not isfinite(figure["value"]):
        return UNKNOWN
    form = "+z.3f" if signed else "z.3f"
    value, low, high = (format(figure[end], form) for end in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def plain(figure: Any) -> str:
    """A figure alone: three decimals, or a whole number; empty where there is none."""
    if figure != figure:
        return ""
    return f"{figure:.3f}" if isinstance(figure, float) else f"{figure:,}"
