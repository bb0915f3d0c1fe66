"""Finding and reading a study's YAML file."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Any

import yaml

from fusion_assets.errors import FusionError
from fusion_assets.storage.local_files import content_of, path_of
from fusion_assets.study.mistakes import close_to, cut
from fusion_assets.study.plain_yaml import read_plain

STUDIES = Path(__file__).parent.parent / "studies"
_ENDINGS = (".yaml", ".yml")
_MOST_BYTES = 8_000_000
"""Of a study file; an outline of 130,000 corners fits in."""


def find_study(name_or_path: str | Path) -> Path:
    """The file of a study: a bare name is looked up among the package's own, anything else is a path.

    Raises:
        FusionError: there is no such file; names the studies there are.
    """
    text = str(name_or_path).strip()
    path = path_of(text)
    is_name = bool(text) and path.name == text and path.suffix not in _ENDINGS
    if is_name:
        path = STUDIES / f"{text}.yaml"
    if text and os.path.isfile(path):
        return path
    names = sorted(file.stem for file in STUDIES.glob("*.yaml"))
    close = close_to(text, names)
    if is_name:
        close = next((f"{text}{ending}" for ending in _ENDINGS if os.path.isfile(f"{text}{ending}")), close)
    what = "does not exist"
    if is_name and os.path.isfile(text):
        what = "is a file, but no study"
    if not is_name and os.path.exists(path):
        what = "is a folder" if os.path.isdir(path) else "is a device or a pipe, no file"
    raise FusionError(
        f"study {cut(text, 300)!r} {what}" + ("" if is_name else f" (looked for {cut(str(path.absolute()), 300)})"),
        f"the path of a .yaml file, or a name: {', '.join(names)}",
        f"did you mean {close}?" if close and close != text else "set FUSION_STUDY to the path of your study file",
    )


def read_yaml(path: Path) -> Any:
    """Parsed content of a YAML file.

    Raises:
        FusionError: unreadable, too long, not UTF-8 (or UTF-16 that says so), or not YAML; names the line.
    """
    try:
        return read_plain(_text(content_of(path, _MOST_BYTES)))
    except OSError as error:
        raise FusionError(
            f"{path} cannot be read: {error.strerror}", "a readable file", "check its permissions"
        ) from None
    except UnicodeDecodeError:
        raise FusionError(f"{path} is not text in UTF-8", "a YAML file in UTF-8", "save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FusionError(
            f"{path}{where}: {_problem(error)}",
            "valid YAML: `key: value` lines, indented with spaces, each key once",
            "correct that line (a missing colon, quote or bracket may be on the line before)",
        ) from None


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, in the same words whichever part of the parser notices it."""
    problem = str(getattr(error, "problem", None) or error)
    return "nested too deeply" if "nesting" in problem else problem


def _text(content: bytes) -> str:
    """Text without the mark that Windows' editors put before it."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig")
