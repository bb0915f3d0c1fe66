"""Sections of a study file that belong to systems: each says what it looks like, and what must hold of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from fusion_assets.study.mistakes import Problem
from fusion_assets.study.regions import Section

if TYPE_CHECKING:
    from fusion_assets.study import Study


@dataclass(frozen=True)
class SystemSection:
    """One key of the study file.

    Attributes:
        model: what stands under it.
        description: what it is, for errors.
        example: of what stands under it.
        problems: (study, today) to what does not fit together with the rest of the study.
    """

    model: type[Section]
    description: str
    example: Any
    problems: Callable[[Any, dt.date], Iterator[Problem]]


Sections = Mapping[str, SystemSection]
_models: dict[tuple[Any, ...], Any] = {}


def study_model(base: type[Study], sections: Sections) -> type[Study]:
    """The model of study files that may have these sections."""
    key = (base, *sections.items())
    try:
        return _models[key]
    except KeyError:
        pass
    except TypeError:  # an example that is a list or a mapping
        key = (base, *((name, id(section)) for name, section in sections.items()))
    fields: dict[str, Any] = {
        name: (section.model | None, Field(None, description=section.description, examples=[section.example]))
        for name, section in sections.items()
    }
    model = create_model(base.__name__, __base__=base, __module__=base.__module__, **fields)
    model.sections = dict(sections)
    _models[key] = model
    return model
