"""What texts must not carry out of this process: logins, signatures, and signs that steer a terminal.

Errors are redacted when they are made; log records, warnings and tracebacks of libraries when they are written
(`redact_logs`).
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
# Longer texts come from files that are no texts; the patterns below stay quick on this many signs.
_LONGEST = 10_000
_LONG_WORD = re.compile(r"(\S{400})\S{200,}")
# Shorter values of variables are words that texts need.
_SHORTEST_SECRET = 6

_SECRET_VARIABLE = re.compile(r"KEY(_?ID)?$|SECRET|TOKEN$|PASS(WORD|WD|PHRASE)$", re.IGNORECASE)
_ADDRESS_VARIABLE = re.compile(r"^(FUSION|EE|SH)_|URL$|PROXY$", re.IGNORECASE)
# A login ends at the last @ before the path. Passwords may hold anything, even a slash: then what stands before the
# first one is neither a host nor a host with a port.
_LOGIN = re.compile(r"(?<=://)(?:[^/\n]*@|(?!\[)[^\s/:@]{1,200}:(?!\d*(?:[/?#\s]|$))[^\n]*@)")
_LOGIN_ALONE = re.compile(r"""(?<!\w)(?!serviceAccount:|mailto:)[^\s/:@'"=(<]{1,200}:[^\s/@'"]{1,200}@(?=[\w\[])""")
# All of a query: in an address, where libraries show the path alone ("with url: /a?b"), and wherever one has values.
_QUERIES = (
    re.compile(r"""(://[^?'"\n]{0,500}|\burl: ?[^?'"\n]{0,500})\?[^\s'"]+"""),
    re.compile(r"""()(?:\?|%3[Ff])[^\s'"<>]{0,500}?(?:=|%3[Dd])[^\s'"]*"""),
    re.compile(r"""()[&;#][\w.%~-]{1,200}=[^\s'"]*"""),
)
_NAMES = (
    r"[\w-]{0,40}(?:api[_-]?key|subscription[_-]?key|(?:access|refresh|id|session|security|sas)[_-]?token|"
    r"client[_-]?secret|private[_-]?key(?:[_-]?id)?|secret[_-]?(?:access[_-]?)?key|access[_-]?key(?:[_-]?id)?|"
    r"password|passwd|passphrase|assertion|signature|authorization|cookie)|x-(?:amz|goog)-[\w-]{1,40}"
)
_VALUES = (
    # Keys in PEM, tokens of Google, JSON web tokens.
    re.compile(r"()-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z ]{0,20}-----)?"),
    re.compile(r"()\b(?:ya29\.[\w-]+|eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*)"),
    # Headers and JSON, with the scheme of an authorization.
    re.compile(
        rf"""(\b(?:{_NAMES})["']?\s{{0,3}}[=:]\s{{0,3}}(?:b?["'])?(?:(?:bearer|basic|digest)\s+)?)"""
        r"""[^\s"',;&}<]{3,}""",
        re.IGNORECASE,
    ),
    re.compile(r"(\bbearer )[\w.~+/=-]{12,}", re.IGNORECASE),
    # What is no port is part of a password with a slash.
    re.compile(r"""((?:integer value as|\bport:?) (['"]))(?!\d+\2)(?:(?!\2)[^\n])+""", re.IGNORECASE),
)
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b.?")
# Controls but for the tab and the new line, those of Unicode, what turns the direction of writing or breaks lines,
# what nobody sees, and halves of signs, which no terminal can show.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def redacted(text: object) -> str:
    """A text without logins, queries of addresses, keys, and signs that steer a terminal.

    Args:
        text: or what has one, such as an error.

    Returns:
        One that may be printed, stored and sent. What is hidden cannot be told from it.
    """
    shown = _LONG_WORD.sub(r"\1...", printable(str(text)))
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]} ... ({len(shown)} characters in all)"
    for secret in _secrets(os.environ):
        shown = shown.replace(secret, HIDDEN)
    shown = _without_login(shown)
    for pattern in _QUERIES:
        shown = pattern.sub(r"\1", shown)
    for pattern in _VALUES:
        shown = pattern.sub(rf"\1{HIDDEN}", shown)
    return shown


def printable(text: str) -> str:
    """A text without signs that steer a terminal: lines and tabs stay, other controls become blanks."""
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(" ", _ESCAPES.sub("", text))


def printable_line(text: object) -> str:
    """A text, such as a path, as one line without signs that steer a terminal."""
    return printable(str(text).replace("\n", " "))


@contextmanager
def redacted_errors() -> Iterator[None]:
    """Let errors out of this block whose texts, and those of the errors that led to them, may be read by anybody."""
    try:
        yield
    except Exception as error:
        said = [_words(each) for each in _chain(error)]
        if all(redacted(words) == words for words in said):
            raise
        if (own := _words(error)) == redacted(own):
            # What led to it is told in no other words.
            error.__cause__, error.__suppress_context__ = None, True
            raise
        raise RuntimeError(redacted(own)).with_traceback(error.__traceback__) from None


def redact_logs() -> None:
    """Redact what libraries log, warn of, and leave behind when a program ends by an error; once in a process."""
    if getattr(logging.getLogRecordFactory(), "redacts", False):
        return
    plain, format_warning = logging.getLogRecordFactory(), warnings.formatwarning

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = plain(*args, **kwargs)
        with suppress(Exception):  # of records whose arguments do not fit, which logging reports itself
            text = made.getMessage()
            if (shown := redacted(text)) != text:
                made.msg, made.args = shown, ()
        if made.exc_info and made.exc_info[1] and any(redacted(w) != w for w in map(_words, _chain(made.exc_info[1]))):
            made.exc_text, made.exc_info = _traceback(made.exc_info[1]), None
        return made

    record.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)
    warnings.formatwarning = lambda *args, **kwargs: redacted(format_warning(*args, **kwargs))
    sys.excepthook = lambda kind, error, trace: print(_traceback(error), end="", file=sys.stderr)
    threading.excepthook = lambda ended: print(_traceback(ended.exc_value or SystemExit()), end="", file=sys.stderr)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it, as tracebacks show them."""
    met: set[int] = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _words(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error))


def _traceback(error: BaseException) -> str:
    return redacted("".join(traceback.format_exception(error)))


def public_url(address: str) -> str:
    """An address without login and query; what is none stays as it is, but for what steers a terminal.

    Args:
        address: alone, with any signs in it; texts that contain some are for `redacted`.
    """
    shown = printable(address)
    if "://" not in shown:
        return shown
    place = _without_login(shown.replace("\n", " "))
    return re.sub(r"\?.*|#[^#]*=.*", "", place)


def _without_login(text: str) -> str:
    return _LOGIN_ALONE.sub("", _LOGIN.sub("", text))


def _secrets(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Secrets among environment variables, the longest first: one may be part of another."""
    return _spelt(tuple(sorted({secret for name, value in variables.items() for secret in _secret_of(name, value)})))


def _secret_of(name: str, value: str) -> Iterator[str]:
    if _SECRET_VARIABLE.search(name):
        yield value
    if _ADDRESS_VARIABLE.search(name) and "@" in value and "://" in value:
        # Those who cannot read an address say which part of the password they took for a port.
        password = value.partition("://")[2].rpartition("@")[0].partition(":")[2]
        yield from (password, *re.split(r"[/?#@]+", password), *re.split(r"[^\w.~-]+", password))


@lru_cache(maxsize=8)
def _spelt(secrets: tuple[str, ...]) -> tuple[str, ...]:
    long = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    spellings = {way(secret) for secret in long for way in (str, quote, quote_plus, partial(quote, safe=""))}
    return tuple(sorted(spellings, key=len, reverse=True))
