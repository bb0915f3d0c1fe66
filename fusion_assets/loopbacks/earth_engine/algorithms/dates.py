"""Dates and date ranges, UTC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from dateutil.relativedelta import relativedelta

from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.coercion import coerce
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Date, DateRange

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
# Letters of Joda's patterns: by number of letters, or zero-padded to it.
_NAMES = {"MMM": "%b", "MMMM": "%B", "E": "%a", "EEE": "%a", "EEEE": "%A", "a": "%p"}
_FIELDS: dict[str, Callable[[dt.datetime], int]] = {
    "Y": lambda m: m.year, "y": lambda m: m.year, "M": lambda m: m.month, "d": lambda m: m.day,
    "D": lambda m: m.timetuple().tm_yday, "H": lambda m: m.hour, "m": lambda m: m.minute, "s": lambda m: m.second,
}  # fmt: skip


def _of(moment: dt.datetime) -> Date:
    return Date(round(moment.timestamp() * 1000))


@algorithm("Date")
def date(value: Any, zone: str | None) -> Date:
    """A date from milliseconds or text."""
    return coerce(value, "Date", "Date")


@algorithm("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, zone: str | None) -> Date:
    """Midnight of a day."""
    return _of(dt.datetime(year, month, day, tzinfo=dt.UTC))


@algorithm("Date.millis")
def millis(value: Date) -> int:
    """Milliseconds since 1970."""
    return value.millis


@algorithm("Date.advance")
def advance(value: Date, delta: float, unit: str, zone: str | None) -> Date:
    """Later by some units; months and years by the calendar."""
    unit = unit.rstrip("s")
    if unit in _SECONDS:
        return Date(value.millis + round(delta * _SECONDS[unit] * 1000))
    if unit not in ("month", "year") or not float(delta).is_integer():
        raise ServiceError(f"Date.advance: this loopback service does not know {delta} '{unit}'.")
    return _of(value.moment + relativedelta(**{f"{unit}s": int(delta)}))


@algorithm("Date.difference")
def difference(value: Date, start: Date, unit: str) -> float:
    """Units between two dates."""
    unit = unit.rstrip("s")
    if unit not in _SECONDS:
        raise ServiceError(f"Date.difference: this loopback service does not know '{unit}'.")
    return (value.millis - start.millis) / 1000 / _SECONDS[unit]


@algorithm("Date.get")
def get(value: Date, unit: str, zone: str | None) -> int:
    """A field of the calendar."""
    if unit not in ("year", "month", "day", "hour", "minute", "second"):
        raise ServiceError(f"Date.get: this loopback service does not know '{unit}'.")
    return getattr(value.moment, unit)


@algorithm("Date.format")
def formatted(value: Date, pattern: str | None, zone: str | None) -> str:
    """As text."""
    text = pattern or "YYYY-MM-dd'T'HH:mm:ss"
    return re.sub(r"'([^']*)'|([A-Za-z])\2*", lambda part: _part(part, value.moment), text)


def _part(part: re.Match[str], moment: dt.datetime) -> str:
    """What stands for one run of equal letters of a pattern, or for a quoted text."""
    letters, letter = part[0], part[2]
    if letter is None:
        return part[1] or "'"
    if letters in _NAMES:
        return moment.strftime(_NAMES[letters])
    if letters in ("yy", "YY"):
        return f"{moment.year % 100:02d}"
    if letter == "S":
        return f"{moment.microsecond:06d}"[: len(letters)]
    if letter not in _FIELDS:
        raise ServiceError(f"Date.format: this loopback service does not know '{letters}'.")
    return str(_FIELDS[letter](moment)).zfill(len(letters))


@algorithm("DateRange")
def date_range(start: Any, end: Any, zone: str | None) -> DateRange:
    """From a date up to, not including, another; one millisecond long without it."""
    first = coerce(start, "Date", "DateRange, argument 'start'").millis
    last = first + 1 if end is None else coerce(end, "Date", "DateRange, argument 'end'").millis
    if last < first:
        raise ServiceError("DateRange: start must not be after end.")
    return DateRange(first, last)


@algorithm("DateRange.start")
def range_start(value: DateRange) -> Date:
    """First moment."""
    return Date(value.start)


@algorithm("DateRange.end")
def range_end(value: DateRange) -> Date:
    """Moment after the last."""
    return Date(value.end)


@algorithm("Date.getRange")
def get_range(value: Date, unit: str, zone: str | None) -> DateRange:
    """The day, month or year around a date."""
    moment = value.moment
    starts = {
        "year": (moment.year, 1, 1),
        "month": (moment.year, moment.month, 1),
        "day": (moment.year, moment.month, moment.day),
    }
    if unit not in starts:
        raise ServiceError(f"Date.getRange: this loopback service does not know '{unit}'.")
    start = dt.datetime(*starts[unit], tzinfo=dt.UTC)
    return DateRange(_of(start).millis, _of(start + relativedelta(**{f"{unit}s": 1})).millis)
