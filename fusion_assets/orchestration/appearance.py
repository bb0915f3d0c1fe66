"""What the web UI says of every asset beside its own text: the code that makes it, and how old it may be."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

_PACKAGE = Path(__file__).parents[1]
_LATE, _OLD = dt.timedelta(days=370), dt.timedelta(days=400)


def code_of(body: Callable[..., Any]) -> dict[str, Any]:
    """Metadata that lead to the function of an asset, in the installed package."""
    code = inspect.unwrap(body).__code__
    label = (
        Path(code.co_filename).relative_to(_PACKAGE).as_posix() if _PACKAGE in Path(code.co_filename).parents else ""
    )
    place = dg.LocalFileCodeReference(
        file_path=code.co_filename, line_number=code.co_firstlineno, label=label or Path(code.co_filename).name
    )
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[place])}


def freshness() -> dg.FreshnessPolicy:
    """Of what is made once a year: a year and five days later it is late, another month on it is old."""
    return dg.FreshnessPolicy.time_window(fail_window=_OLD, warn_window=_LATE)
