"""What a run found of night radiance: errors of every method beside interpolation, and which was chosen and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from fusion_assets.settings import Settings
from fusion_assets.storage.documents import read_document
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage
from fusion_assets.study import Study
from fusion_assets.systems.night_radiance.imagery_requests import EVALUATION, REPORT
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY
from fusion_assets.systems.night_radiance.scores import BASELINE
from fusion_assets.systems.night_radiance.section import years_of
from fusion_assets.systems.night_radiance.tables import interval

_COLUMNS = {"rmse": "RMSE", f"to_{BASELINE}": "to interpolation", f"to_{NO_IMAGERY}": "to no imagery"}


def summary(study: Study, settings: Settings) -> str:
    """Text for the end of a run; empty where nothing was compared."""
    storage, lines = Storage(settings.storage), []
    for year in years_of(study):
        path = storage.path(EVALUATION, None, year, "json")
        if storage.exists(path):
            with as_written(f"{EVALUATION} of {year}", f"make it anew: fusion run --select {EVALUATION}"):
                lines += ["", *_lines(year, read_document(storage, path, "fusion run")[0])]
    return "\n".join(lines)


def _lines(year: int, document: Mapping[str, Any]) -> Iterator[str]:
    wald = document["wald"]
    yield f"Night radiance {year}"
    yield "  the product's cells, found again from cells four times as coarse in places not learnt from;"
    yield f"  {wald['cells']:,} cells, {wald['groups']} blocks resampled; nW/cm2/sr, with 95 % intervals:"
    rows = [("", *_COLUMNS.values())]
    for name in (name for name in METHODS if name in wald["methods"]):
        rows.append((METHODS[name].text, *(interval(wald["methods"][name][key]) for key in _COLUMNS)))
    yield from (f"  {a:<46}{b:>24}{c:>24}{d:>24}".rstrip() for a, b, c, d in rows)
    chosen = f"chosen: {METHODS[document['method']].text}; {document['why']}; rounds: {document['rounds']}"
    yield from textwrap.wrap(chosen, 110, initial_indent="  ", subsequent_indent="  ")


def reports(study: Study, settings: Settings) -> list[str]:
    """Where the reports of a study's regions lie, as far as they have been made."""
    storage = Storage(settings.storage)
    paths = [storage.path(REPORT, region.name, None, "html") for region in study.regions]
    return [path for path in paths if storage.exists(path)]
