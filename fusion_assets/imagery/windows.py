"""Windows of time: their two midnights, and what overlaps them; one rule for every engine."""

from __future__ import annotations

import datetime as dt


def bounds(window: tuple[dt.date, dt.date]) -> tuple[dt.datetime, dt.datetime]:
    """The midnights (UTC) before the first and after the last day of a window, whose days are both included."""
    first, last = (dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) for day in window)
    return first, last + dt.timedelta(days=1)


def overlaps(start: dt.datetime, end: dt.datetime, first: dt.datetime, last: dt.datetime) -> bool:
    """Whether what lasts from `start` to `end` lies, with any part of it, between two midnights.

    The year 2019 ends where 2020 begins and is not in it: both ends are exclusive. Where `start` and `end` are one,
    they are an instant.
    """
    if start == end:
        return first <= start < last
    return start < last and end > first
