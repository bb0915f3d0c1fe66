"""Scenes that cannot be used, and why: what `tolerating` leaves out as far as a study allows."""

from __future__ import annotations

from fusion_assets.errors import FusionError
from fusion_assets.redaction import public_url

ATTEMPTS = 3


class UnreadableFile(FusionError):
    """A scene file that could not be read, after retries. `href` says which; `transient`: it may be, a while later."""

    pause: float = 0.0
    """Seconds that its server asks to wait before the next attempt."""

    def __init__(self, href: str, reason: str, transient: bool = False) -> None:
        self.href, self.reason, self.transient = href, reason, transient
        super().__init__(
            f"{public_url(href)} cannot be read after {ATTEMPTS} attempts: {reason}",
            "a complete GeoTIFF",
            "restore the file, or raise `max_unreadable_share` in the study to go on without such scenes",
        )

    def __reduce__(self) -> tuple:
        """Rebuild from its parts, so that it crosses process boundaries."""
        return type(self), (self.href, self.reason, self.transient)


class UnusableScene(UnreadableFile):
    """A scene whose numbers can be read, but not what they mean: using it would make a wrong map.

    Args:
        place: the item or file, with what is wrong with it.
        reason: what was found there.
        expected: what would have been right.
        remedy: what to do.
    """

    def __init__(self, place: str, reason: str, expected: str, remedy: str) -> None:
        self.href, self.reason = place, reason
        FusionError.__init__(
            self,
            f"{public_url(place)}: {reason}",
            expected,
            f"{remedy}; or raise `max_unreadable_share` in the study to go on without such scenes",
        )
        self._remedy = remedy

    def __reduce__(self) -> tuple:
        """Rebuild from its parts, so that it crosses process boundaries."""
        return type(self), (self.href, self.reason, self.expected, self._remedy)
