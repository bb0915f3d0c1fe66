"""The one family of errors people meet; their texts hold no secrets."""

from fusion_assets.redaction import redacted


class FusionError(Exception):
    """A problem the user can act on: what was found, what was expected, what to do.

    Args:
        found: what is wrong, with the actual value and where it stands (file, key, path, partition).
        expected: what would have been right.
        remedy: the next thing to do, as an instruction.
    """

    transient: bool = False
    """Whether the same request may succeed a little later, with nothing changed by the user: see `Unreachable`."""

    def __init__(self, found: str, expected: str = "", remedy: str = "") -> None:
        self.found, self.expected, self.remedy = redacted(found), redacted(expected), redacted(remedy)
        lines = [self.found]
        if expected:
            lines.append(f"  expected: {self.expected}")
        if remedy:
            lines.append(f"  to do: {self.remedy}")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type["FusionError"], tuple[str, str, str]]:
        """Rebuild from its three parts, so that the error crosses process boundaries whole."""
        return type(self), (self.found, self.expected, self.remedy)


class Unreachable(FusionError):
    """Something elsewhere that does not answer now, after the attempts of who asked; a whole step may try again later.

    Busy, failing and broken off are such; refused, missing and malformed are not, for they stay so.
    """

    transient = True


class Replaced(FusionError):
    """What was read was being replaced by another run, or has just been: who reads begins again."""
