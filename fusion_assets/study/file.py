"""Finding and reading a study's YAML file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from fusion_assets.errors import FusionError
from fusion_assets.study.mistakes import close_to

STUDIES = Path(__file__).parent.parent / "studies"
_ENDINGS = (".yaml", ".yml")


def find_study(name_or_path: str | Path) -> Path:
    """The file of a study: a bare name is looked up among the package's own, anything else is a path.

    Raises:
        FusionError: there is no such file; names the studies there are.
    """
    text = str(name_or_path).strip()
    path = Path(text).expanduser()
    is_name = bool(text) and path.name == text and path.suffix not in _ENDINGS
    if is_name:
        path = STUDIES / f"{text}.yaml"
    if text and path.is_file():
        return path
    names = sorted(file.stem for file in STUDIES.glob("*.yaml"))
    close = close_to(text, names)
    what = "is a folder" if path.is_dir() and not is_name else "does not exist"
    raise FusionError(
        f"study {text!r} {what}" + ("" if is_name else f" (looked for {path.absolute()})"),
        f"the path of a .yaml file, or a name: {', '.join(names)}",
        f"did you mean {close}?" if close and close != text else "set FUSION_STUDY to the path of your study file",
    )


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads what is written: a key given twice is an error, and only few spellings are not text.

    PyYAML would silently keep the last of two keys, take `NO`, `on` and `y` for true or false, `0123` for an octal and
    `12:30` for a number to the base of 60.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping, refusing repeated keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                problem = f"the key `{key}` is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key if isinstance(key, Hashable) else str(key))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
# A spelling, the type it stands for and the characters that it may begin with; all else is text, dates too.
for _type, _spelling, _begins in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)[eE][-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(rf"^(?:{_spelling})$"), _begins)


def read_yaml(path: Path) -> Any:
    """Parsed content of a YAML file.

    Raises:
        FusionError: unreadable, not UTF-8 (or UTF-16 that says so), or not YAML; names the line.
    """
    try:
        return yaml.load(_text(path.read_bytes()), _Loader)
    except OSError as error:
        raise FusionError(
            f"{path} cannot be read: {error.strerror}", "a readable file", "check its permissions"
        ) from None
    except UnicodeDecodeError:
        raise FusionError(f"{path} is not text in UTF-8", "a YAML file in UTF-8", "save it as UTF-8") from None
    except RecursionError:
        raise FusionError(
            f"{path} is nested too deeply", "YAML of a few levels: `key: value` lines", "look for brackets left open"
        ) from None
    except (yaml.YAMLError, ValueError) as error:  # PyYAML lets ValueError through where a tag does not fit
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FusionError(
            f"{path}{where}: {getattr(error, 'problem', None) or error}",
            "valid YAML: `key: value` lines, indented with spaces, each key once",
            "correct that line (a missing colon, quote or bracket may be on the line before)",
        ) from None


def _text(content: bytes) -> str:
    """Text without the mark that Windows' editors put before it."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig")
