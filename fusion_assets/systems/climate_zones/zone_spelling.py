"""How people write zones, in polygons and tables: `3`, `LCZ 3`, `A`, `101`, `Compact low-rise`."""

from __future__ import annotations

import math
import re
from typing import Any

from fusion_assets.systems.climate_zones.legend import BUILT, SIGNS, ZONES

SPELLINGS = "a zone: 1 to 10 and A to G, 1 to 17, 101 to 107 for A to G, with or without `LCZ`, or its published name"
OTHERS = (18, 19)
"""Codes in training areas of WUDAPT that are no local climate zone."""
_NATURAL = 100
_SIGN = re.compile(
    r"(?:lcz|local climate zone|class|zone)?[\s_:.#-]*(\d{1,3}(?:\.0*)?|[a-g])(?![^\W_])(.*)", re.I | re.S
)


def _letters(text: str) -> str:
    """By what names are compared: `Bare rock/paved` is `bare rock or paved`."""
    return re.sub(r"\bor\b|[\W_]", "", text.lower())


_BY_NAME = {_letters(zone.title): code for code, zone in enumerate(ZONES, start=1)}


def code_of(value: Any) -> int | None:
    """The code of what somebody wrote: 1 to 17, or one of `OTHERS`; None where it is no zone.

    What follows the sign may only be the zone's own name: `A park` is no dense trees, and `LCZ 3-5` no zone.

    Args:
        value: text or a number.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _of_number(int(value)) if math.isfinite(value) and value == int(value) else None
    text = str(value).strip()
    if (named := _BY_NAME.get(_letters(text))) is not None:
        return named
    found = _SIGN.fullmatch(text)
    if found is None:
        return None
    sign, rest = found[1].upper().split(".")[0], _letters(found[2])
    code = SIGNS.index(sign) + 1 if sign in SIGNS else _of_number(int(sign)) if sign.isdigit() else None
    return code if not rest or _BY_NAME.get(rest) == code else None


def _of_number(number: int) -> int | None:
    if _NATURAL < number <= _NATURAL + len(SIGNS) - BUILT:
        return number - _NATURAL + BUILT
    return number if 1 <= number <= len(SIGNS) or number in OTHERS else None
