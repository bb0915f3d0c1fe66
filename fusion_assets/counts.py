"""How many of what, as people write it."""

from __future__ import annotations


def number_of(count: int, one: str, several: str = "") -> str:
    """A number and its noun: `1 region`, `2 regions`, `10,000 pixels`.

    Args:
        count: 0 or more.
        one: the noun.
        several: its plural, where that is not the noun and an s.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
