"""Dates and date ranges. A time zone says which calendar a date is read in; the moment itself knows none."""

from __future__ import annotations

import datetime as dt
from typing import Any

from dateutil.relativedelta import relativedelta

from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.coercion import date_of, parsed_date
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.joda import moment_of, text_of, zone_of
from fusion_assets.loopbacks.earth_engine.values import Date, DateRange

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_ORDER = ("year", "month", "week", "day", "hour", "minute", "second")
_FEBRUARY = 59


def _of(moment: dt.datetime) -> Date:
    return Date(round(moment.timestamp() * 1000))


def _in(value: Date, zone: str | None) -> dt.datetime:
    return value.moment.astimezone(zone_of(zone))


def _unit(name: str, where: str, known: tuple[str, ...] = _ORDER) -> str:
    """The singular of a unit.

    Raises:
        ServiceError: it is none of the known.
    """
    unit = name.removesuffix("s")
    if unit not in known:
        raise ServiceError(f"{where}: this loopback service does not know the unit '{name}'.")
    return unit


@algorithm("Date")
def date(value: Any, zone: str | None) -> Date:
    """A date from milliseconds, or from text, which a zone may place."""
    made = parsed_date(value, zone_of(zone)) if isinstance(value, str) else date_of(value)
    if made is None:
        raise ServiceError(f"Date, argument 'value': Invalid type.\nActual value: {value!r}")
    return made


@algorithm("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, zone: str | None) -> Date:
    """Midnight of a day."""
    try:
        return _of(dt.datetime(year, month, day, tzinfo=zone_of(zone)))
    except ValueError as error:
        raise ServiceError(f"Date.fromYMD: {year}-{month}-{day}: {error}.") from None


@algorithm("Date.parse")
def parse(pattern: str, text: str, zone: str | None) -> Date:
    """A date from text in a pattern of one's own."""
    return _of(moment_of(text, pattern, zone_of(zone)))


@algorithm("Date.millis")
def millis(value: Date) -> int:
    """Milliseconds since 1970."""
    return value.millis


@algorithm("Date.advance")
def advance(value: Date, delta: float, unit: str, zone: str | None) -> Date:
    """Later by some units; months and years by the calendar, and whole days by that of a zone."""
    name = _unit(unit, "Date.advance")
    if name in ("day", "week", "month", "year") and float(delta).is_integer():
        local = _in(value, zone)
        moved = local.replace(tzinfo=None) + relativedelta(**{f"{name}s": int(delta)})
        return _of(moved.replace(tzinfo=local.tzinfo))
    if name not in _SECONDS or (name in ("day", "week") and zone not in (None, "UTC")):
        raise ServiceError(f"Date.advance: this loopback service does not know {delta} '{unit}'.")
    return Date(value.millis + round(delta * _SECONDS[name] * 1000))


@algorithm("Date.difference")
def difference(value: Date, start: Date, unit: str) -> float:
    """Units between two dates."""
    name = _unit(unit, "Date.difference", tuple(_SECONDS))
    return (value.millis - start.millis) / 1000 / _SECONDS[name]


@algorithm("Date.unitRatio")
def unit_ratio(numerator: str, denominator: str) -> float:
    """How many of one unit make another."""
    known = tuple(_SECONDS)
    one, other = (_unit(name, "Date.unitRatio", known) for name in (numerator, denominator))
    return _SECONDS[one] / _SECONDS[other]


@algorithm("Date.get")
def get(value: Date, unit: str, zone: str | None) -> int:
    """A field of the calendar; weeks as ISO counts them."""
    name, moment = _unit(unit, "Date.get"), _in(value, zone)
    return moment.isocalendar().week if name == "week" else getattr(moment, name)


@algorithm("Date.getRelative")
def get_relative(value: Date, unit: str, within: str, zone: str | None) -> int:
    """How many whole units of a larger one have passed."""
    name, larger, local = _unit(unit, "Date.getRelative"), _unit(within, "Date.getRelative"), _in(value, zone)
    if _ORDER.index(name) <= _ORDER.index(larger) or "week" in (name, larger):
        raise ServiceError(f"Date.getRelative: this loopback service does not know '{unit}' in '{within}'.")
    start = _start(local, larger)
    if name == "month":
        return local.month - start.month
    days = (local.date() - start.date()).days
    if (name, larger) == ("day", "year") and days > _FEBRUARY and start.year % 4 == 0:
        raise ServiceError(
            "Date.getRelative: this loopback service does not know days after February of a leap year: "
            "recorded answers disagree by one."
        )
    passed = dt.timedelta(days, local.hour * 3600 + local.minute * 60 + local.second).total_seconds()
    begun = start.hour * 3600 + start.minute * 60
    return int((passed - begun) // _SECONDS[name])


@algorithm("Date.getFraction")
def get_fraction(value: Date, unit: str, zone: str | None) -> float:
    """Share of a unit that has passed."""
    span = get_range(value, unit, zone)
    return (value.millis - span.start) / (span.end - span.start)


@algorithm("Date.update")
def update(value: Date, *fields: Any) -> Date:
    """Some fields of the calendar replaced."""
    *numbers, zone = fields
    names = ("year", "month", "day", "hour", "minute", "second")
    changed = {name: number for name, number in zip(names, numbers, strict=True) if number is not None}
    if not all(float(number).is_integer() for number in changed.values()):
        raise ServiceError("Date.update: this loopback service does not know fractions of a field.")
    try:
        whole: dict[str, Any] = {name: int(number) for name, number in changed.items()}
        return _of(_in(value, zone).replace(**whole))
    except ValueError as error:
        raise ServiceError(f"Date.update: {error}.") from None


@algorithm("Date.format")
def formatted(value: Date, pattern: str | None, zone: str | None) -> str:
    """As text; see `joda.py` for the letters."""
    return text_of(_in(value, zone), "YYYY-MM-dd'T'HH:mm:ss" if pattern is None else pattern)


@algorithm("DateRange")
def date_range(start: Any, end: Any, zone: str | None) -> DateRange:
    """From a date up to, not including, another; one millisecond long without it. A range stays itself."""
    if isinstance(start, DateRange):
        if end is not None:
            raise ServiceError("DateRange: this loopback service does not know a range with another end.")
        return start
    first = date(start, zone).millis
    last = first + 1 if end is None else date(end, zone).millis
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


@algorithm("DateRange.contains")
def range_contains(value: DateRange, other: Any) -> bool:
    """Whether a date, or all of a range, lies inside."""
    if isinstance(other, DateRange):
        return value.start <= other.start and other.end <= value.end
    moment = date_of(other)
    if moment is None:
        raise ServiceError(f"DateRange.contains, argument 'other': Invalid type.\nActual value: {other!r}")
    return value.start <= moment.millis < value.end


@algorithm("DateRange.intersects")
def range_intersects(value: DateRange, other: Any) -> bool:
    """Whether a date or some of a range lies inside."""
    if not isinstance(other, DateRange):
        return range_contains(value, other)
    return max(value.start, other.start) < min(value.end, other.end)


@algorithm("DateRange.intersection")
def range_intersection(value: DateRange, other: DateRange) -> DateRange:
    """What two ranges share."""
    start, end = max(value.start, other.start), min(value.end, other.end)
    if start >= end:
        raise ServiceError("DateRange.intersection: this loopback service does not know ranges that share nothing.")
    return DateRange(start, end)


@algorithm("DateRange.union")
def range_union(value: DateRange, other: DateRange) -> DateRange:
    """From the earlier start to the later end."""
    return DateRange(min(value.start, other.start), max(value.end, other.end))


@algorithm("DateRange.isEmpty")
def range_is_empty(value: DateRange) -> bool:
    """Whether it holds no moment."""
    return value.start >= value.end


@algorithm("Date.getRange")
def get_range(value: Date, unit: str, zone: str | None) -> DateRange:
    """The unit around a date; weeks begin on Monday."""
    name, local = _unit(unit, "Date.getRange"), _in(value, zone)
    start = _start(local, name)
    end = (start.replace(tzinfo=None) + relativedelta(**{f"{name}s": 1})).replace(tzinfo=start.tzinfo)
    return DateRange(_of(start).millis, _of(end).millis)


def _start(moment: dt.datetime, unit: str) -> dt.datetime:
    """First moment of the unit that holds a moment, in its zone."""
    if unit == "week":
        return _start(moment - dt.timedelta(days=moment.weekday()), "day")
    first: dict[str, Any] = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0}
    smaller = {"year": 0, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}[unit]
    return moment.replace(**dict(list(first.items())[smaller:]))
