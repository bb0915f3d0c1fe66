"""Where algorithms register: name -> function that takes the signature's arguments in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

ALGORITHMS: dict[str, Callable[..., Any]] = {}
_F = TypeVar("_F", bound=Callable[..., Any])


def algorithm(*names: str) -> Callable[[_F], _F]:
    """Register a function under one or more algorithm names."""

    def register(function: _F) -> _F:
        for name in names:
            ALGORITHMS[name] = function
        return function

    return register
