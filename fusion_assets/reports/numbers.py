"""Quantities as texts."""

from __future__ import annotations

from math import floor, log10


def square_kilometres(*values: float, signed: bool = False) -> list[str]:
    """Areas as texts without unit: to three digits of the largest, and never less than whole km2.

    Args:
        values: km2; all get the same number of decimals.
        signed: whether a plus is written.
    """
    largest = max((abs(value) for value in values), default=0.0)
    decimals = max(0, 2 - floor(log10(largest))) if largest >= 1e-9 else 0
    # Adding 0 turns a negative zero into a plain one.
    return [f"{round(value, decimals) + 0.0:{'+' if signed else ''}.{decimals}f}" for value in values]
