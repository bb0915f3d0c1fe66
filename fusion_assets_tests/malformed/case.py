"""One malformed input, and what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Cases hide it where secrets are: no text may say it.
MARK = "hunter2-MARK-9f3c"


@dataclass(frozen=True)
class Case:
    """One malformed input, and what is right.

    Attributes:
        name: tells what is wrong with the input; unique within its generator and seed.
        work: does with it what a user does, in an empty folder, and returns what comes out.
        right: whether a value is right; None where only a refusal is.
        must_work: a refusal is wrong.
    """

    name: str
    work: Callable[[Path], Any]
    right: Callable[[Any], bool] | None = None
    must_work: bool = False
