"""How a study wants its exports run on Earth Engine. No pixel depends on any of it."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from fusion_assets.study.mistakes import shown, wrong
from fusion_assets.study.regions import Section

_TAG = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
"""What Earth Engine allows: https://developers.google.com/earth-engine/guides/monitoring_usage#workload_tags."""


class EarthEngineUse(Section):
    """How exports are run; every key has a default.

    Attributes:
        way: `direct` (pixels asked for and answered), `batch` (tasks that write to a bucket), or `auto`: batch where
            there is a bucket and one request does not suffice.
        most_tasks: tasks of ours that may wait or run at once in the project; None leaves it to Earth Engine's queue.
        when_full: `wait` for a place in the queue, or `stop` with an error.
        priority: of tasks, 0 to 9999, higher first; None is Earth Engine's 100.
        workload_tag: under which Earth Engine books the cost; None: the study's name.
    """

    way: Literal["auto", "direct", "batch"] = Field("auto", description="how pixels come", examples=["batch"])
    most_tasks: int | None = Field(
        None, ge=1, le=3000, description="tasks at once, 1 to 3000: the length of Earth Engine's queue", examples=[20]
    )
    when_full: Literal["wait", "stop"] = Field("wait", description="what to do at that limit", examples=["stop"])
    priority: int | None = Field(None, ge=0, le=9999, description="0 to 9999, higher first", examples=[100])
    workload_tag: str | None = Field(None, description="tag of the cost report", examples=["bagmati"])

    @field_validator("workload_tag")
    @classmethod
    def _tag(cls, value: str | None) -> str | None:
        if value is not None and not _TAG.fullmatch(value):
            form = "1 to 63 lower-case letters, digits, `-` or `_`, beginning and ending with a letter or digit"
            raise wrong(f"is {shown(value)}", form, f"write for example {workload_tag(value)}")
        return value


def workload_tag(name: str) -> str:
    """A name as a workload tag: other characters become `-`."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:63].strip("-_") or "fusion"
