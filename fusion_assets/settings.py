"""What comes from the environment: which study, engine, archive and storage. One place, with working defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from fusion_assets.errors import FusionError
from fusion_assets.imagery.memory import memory_of

DEMO_ARCHIVE = "demo-archive/catalog.json"
ENGINES = ("archive", "earth_engine", "sentinel_hub")


@dataclass(frozen=True)
class Settings:
    """Settings of one code location.

    Attributes:
        study: FUSION_STUDY: name of a study that comes with the package, or path of a study file.
        engine: FUSION_ENGINE: one of `ENGINES`. `sentinel_hub` reads its own variables, SH_*, where it asks.
        archive: FUSION_ARCHIVE: path of a STAC catalog or address of a STAC API.
        storage: FUSION_STORAGE: directory or fsspec URL for all artifacts.
        dask_scheduler: FUSION_DASK_SCHEDULER: address of a dask.distributed scheduler; empty computes in threads here.
        memory: FUSION_MEMORY: what composites may take of this machine's memory (`4GB`); empty takes a quarter.
        ee_project: EE_PROJECT: Google Cloud project that Earth Engine bills; empty takes the credential's own.
        ee_url: EE_URL: address of the Earth Engine API; empty is the public one.
        ee_bucket: FUSION_EE_BUCKET: Cloud Storage bucket for Earth Engine's tasks; empty fetches pixels directly.
        on_failure: FUSION_ON_FAILURE: `module:function` that is told of every run that fails; empty tells nobody.
    """

    study: Any = "demo"
    engine: str = "archive"
    archive: str = DEMO_ARCHIVE
    storage: str = "./data"
    dask_scheduler: str = ""
    memory: str = ""
    ee_project: str = ""
    ee_url: str = ""
    ee_bucket: str = ""
    on_failure: str = ""

    @classmethod
    def from_environment(cls, overrides: Mapping[str, Any] | None = None) -> Settings:
        """Settings from environment variables; unset and empty ones keep their default, `overrides` win.

        Raises:
            FusionError: an override that is no setting, an engine that does not exist, an amount that is none.
        """
        names = [field.name for field in fields(cls)]
        given = {name: os.environ[key] for name in names if os.environ.get(key := _variable(name))}
        unknown = sorted(set(overrides or {}) - set(names))
        if unknown:
            raise FusionError(f"unknown settings {', '.join(unknown)}", ", ".join(names), "leave them out")
        settings = replace(cls(), **{**given, **(overrides or {})})
        if settings.engine not in ENGINES:
            raise FusionError(
                f"FUSION_ENGINE is {settings.engine!r}", f"one of {', '.join(ENGINES)}", "set it to one of them"
            )
        if settings.dask_scheduler and not re.fullmatch(r"(\w+://)?[\w.\-\[\]:]+:\d+", settings.dask_scheduler):
            raise FusionError(
                f"FUSION_DASK_SCHEDULER is {settings.dask_scheduler!r}",
                "the address of a scheduler, such as tcp://127.0.0.1:8786",
                "correct it, or unset it to compute here",
            )
        memory_of(settings.memory)
        return replace(settings, archive=absolute(settings.archive), storage=absolute(settings.storage))


def _variable(name: str) -> str:
    # EE_PROJECT and EE_URL are Earth Engine's own names.
    return name.upper() if name in ("ee_project", "ee_url") else f"FUSION_{name.upper()}"


def absolute(place: str) -> str:
    """A local path made absolute, so that every process of an instance means the same place; URLs as they are.

    Raises:
        FusionError: it begins with `~` and a user whose home cannot be told.
    """
    try:
        return place if "://" in place else str(Path(place).expanduser().absolute())
    except RuntimeError:
        raise FusionError(f"the path {place!r} names the home of nobody here", "a path", "write it in full") from None
