"""What speaks against maps or not, in the words that reports and checks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Judgement:
    """One question about maps, and its answer.

    Attributes:
        name: of the check.
        passed: whether nothing speaks against them.
        sentence: what was found, for people.
        facts: figures behind it.
    """

    name: str
    passed: bool
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict)
