"""Names that can be folders and partition keys, and the closest one to a text of people."""

from __future__ import annotations

import re
import unicodedata

MOST_LETTERS = 64
MOST_BYTES = 200
"""File systems allow 255 for a file, ending included, and letters may have four."""
_NAME = re.compile(r"[^\W_](?:[\w.-]{0,62}[\w-])?")
_JOINERS = str.maketrans("", "", "\u200c\u200d")
"""They shape letters, and nobody sees them."""


def is_name(text: str) -> bool:
    """Whether a text can be a folder and a partition key. Marks, such as vowels in many scripts, count as letters."""
    marks = [_is_mark(letter) for letter in text]
    plain = "".join("x" if mark else letter for letter, mark in zip(text, marks, strict=True))
    in_one_spelling = unicodedata.is_normalized("NFC", text) if any(marks) else True
    fits = bool(_NAME.fullmatch(plain)) and ".." not in text and len(text.encode()) <= MOST_BYTES
    return fits and in_one_spelling and not marks[0]


def name_like(text: str) -> str:
    """The name that a text is turned into: composed letters, `_` for whatever else; empty where nothing is left.

    Łódź stays Łódź, `São Paulo` is `São_Paulo`, and `A/B (north)` is `A_B_north`. What is too long is cut.
    """
    composed = unicodedata.normalize("NFC", text).translate(_JOINERS)
    kept = "".join(c if c.isalnum() or c in "_.-" or _is_mark(c) else " " for c in composed)
    name = re.sub(r"\.\.+|\s+", "_", kept.strip())
    name = _begun(name)[:MOST_LETTERS]
    while len(name.encode()) > MOST_BYTES:
        name = name[:-1]
    return name.rstrip("_.-")


def _begun(name: str) -> str:
    """Without what no name begins with."""
    while name and (name[0] in "_.-" or _is_mark(name[0])):
        name = name[1:]
    return name


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter).startswith("M")
