"""Local climate zones in a study: which labelled patches, which networks are compared, how, and where zones are mapped.

A study without the section has none of the assets.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StrictInt, ValidationInfo, field_validator, model_validator

from fusion_assets.study import Study
from fusion_assets.study.mistakes import Problem, shown, wrong
from fusion_assets.study.regions import Section
from fusion_assets.study.sections import SystemSection
from fusion_assets.systems.climate_zones.channels import CHANNELS, MAPPABLE, SPLITS, branches_of
from fusion_assets.systems.climate_zones.networks import SUM
from fusion_assets.systems.climate_zones.training import PRESETS, Preset

DEMO = "demo"
"""Source of patches that are synthetic, and made when they are asked for."""
Setting = Literal["random", "block", "city", "published"]
Split = Literal["radar", "optical", "sensors", "physical"]
Stage = Annotated[StrictInt, Field(ge=0, le=SUM)]


class ClimateZonesUse(Section):
    """What is compared and mapped.

    Attributes:
        source: folder of So2Sat's files (`.h5`), or `demo`.
        settings: ways to hold patches back.
        splits: of channels among branches.
        stages: after how many blocks branches are joined.
        seeds: trainings of each; in the setting `city` each tests other cities.
        preset: `quick` or `published`.
        matched: whether networks that join late are also trained as narrow as those that join at once.
        radar: `db` or `raw`; None: as the preset.
        weights: of classes; None: as the preset.
        channels: `all`, or those that exist over whole cities.
    """

    source: str = Field(description="folder of So2Sat's .h5 files, or demo", examples=["so2sat/v4"])
    settings: tuple[Setting, ...] = Field(
        ("random", "city"), description=f"of {', '.join(get_args(Setting))}", examples=[["random", "city"]]
    )
    splits: tuple[Split, ...] = Field(("sensors",), description=f"of {', '.join(SPLITS)}", examples=[["sensors"]])
    stages: tuple[Stage, ...] = Field((0, 3, 6), description="0 to 6", examples=[[0, 3, 6]])
    seeds: StrictInt = Field(5, ge=1, le=100, description="trainings of each network", examples=[5])
    preset: Literal["quick", "published"] = Field("quick", description="quick or published", examples=["quick"])
    matched: bool = Field(False, description="also networks of equal size", examples=[True])
    radar: Literal["db", "raw"] | None = Field(None, description="db or raw", examples=["db"])
    weights: Literal["balanced", "none"] | None = Field(None, description="balanced or none", examples=["balanced"])
    channels: Literal["all", "mappable"] = Field("all", description="all or mappable", examples=["mappable"])
    folder: Path = Field(default=Path(), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, value: Any, info: ValidationInfo) -> Any:
        return {**value, "folder": (info.context or {}).get("folder", Path())} if isinstance(value, dict) else value

    @field_validator("source", mode="before")
    @classmethod
    def _source(cls, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise wrong(f"is {shown(value)}", "a folder of .h5 files, or demo", "write for example source: demo")
        return value

    @field_validator("settings", "splits", "stages", mode="before")
    @classmethod
    def _several(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, list | tuple) or not value or len(set(map(str, value))) < len(value):
            example = (cls.model_fields[str(info.field_name)].examples or [])[0]
            raise wrong(f"is {shown(value)}", "a list that names each once", f"write for example {example}")
        return tuple(value)

    @property
    def files(self) -> Path | None:
        """Folder of So2Sat's files, relative to the study file; None for the synthetic ones."""
        return None if self.source == DEMO else self.folder / Path(self.source).expanduser()

    @property
    def read(self) -> tuple[str, ...]:
        """Channels that networks read."""
        return CHANNELS if self.channels == "all" else MAPPABLE

    @property
    def training(self) -> Preset:
        """How networks are trained."""
        changed = {name: value for name in ("radar", "weights") if (value := getattr(self, name)) is not None}
        return dataclasses.replace(PRESETS[self.preset], **changed)


def section_of(study: Study) -> ClimateZonesUse | None:
    """The section `climate_zones` of a study; None where it has none."""
    return study.section("climate_zones")


def use_of(study: Study) -> ClimateZonesUse:
    """The section `climate_zones` of a study that has one."""
    section = section_of(study)
    assert section is not None
    return section


def problems(study: Study, _: dt.date) -> Iterator[Problem]:
    """What does not fit together, or is not there."""
    section = section_of(study)
    if section is None:
        return
    if section.files is not None and not section.files.is_dir():
        yield Problem(
            "climate_zones.source",
            f"is {section.source}, and there is no such folder",
            "a folder of So2Sat's .h5 files, or demo",
            "correct the path, which is relative to the study file",
        )
    empty = [split for split in section.splits if len(branches_of(split, section.read)) < 2 and max(section.stages)]
    if empty:
        yield Problem(
            "climate_zones.splits",
            f"holds {', '.join(empty)}, which is one branch of mappable channels: there is nothing to join",
            "splits of several branches",
            "leave it out, compare stage 0 alone, or set channels: all",
        )


CLIMATE_ZONES_SECTION = SystemSection(
    ClimateZonesUse, "local climate zones and the stage of fusion", {"source": "so2sat/v4"}, problems
)
