"""From what is wrong in a study file to one `FusionError` a person can act on."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from fusion_assets.errors import FusionError
from fusion_assets.storage.local_files import path_of

_DATE = re.compile(r"(\d{4})(?:-(\d\d?)-(\d\d?)|(\d\d)(\d\d))(?:[Tt ]+[\d:.]+(?: ?[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII)
AT_ONCE = 6
"""Problems listed at once: three lines each fit one screen."""
_MOST_NAMED = 100
"""Findings that are put into words; of more, the rest is counted."""
_LONGEST_WORD = 100


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a study: dotted key, value found, what was expected, what to do."""

    key: str
    found: str
    expected: str
    remedy: str


def wrong(found: str, expected: str, remedy: str) -> PydanticCustomError:
    """What a field validator raises; the key is added from where it is raised."""
    return PydanticCustomError("study", "{found}", {"found": found, "expected": expected, "remedy": remedy})


class Problems(ValueError):
    """What a whole-study validator raises: several problems with their keys."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.key} {problem.found}" for problem in problems))


@contextmanager
def unforeseen(source: str) -> Iterator[None]:
    """Names whatever else goes wrong while a study is read. Tests run without it, so that it hides nothing.

    Args:
        source: name of the file.

    Raises:
        FusionError: in place of any other exception.
    """
    try:
        yield
    except FusionError:
        raise
    except Exception as error:
        raise FusionError(
            f"{source} cannot be read ({type(error).__name__}: {cut(str(error), 200)})",
            "a study whose mistakes are foreseen",
            "compare it with studies/demo.yaml, and please report this message with the file",
        ) from error


def place_of(text: str, folder: Path) -> str:
    """An absolute path, or an address as it is, of what a study names; raises PydanticCustomError.

    Args:
        text: address, absolute path, or one relative to the folder.
        folder: of the study file.
    """
    try:
        path = path_of(text, folder)
        return text if "://" in text else str(path.resolve())
    except FusionError as error:
        raise wrong(f"is {shown(text)}: {error.found}", error.expected, error.remedy) from None
    except (RuntimeError, OSError):  # links that lead in a circle; a name that is too long
        raise wrong(f"is {shown(text)}, which leads nowhere", "the path of a file", "write the path again") from None


def cut(text: str, most: int = 60) -> str:
    """A text in one line of at most so many characters, all of them printable."""
    text = text if len(text) <= most else text[: most - 3] + "..."
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(value: Any) -> str:
    """A value as the study file would spell it, at most 60 characters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # keys of odd kinds, circles, numbers of thousands of digits
        text = f"a {type(value).__name__} that cannot be shown"
    except RecursionError:
        text = "nested too deeply to be shown"
    return cut(text)


def dotted(location: Iterable[int | str]) -> str:
    """`("regions", 1, "bbox")` as `regions[1].bbox`."""
    text = ""
    for part in location:
        name = cut(str(part))
        text += f"[{name}]" if isinstance(part, int) else f".{name}" if text else name
    return text


def close_to(word: str, spellings: Iterable[str]) -> str:
    """The known spelling closest to a word, or nothing."""
    return next(iter(difflib.get_close_matches(str(word)[:_LONGEST_WORD].lower(), list(spellings), 1, 0.6)), "")


_WANTED = {
    "string_type": "text, in quotes if it looks like a number or true/false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list: [a, b] or lines that begin with a dash",
    "list_type": "a list: [a, b] or lines that begin with a dash",
    "dict_type": "a mapping: indented `key: value` lines",
    "model_type": "a mapping: indented `key: value` lines",
    "model_attributes_type": "a mapping: indented `key: value` lines",
}


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every finding of pydantic on a study, in our words."""
    problems: list[Problem] = []
    for number, finding in enumerate(error.errors(include_url=False)):
        location, kind, context = finding["loc"], finding["type"], finding.get("ctx", {})
        inner = context.get("error")
        key = dotted(location) or "the study"
        if number >= _MOST_NAMED:
            problems.append(Problem(key, "is wrong, too", "", ""))
        elif isinstance(inner, Problems):
            problems += inner.problems
        elif kind == "study":
            problems.append(Problem(key, context["found"], context["expected"], context["remedy"]))
        elif kind == "extra_forbidden":
            names = list(_model_at(model, location[:-1]).model_fields)
            close = close_to(str(location[-1]), names)
            hint = f"did you mean `{close}`? Rename it, or remove it" if close else "remove it"
            problems.append(Problem(key, "is not a known key", "one of " + ", ".join(names), hint))
        elif kind == "invalid_key" or not any(isinstance(part, str) for part in location):
            fields = ", ".join(_model_at(model, location[:-1]).model_fields)
            name = finding["input"]
            at = dotted(location[:-1]) or "the study"
            found = f"has the key {shown(name)}, which is no text"
            problems.append(Problem(at, found, f"one of {fields}", "rename or remove it"))
        else:
            found = "is missing" if kind == "missing" else f"is {shown(finding['input'])}"
            problems.append(_generic(model, location, kind, found, context))
    return problems


def _generic(
    model: type[BaseModel], location: tuple[int | str, ...], kind: str, found: str, context: dict[str, Any]
) -> Problem:
    """A problem worded from the field's own description and example."""
    names = [part for part in location if isinstance(part, str)]
    holder = _model_at(model, location[: max((i for i, part in enumerate(location) if part == names[-1]), default=0)])
    field = holder.model_fields.get(names[-1]) if names else None
    expected = _WANTED.get(kind) or (f"one of {context['expected']}" if kind == "literal_error" else "")
    about = (field.description if field else "") or ""
    expected = "; ".join(part for part in (expected, about) if part) or "a value of another kind"
    example = shown(field.examples[0]) if field and field.examples else ""
    options = re.findall(r"'([^']+)'", context["expected"]) if kind == "literal_error" else ()
    if close := close_to(found.removeprefix("is ").strip('"'), options):
        return Problem(dotted(location), found, expected, f"did you mean {close}?")
    remedy = f"write for example `{names[-1]}: {example}`" if example else "correct the value, or remove the key"
    return Problem(dotted(location) or "the study", found, expected, remedy)


def _model_at(model: type[BaseModel], location: Iterable[int | str]) -> type[BaseModel]:
    """The model that a location in a study belongs to, followed through lists and optional fields."""
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is not None:
            model = next(iter(_models_in(field.annotation)), model)
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def as_error(source: str, problems: Sequence[Problem]) -> FusionError:
    """One error that names file, key, value, expectation and remedy of every problem (the first `AT_ONCE` in full)."""
    if len(problems) == 1:
        only = problems[0]
        return FusionError(f"{source}: {only.key} {only.found}", only.expected, only.remedy)
    lines = [f"{source} has {len(problems)} problems"]
    for number, problem in enumerate(problems[:AT_ONCE], 1):
        lines.append(f" {number}. {problem.key} {problem.found}")
        lines.append(f"    expected: {problem.expected}")
        lines.append(f"    to do: {problem.remedy}")
    rest = [problem.key for problem in problems[AT_ONCE:]]
    if rest:
        lines.append(f" and {len(rest)} more: " + ", ".join(rest[:8]) + (", ..." if len(rest) > 8 else ""))
    return FusionError("\n".join(lines), remedy="correct these keys in the study file and run the command again")


def as_date(value: object) -> dt.date | None:
    """A date from YYYY-MM-DD or YYYYMMDD text, whatever time follows, or from a date; None when it is neither."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    parts = (
        _DATE.fullmatch(str(value)) if isinstance(value, str) or (type(value) is int and abs(value) < 10**8) else None
    )
    try:
        return dt.date(*(int(part) for part in parts.groups() if part)) if parts else None
    except ValueError:
        return None
