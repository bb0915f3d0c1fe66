"""The times of a study: years and seasons."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from fusion_assets.study.mistakes import shown, wrong
from fusion_assets.study.regions import Section

EARLIEST_YEAR, LATEST_YEAR = 1975, 2100
_SEASON_FORM = "{start: MM-DD, end: MM-DD} within one calendar year, or any for the whole year"


class Season(Section):
    """Part of a calendar year, first and last day included.

    Attributes:
        start: first day, MM-DD.
        end: last day, MM-DD; 02-29 means the last day of February.
    """

    start: str = "01-01"
    end: str = "12-31"

    def dates(self, year: int) -> tuple[dt.date, dt.date]:
        """First and last day in a year."""
        return _day(year, self.start), _day(year, self.end)


WHOLE_YEAR = Season()


def _day(year: int, text: str) -> dt.date:
    month, day = (int(part) for part in text.split("-"))
    return dt.date(year, month, min(day, calendar.monthrange(year, month)[1]))


def season_of(value: object) -> Season:
    """A season from the study's spelling; raises PydanticCustomError."""
    if isinstance(value, Season):
        return value
    if value == "any":
        return WHOLE_YEAR
    found = f"is {shown(value)}"
    example = 'write for example {start: "07-01", end: "12-31"}'
    if not isinstance(value, dict) or set(value) != {"start", "end"}:
        raise wrong(found, _SEASON_FORM, example)
    for part in value.values():
        if not isinstance(part, str) or not re.fullmatch(r"[0-9]{2}-[0-9]{2}", part):
            raise wrong(f"{found}: {shown(part)} is not MM-DD", _SEASON_FORM, example)
        try:
            dt.date(2000, int(part[:2]), int(part[3:]))
        except ValueError:
            raise wrong(f"{found}: there is no day {part}", _SEASON_FORM, example) from None
    if value["start"] > value["end"]:
        raise wrong(
            f"{found}: it wraps around the end of the year",
            _SEASON_FORM,
            "choose a season within one year, or give each product `windows: {year: [first day, last day]}`",
        )
    return Season.model_construct(start=value["start"], end=value["end"])


SeasonOfYear = Annotated[Season, BeforeValidator(season_of)]


def year_of(value: object, example: str = "2015") -> int:
    """A year as a number; raises PydanticCustomError."""
    spelled = type(value) is int or (isinstance(value, str) and re.fullmatch(r" *[0-9]{4} *", value))
    year = int(value) if spelled else 0  # type: ignore[call-overload]
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise wrong(
            f"is {shown(value)}", f"a year from {EARLIEST_YEAR} to {LATEST_YEAR}", f"write for example {example}"
        )
    return year


Year = Annotated[int, BeforeValidator(year_of)]


def some_years(value: object, example: str) -> tuple[int, ...] | None:
    """Years of a section, ascending and each once; None where it says nothing. Raises PydanticCustomError."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not value:
        raise wrong(f"is {shown(value)}", "a list of years of the study", f"write for example {example}")
    return tuple(sorted({year_of(year, example) for year in value}))


def prediction_years(value: object, last_complete: int) -> tuple[int, ...]:
    """Years from a list or from `{from: year, to: year or latest}`; raises PydanticCustomError.

    Args:
        value: as the study file spells it.
        last_complete: what `latest` means, the last complete calendar year.
    """
    form = "a list of years, or {from: year, to: year or latest}"
    example = "[2016, 2017] or {from: 2016, to: latest}"
    if isinstance(value, Mapping):
        if set(value) != {"from", "to"}:
            raise wrong(f"is {shown(value)}", form, f"write for example {example}")
        first = year_of(value["from"], example)
        last = last_complete if value["to"] == "latest" else year_of(value["to"], example)
        if last < first:
            which = (
                f"latest, the last complete year, is {last}" if value["to"] == "latest" else "it ends before it begins"
            )
            raise wrong(f"is {shown(value)}: {which}", form, f"begin in {last} or earlier")
        return tuple(range(first, last + 1))
    if not isinstance(value, list | tuple) or not value:
        raise wrong(f"is {shown(value)}", f"{form}, with at least one year", f"write for example {example}")
    years = [year_of(year, example) for year in value]
    if len(set(years)) < len(years):
        raise wrong(f"is {shown(value)}, which names a year twice", form, "name each year once")
    return tuple(sorted(years))
