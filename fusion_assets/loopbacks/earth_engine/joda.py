"""Patterns of dates in the letters of Joda-Time: to text and back.

The letters are those of `org.joda.time.format.DateTimeFormat`, whose page says how many of each mean what. A letter
that is none of them is refused by name, and so is what depends on tables of names that are not here.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Iterator

from fusion_assets.loopbacks.earth_engine.errors import ServiceError

_NUMBERS: dict[str, Callable[[dt.datetime], int]] = {
    "C": lambda m: m.year // 100, "Y": lambda m: m.year, "x": lambda m: m.isocalendar().year,
    "w": lambda m: m.isocalendar().week, "e": lambda m: m.isoweekday(), "y": lambda m: m.year,
    "D": lambda m: m.timetuple().tm_yday, "M": lambda m: m.month, "d": lambda m: m.day, "K": lambda m: m.hour % 12,
    "h": lambda m: m.hour % 12 or 12, "H": lambda m: m.hour, "k": lambda m: m.hour or 24, "m": lambda m: m.minute,
    "s": lambda m: m.second,
}  # fmt: skip
_YEARS = "Yyx"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT, _LONG_FROM = 3, 4
_PARSED = {"Y": "year", "y": "year", "M": "month", "d": "day", "H": "hour", "m": "minute", "s": "second", "S": "S"}


def zone_of(name: str | None) -> dt.tzinfo:
    """A time zone by its name in the IANA's table, or by an offset as `+02:00`; UTC without a name.

    Raises:
        ServiceError: there is no such zone.
    """
    if name is None or name in ("UTC", "Z"):
        return dt.UTC
    if offset := re.fullmatch(r"([+-])(\d\d):(\d\d)", name):
        sign, hours, minutes = offset.groups()
        length = dt.timedelta(hours=int(hours), minutes=int(minutes))
        return dt.timezone(length if sign == "+" else -length)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ServiceError(f"Date: The time zone '{name}' is not recognized.") from None


def tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Parts of a pattern: runs of one letter (True), and text (False).

    Raises:
        ServiceError: a quote is not closed.
    """
    place = 0
    while place < len(pattern):
        found = re.compile(r"([A-Za-z])\1*|''|'((?:[^']|'')*)'|[^A-Za-z']+").match(pattern, place)
        if found is None:
            raise ServiceError(f'Date: the pattern "{pattern}" has a quote that is not closed.')
        place = found.end()
        if found[1]:
            yield found[0], True
        else:
            yield "'" if found[0] == "''" else found[0] if found[2] is None else found[2].replace("''", "'"), False


def text_of(moment: dt.datetime, pattern: str) -> str:
    """A moment as text, in the zone that it is given in.

    Raises:
        ServiceError: a letter that Joda does not have, or whose names are not known here.
    """
    return "".join(_field(part, moment) if letters else part for part, letters in tokens(pattern))


def _field(letters: str, moment: dt.datetime) -> str:
    letter, count = letters[0], len(letters)
    if letter == "G":
        return "AD"
    if letter == "E":
        name = _DAYS[moment.weekday()]
        return name if count >= _LONG_FROM else name[:_SHORT]
    if letter == "M" and count >= _SHORT:
        name = _MONTHS[moment.month - 1]
        return name if count >= _LONG_FROM else name[:_SHORT]
    if letter == "a":
        return "AM" if moment.hour < 12 else "PM"
    if letter == "S":
        return f"{moment.microsecond // 1000:03d}".ljust(count, "0")[:count]
    if letter in "zZ":
        return _zone(letters, moment)
    if letter not in _NUMBERS:
        raise ServiceError(f"Date.format: Illegal pattern component: {letters}")
    number = _NUMBERS[letter](moment)
    if letter in _YEARS and count == 2:
        return f"{number % 100:02d}"
    return str(number).zfill(count)


def _zone(letters: str, moment: dt.datetime) -> str:
    offset = moment.utcoffset() or dt.timedelta()
    minutes = abs(int(offset.total_seconds())) // 60
    hours = f"{'-' if offset < dt.timedelta() else '+'}{minutes // 60:02d}"
    if letters == "Z":
        return f"{hours}{minutes % 60:02d}"
    if letters == "ZZ":
        return f"{hours}:{minutes % 60:02d}"
    if letters[0] == "Z":
        key = getattr(moment.tzinfo, "key", None)
        return key or ("UTC" if not offset else f"{hours}:{minutes % 60:02d}")
    if moment.tzinfo is dt.UTC:
        return "UTC" if len(letters) < _LONG_FROM else "Coordinated Universal Time"
    name = moment.tzname() or ""
    if len(letters) >= _LONG_FROM or not name.isalpha():
        raise ServiceError(f"Date.format: this loopback service does not know the names of time zones for '{letters}'.")
    return name


def moment_of(text: str, pattern: str, zone: dt.tzinfo) -> dt.datetime:
    """A moment from text.

    Raises:
        ServiceError: the text does not follow the pattern, or the pattern has letters that are only known for writing.
    """
    parts, names = list(tokens(pattern)), []
    expression = ""
    for number, (part, letters) in enumerate(parts):
        if not letters:
            expression += re.escape(part)
            continue
        letter = part[0]
        if letter == "M" and len(part) >= _SHORT:
            names.append("name")
            expression += "([A-Za-z]+)"
            continue
        if letter not in _PARSED or (letter in _YEARS and len(part) == 2):
            raise ServiceError(f"Date.parse: this loopback service does not know '{part}'.")
        names.append(_PARSED[letter])
        # A number ends where its digits do, unless another number follows at once.
        follows = number + 1 < len(parts) and parts[number + 1][1]
        expression += f"(\\d{{{len(part)}}})" if follows else "(\\d+)"
    found = re.fullmatch(expression, text)
    if found is None:
        raise ServiceError(f"Date.parse: Invalid format: \"{text}\" does not follow '{pattern}'.")
    fields = {"year": 1970, "month": 1, "day": 1}
    for name, value in zip(names, found.groups(), strict=True):
        if name == "name":
            fields["month"] = _month(value)
        elif name == "S":
            fields["microsecond"] = int(value[:6].ljust(6, "0"))
        else:
            fields[name] = int(value)
    try:
        return dt.datetime(**fields, tzinfo=zone)
    except ValueError as error:
        raise ServiceError(f'Date.parse: Cannot parse "{text}": {error}.') from None


def _month(text: str) -> int:
    for number, name in enumerate(_MONTHS, 1):
        if text.lower() in (name.lower(), name[:_SHORT].lower()):
            return number
    raise ServiceError(f"Date.parse: '{text}' is no month.")
