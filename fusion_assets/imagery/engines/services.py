"""What engines on the web have in common: safe addresses, packages, limits of time, and errors without secrets."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.retries import bounded, deadline
from fusion_assets.redaction import public_url

TRANSIENT_CODES = {429, 500, 502, 503, 504}
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What code that trusts an answer raises where it is of another shape."""
_T = TypeVar("_T")


def is_local(address: str) -> bool:
    """Whether an address is one of this machine."""
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")


def check_address(name: str, address: str) -> None:
    """Refuse an address that credentials must not be sent to.

    Args:
        name: of the variable that gives it.
        address: empty is the service's own.

    Raises:
        FusionError: it is neither https nor of this machine.
    """
    if address and urlsplit(address).scheme != "https" and not is_local(address):
        raise FusionError(
            f"{name} is {public_url(address)}",
            "an https address; credentials are not sent in clear",
            f"correct {name}",
        )


def package_version(name: str, purpose: str, extra: str) -> str:
    """The version of a package that an engine needs.

    Args:
        name: of the package.
        purpose: what needs it.
        extra: of this package, that brings it.

    Raises:
        FusionError: it is not installed.
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
    raise FusionError(
        f"the package {name} is not installed", f"it, for {purpose}", f"pip install 'fusion-assets[{extra}]'"
    )


def within(work: Callable[[], _T], about: str, seconds: float, remedy: str) -> _T:
    """What `work` returns or raises, unless it takes too long: then it is left behind in its thread.

    Raises:
        Unreachable: no answer in time.
    """
    try:
        with deadline(seconds):
            return bounded(work, about)
    except TimeoutError:
        pass
    raise Unreachable(f"{about}: no answer within {seconds:g} s", "an answer", remedy)


def is_text(value: object) -> bool:
    """Whether a value of an answer is a text that can be written anywhere: JSON can spell halves of characters."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


class Undocumented(ValueError):
    """What is odd about an answer, in words that are safe to print."""


def documented(work: Callable[[], _T], about: str, service: str) -> _T:
    """What `work` makes of an answer; whatever breaks where that is of another shape than documented is one line.

    Args:
        work: uses an answer.
        about: what was asked for.
        service: by name.

    Raises:
        FusionError: in place of any of `ODD`.
    """
    try:
        return work()
    except ODD as error:
        problem = undocumented(about, service, error)
    raise problem


def undocumented(about: str, service: str, error: BaseException) -> FusionError:
    """The error for an answer of another shape than documented.

    Args:
        about: what was asked for.
        service: by name.
        error: what broke on it.
    """
    # Texts of other errors may repeat the answer, and with it whatever is in there.
    why = str(error) if isinstance(error, Undocumented) else type(error).__name__
    return FusionError(
        f"{about}: {service} answers in a form that it does not document ({why})",
        "an answer as documented",
        "check the address, and that no proxy answers in its place; try again later",
    )


def service_error(about: str, text: str, passing: bool, remedies: Mapping[str, str]) -> FusionError:
    """A service's refusal in our form.

    To be raised outside the handler of the client's own error, which carries the request, and with it a token.

    Args:
        about: what was asked for, and of whom.
        text: what it says, without secrets.
        passing: whether the same request may succeed later.
        remedies: part of a text, in lower case, to what to do about it.
    """
    remedy = next((advice for part, advice in remedies.items() if part in text.lower()), "try again later")
    return (Unreachable if passing else FusionError)(f"{about}: {text}", "an answer", remedy)
