"""Finding and reading a study's YAML file.

What belongs here: names, paths, YAML syntax. What does not: what the content means (`study.py`).
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from fusion_assets.errors import FusionError
from fusion_assets.study.errors import close_to

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
    known = sorted(file.stem for file in STUDIES.glob("*.yaml"))
    close = close_to(text, known)
    what = "is a folder" if path.is_dir() and not is_name else "does not exist"
    raise FusionError(
        f"study {text!r} {what}" + ("" if is_name else f" (looked for {path.absolute()})"),
        f"the path of a .yaml file, or a name: {', '.join(known)}",
        f"did you mean {close}?" if close and close != text else "set FUSION_STUDY to the path of your study file",
    )


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is an error: plain YAML would silently keep the last."""

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


def read_yaml(path: Path) -> Any:
    """Parsed content of a YAML file.

    Raises:
        FusionError: unreadable, not UTF-8, or not YAML; names the line.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise FusionError(
            f"{path} cannot be read: {error.strerror}", "a readable file", "check its permissions"
        ) from None
    except UnicodeDecodeError:
        raise FusionError(f"{path} is not text in UTF-8", "a YAML file in UTF-8", "save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:  # PyYAML lets ValueError through for impossible dates
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FusionError(
            f"{path}{where}: {getattr(error, 'problem', None) or error}",
            "valid YAML: `key: value` lines, indented with spaces, each key once",
            "correct that line (a missing colon, quote or bracket may be on the line before)",
        ) from None
