"""Plain facts as Dagster metadata: numbers that the UI can plot, text, and JSON for the rest."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from fusion_assets.redaction import redacted

_NOTHING = "none"
_DIGITS = 6
"""Of numbers as people read them."""


def readable(facts: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Metadata values for JSON-able facts; None is left out."""
    return {key: _value(value) for key, value in facts.items() if value is not None}


def listed(lines: Collection[str]) -> dg.MetadataValue:
    """Markdown that shows lines as they are, one below the other.

    They name files and items of other people: as code, nothing in them is a picture that the UI would fetch, or a link.
    """
    return dg.MetadataValue.md("\n".join(f"- {_code(redacted(line))}" for line in lines) or _NOTHING)


def lines_of(value: dg.MetadataValue) -> list[str]:
    """The lines that `listed` was given."""
    shown = (re.fullmatch(r"- (`+) (.*) \1", line) for line in str(value.value).splitlines())
    return [line[2] for line in shown if line]


def _code(text: str) -> str:
    """A line as Markdown's code, between more backticks than it has on end."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=1))
    return f"{fence} {line} {fence}"


def _value(value: Any) -> dg.MetadataValue:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(float(f"{value:.{_DIGITS}g}"))
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.json(value)
