"""Plain facts as Dagster metadata: numbers that the UI can plot, text, and JSON for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg


def readable(facts: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Metadata values for JSON-able facts; None is left out."""
    return {key: _value(value) for key, value in facts.items() if value is not None}


def _value(value: Any) -> dg.MetadataValue:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.json(value)
