"""Where algorithms register: name -> function that takes the signature's arguments in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

ALGORITHMS: dict[str, Callable[..., Any]] = {}
REFUSED: dict[str, frozenset[str]] = {}
"""Arguments that the signature has and this service does not know: giving one is an error, never ignored."""
_F = TypeVar("_F", bound=Callable[..., Any])


def algorithm(*names: str, refuses: Iterable[str] = ()) -> Callable[[_F], _F]:
    """Register a function under one or more algorithm names, with the arguments that it does not know."""

    def register(function: _F) -> _F:
        for name in names:
            ALGORITHMS[name] = function
            REFUSED[name] = frozenset(refuses)
        return function

    return register
