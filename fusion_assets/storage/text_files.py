"""Text files that people name themselves: written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from fusion_assets.errors import FusionError


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders that it lies in.

    Raises:
        FusionError: there is no room, or no permission; what was there before is left.
    """
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".", suffix=".part", delete=False
        ) as file:
            part = file.name
            file.write(text)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
        raise FusionError(
            f"{path} cannot be written: {reason}", "a folder that can be written to, with free space", "choose another"
        ) from None
