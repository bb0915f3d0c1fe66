"""Scenes that cannot be read are left out as far as a study tolerates: one rule for composites and for series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.unreadable import UnreadableFile

_SHOWN = 10
_T = TypeVar("_T")


def tolerating(
    make: Callable[[Mapping[str, str]], _T],
    readability: Callable[[], Mapping[str, UnreadableFile | None]],
    place: str,
    tolerance: float,
) -> tuple[_T, list[str]]:
    """What `make` makes; if a file cannot be read, again without all scenes that cannot be read.

    A scene is left out whole, never tile by tile: every pixel rests on the same scenes.

    Args:
        make: given the scenes to leave out (id to a line saying why), none at first.
        readability: every scene by id, and why it cannot be read or None.
        place: for the error: which partition.
        tolerance: largest share of scenes that may be unreadable, 0 to 1.

    Returns:
        What was made and, for each scene left out, a line saying why.

    Raises:
        Unreachable: more scenes unreadable than tolerated, some of which may be readable later.
        FusionError: more scenes unreadable than tolerated; names the files.
    """
    try:
        return make({}), []
    except UnreadableFile as error:
        first = error
    try:
        left_out = tolerated(readability(), place, tolerance)
    except FusionError as error:
        raise error from first
    return make(left_out), list(left_out.values())


def tolerated(readability: Mapping[str, UnreadableFile | None], place: str, tolerance: float) -> dict[str, str]:
    """Scenes that are left out, each with a line saying why.

    Args:
        readability: every scene by id, and why it cannot be read or None.
        place: for the error: which partition.
        tolerance: see `tolerating`.

    Raises:
        Unreachable: more than tolerated, some of which may be readable later.
        FusionError: more than tolerated; names the files.
    """
    problems = {scene: problem for scene, problem in sorted(readability.items()) if problem}
    left_out = {scene: f"{scene}: {problem.found}" for scene, problem in problems.items()}
    if not left_out or len(left_out) / len(readability) <= tolerance:
        return left_out
    lines = list(left_out.values())
    shown = "\n    ".join(lines[:_SHOWN] + ([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []))
    kind = Unreachable if any(problem.transient for problem in problems.values()) else FusionError
    raise kind(
        f"{len(lines)} of {len(readability)} scenes of {place} cannot be read:\n    {shown}",
        f"at most {tolerance:.0%} unreadable scenes (max_unreadable_share in the study)",
        next(iter(problems.values())).remedy,
    )
