"""Sections of a study file that belong to systems: each says what it looks like, and what must hold of it."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from fusion_assets.study.mistakes import Problem
from fusion_assets.study.regions import Section

if TYPE_CHECKING:
    from fusion_assets.study import Study
    from fusion_assets.study.vectors import VectorMap


# Compared by identity, so that models are kept by it: examples may be mappings, which have no hash.
@dataclass(frozen=True, eq=False)
class SystemSection:
    """One key of the study file.

    Attributes:
        model: what stands under it.
        description: what it is, for errors.
        example: of what stands under it.
        problems: (study, today) to what does not fit together with the rest of the study.
        vectors: study to the map of vectors that this section makes, which others may take as features; None where it
            makes none.
        destinations: keys in it that say where results are sent: optional ones, and no digest depends on them.
    """

    model: type[Section]
    description: str
    example: Any
    problems: Callable[[Any, dt.date], Iterator[Problem]]
    destinations: tuple[str, ...] = ()
    vectors: Callable[[Any], VectorMap | None] | None = None


Sections = Mapping[str, SystemSection]


def study_model(base: type[Study], sections: Sections) -> type[Study]:
    """The model of study files that may have these sections."""
    return _model(base, tuple(sections.items()))


@functools.cache
def _model(base: type[Study], sections: tuple[tuple[str, SystemSection], ...]) -> type[Study]:
    fields: dict[str, Any] = {
        name: (section.model | None, Field(None, description=section.description, examples=[section.example]))
        for name, section in sections
    }
    model = create_model(base.__name__, __base__=base, __module__=base.__module__, **fields)
    model.sections = dict(sections)
    return model
