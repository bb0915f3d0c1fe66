"""Text, and numbers as text. Regular expressions are Java's there and Python's here: what only one knows is refused."""

from __future__ import annotations

import json
import re
from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.encoding import encode
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.values import Image

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE}
_OTHERWISE_IN_JAVA = re.compile(r"\\[pPkRhGQEuUNX]|\(\?[<P>]|\[\[|&&|[*+?}]\+")


def pattern_of(regex: str, flags: str, where: str) -> tuple[re.Pattern[str], int]:
    """A compiled expression, and how often it is replaced (0: everywhere).

    Raises:
        ServiceError: a flag, or a piece of an expression, that this service does not know.
    """
    unknown = sorted(set(flags) - {*_FLAGS, "g"})
    if unknown:
        raise ServiceError(f"{where}: this loopback service does not know the flags {unknown}.")
    if _OTHERWISE_IN_JAVA.search(regex):
        raise ServiceError(f"{where}: this loopback service does not know the regular expression '{regex}'.")
    try:
        compiled = re.compile(regex, sum(_FLAGS[flag] for flag in set(flags) - {"g"}))
    except re.error as error:
        raise ServiceError(f"{where}: invalid regular expression '{regex}': {error}.") from None
    return compiled, 0 if "g" in flags else 1


@algorithm("String")
def string(value: Any) -> str:
    """Text of text, of a number, or of a truth."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    if isinstance(value, Image):
        return "Image"
    raise ServiceError(f"String: this loopback service does not know the text of {value!r}."[:300])


@algorithm("String.replace")
def replace(text: str, regex: str, replacement: str, flags: str) -> str:
    """The first match exchanged; all of them with the flag `g`. `$1` stands for a group."""
    pattern, times = pattern_of(regex, flags, "String.replace")
    if "\\" in replacement:
        raise ServiceError("String.replace: this loopback service does not know backslashes in a replacement.")
    return pattern.sub(re.sub(r"\$(\d)", r"\\\1", replacement), text, count=times)


@algorithm("String.match")
def match(text: str, regex: str, flags: str) -> list[str]:
    """The first match and its groups; all matches with the flag `g`."""
    pattern, times = pattern_of(regex, flags, "String.match")
    if not times:
        return [found[0] for found in pattern.finditer(text)]
    found = pattern.search(text)
    return [found[0], *(group or "" for group in found.groups())] if found else []


@algorithm("String.split")
def split(text: str, regex: str, flags: str) -> list[str]:
    """Parts between the matches; empty ones at the end are not kept."""
    pattern, _ = pattern_of(regex, flags, "String.split")
    if pattern.groups or pattern.match("") or not text:
        raise ServiceError("String.split: this loopback service knows no groups and no empty matches or texts here.")
    parts = pattern.split(text)
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


@algorithm("String.compareTo")
def compare(one: str, other: str) -> int:
    """Below 0, 0 or above 0, by the first letter that differs, else by length."""
    for a, b in zip(one, other, strict=False):
        if a != b:
            return ord(a) - ord(b)
    return len(one) - len(other)


@algorithm("String.encodeJSON")
def encoded(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(encode(value), separators=(",", ":"), ensure_ascii=False)


@algorithm("String.decodeJSON")
def decoded(text: str) -> Any:
    """What JSON stands for."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ServiceError(f"String.decodeJSON: invalid JSON: {error}.") from None


@algorithm("Number.format")
def number_text(number: float, pattern: str) -> str:
    """A number as text."""
    if pattern == "%s":
        return string(number)
    if not re.fullmatch(r"[^%]*%[-+0 ]*\d*(\.\d+)?[dfeEx][^%]*", pattern) or (
        pattern.lower().rstrip("x").endswith("d") and not isinstance(number, int)
    ):
        raise ServiceError(f"Number.format: this loopback service does not know '{pattern}' of {number}.")
    return pattern % number


@algorithm("Number.parse")
def number_of(text: str, radix: int) -> float:
    """A number from text."""
    try:
        return int(text, radix) if text.lstrip("-").isdigit() or radix != 10 else float(text)
    except ValueError:
        raise ServiceError(f"Number.parse: '{text}' is no number.") from None


ALGORITHMS.update(
    {
        "String.cat": lambda one, other: one + other,
        "String.equals": lambda one, other: one == other,
        "String.length": len,
        "String.slice": lambda text, start, end: text[start:end],
        "String.toLowerCase": str.lower,
        "String.toUpperCase": str.upper,
        "String.trim": lambda text: text.strip(),
        "String.index": lambda text, wanted: text.find(wanted),
        "String.rindex": lambda text, wanted: text.rfind(wanted),
    }
)
