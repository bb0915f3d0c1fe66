"""Why an export failed, from the engine's own words, and what to do about it.

Wordings: https://developers.google.com/earth-engine/guides/debugging and the errors of Export tasks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One class of failures.

    Attributes:
        name: `files`, `transient`, `memory`, `quota`, `no_pixels`, `permission` or `other`.
        retried: whether asking again can help; `memory` is asked again with smaller tiles.
        advice: what a person should do.
        pattern: what the engine says.
    """

    name: str
    retried: bool
    advice: str
    pattern: str


_KINDS = (
    Kind(
        "files",
        True,
        "it is asked again; if it keeps failing, see whether something removes or replaces objects in the bucket",
        # Not the engine's words but ours.
        r"^(the task succeeded, but|Earth Engine no longer knows the task, and) ",
    ),
    Kind(
        "memory",
        True,
        "it is asked again with smaller tiles; if it keeps failing, coarsen working_resolution or shorten the season",
        r"memory (limit|capacity)|out of memory|too much memory",
    ),
    Kind(
        "quota",
        False,
        "wait until the project's quota is renewed or raise it, then materialize the export again",
        r"quota|rate limit exceeded for project|too many tasks|billing",
    ),
    Kind(
        "no_pixels",
        False,
        "check the region, the season and the mask: no unmasked pixel was left to export",
        r"no (valid|unmasked)? ?(pixels|data)|empty (image|collection)|no bands|bands: \[\]|image has no|unbounded",
    ),
    Kind(
        "permission",
        False,
        "give the account access to the project, the data set and the bucket; `fusion doctor` names what is missing",
        r"permission|forbidden|not authorized|does not have .*access|access denied|unauthenticated|not registered",
    ),
    Kind(
        "transient",
        True,
        "nothing: it is asked again",
        r"internal error|deadline|timed? ?out|unavailable|try again|backend|connection|preempt|too many concurrent",
    ),
)
OTHER = Kind("other", False, "read the engine's message; correct the study, then materialize the export again", "")


def kind_of(message: str) -> Kind:
    """The kind of a failure, from the engine's message; `other` where the words say nothing known."""
    return next((kind for kind in _KINDS if re.search(kind.pattern, message, re.IGNORECASE)), OTHER)
