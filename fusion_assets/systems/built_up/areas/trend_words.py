"""What the trend's figures tell, in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fusion_assets.evaluation.area_estimation import Estimate
from fusion_assets.reports.numbers import square_kilometres
from fusion_assets.systems.built_up.areas.measuring import Measured

_RELATIVE = re.compile(r"^Relative to ([^,]+)(?:, .*?)?, (?=[\d.]+ km² are mapped)")
GREW, SHRANK, CANNOT_TELL = "grew", "shrank", "cannot tell"


def headline(statement: str) -> str:
    """A stored statement as people read it first: what areas are relative to, without a catalog's words for units.

    Args:
        statement: of a trend.
    """
    return _RELATIVE.sub(r"By the labels that the maps were learnt from (\1), ", statement)


def of_change(first: int, last: int, verdict: str, change: Estimate) -> str:
    """One tested change.

    Args:
        first: year.
        last: year.
        verdict: `grew`, `shrank` or `cannot tell`.
        change: km2.
    """
    if verdict == CANNOT_TELL:
        value, low, high = square_kilometres(change.value, change.low, change.high, signed=True)
        return (
            f"The data cannot tell whether built-up land grew or shrank from {first} to {last}: the estimated change "
            f"is {value} km², 95 % interval {low} to {high} km²."
        )
    value, low, high = square_kilometres(abs(change.value), *sorted((abs(change.low), abs(change.high))))
    return f"From {first} to {last} built-up land {verdict} by {value} km² (95 % interval {low} to {high} km²)."


def of_one_year(year: int, area: float, low: float, high: float) -> str:
    """The error-adjusted area of a study with a single year, km2."""
    area_text, low_text, high_text = square_kilometres(area, low, high)
    return (
        f"In {year} built-up land covers {area_text} km² (95 % interval {low_text} to {high_text} km²). One year tells "
        "nothing about change."
    )


def relative(labels: str, found: Measured, years: Sequence[int]) -> str:
    """Mapped areas of the first and last year, without a reference sample.

    Args:
        labels: title of the labels that the maps were learnt from.
        found: mapped areas and their ranges.
        years: ascending.
    """
    first, last = years[0], years[-1]
    ends = (first,) if first == last else (first, last)
    mapped = square_kilometres(*(found.mapped_km2[year] for year in ends))
    ranges = square_kilometres(*(km2 for year in ends for km2 in found.range_km2[year]))
    if first == last:
        return (
            f"Relative to {labels}, {mapped[0]} km² are mapped as built-up in {first}; thresholds that agree with the "
            f"labels as well give {ranges[0]} to {ranges[1]} km². The errors of these labels are unknown, so there is "
            "no confidence interval; a reference sample would give one. One year tells nothing about change."
        )
    return (
        f"Relative to {labels}, {mapped[0]} km² are mapped as built-up in {first} and {mapped[1]} km² in {last}; "
        f"thresholds that agree with the labels as well give {ranges[0]} to {ranges[1]} and {ranges[2]} to {ranges[3]} "
        "km². The data cannot tell whether built-up land grew or shrank: the errors of these labels are unknown, so "
        "there is no confidence interval. A reference sample would give one."
    )
