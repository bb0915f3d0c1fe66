"""Paths that people write, and the content of the files they mean, read within a limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fusion_assets.errors import FusionError

_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
_SHOWN = 200


def path_of(text: str, folder: Path = Path()) -> Path:
    """The path that a person wrote.

    Args:
        text: absolute, relative to the folder, or beginning with `~`.
        folder: see `text`.

    Raises:
        FusionError: no file system can hold such a path, or `~name` of somebody who has no account here.
    """
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise FusionError(
            f"the path {text[:_SHOWN]!a} has a character that no path can have",
            "letters, digits and the like",
            "write the path again",
        )
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:
        name = Path(text).parts[0]
        raise FusionError(
            f"the path {text[:_SHOWN]!r} begins with the home of a user whom this machine does not know",
            "`~/` for your own home, or the name of an account after `~`",
            f"write the folder in full instead of {name[:_SHOWN]}",
        ) from None


def content_of(path: Path, most_bytes: int) -> bytes:
    """The whole content of a regular file. What never ends, such as a device or a pipe, is not begun.

    Args:
        path: of the file.
        most_bytes: that it may have.

    Raises:
        OSError: there is no such file, or it may not be read.
        FusionError: not a regular file, or too long.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "a device")
        raise FusionError(f"{path} is {kind}", "a file", "give the path of a file")
    # Not to wait, should it have become a pipe meanwhile. Files of the kernel's give nothing instead of blocking.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        content = file.read(most_bytes + 1) or b""
    if len(content) > most_bytes:
        raise FusionError(
            f"{path} has more than {most_bytes / 1e6:g} MB", f"at most {most_bytes / 1e6:g} MB", "give a smaller file"
        )
    return content
