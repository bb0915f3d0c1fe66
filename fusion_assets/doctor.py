"""What is configured, what is missing and how to fix it: the findings that `fusion doctor` prints."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fusion_assets.errors import FusionError
from fusion_assets.imagery.storage import Storage
from fusion_assets.role_assets import roles_of
from fusion_assets.settings import Settings
from fusion_assets.study import Role, Study, load_study


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    subject: str
    fine: bool
    text: str


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything a run needs; nothing is computed or changed."""
    findings = [Finding("python", sys.version_info >= (3, 11), sys.version.split()[0])]
    findings += [_package(name) for name in ("tensorflow", "sklearn", "numba", "rasterio", "dagster_webserver")]
    findings.append(_try("storage", lambda: _storage(settings)))
    study: list[Study] = []

    def read() -> str:
        study.append(settings.study if isinstance(settings.study, Study) else load_study(settings.study))
        return f"{study[0].name}: {len(study[0].regions)} regions, {study[0].years[0]} to {study[0].years[-1]}"

    findings.append(_try("study", read))
    for role in roles_of(study[0]) if study else ():
        findings.append(_try(f"scenes of {role}", partial(_scenes, study[0], settings, role)))
    if settings.dask_scheduler:
        findings.append(_try("dask cluster", lambda: _cluster(settings)))
    return findings


def _try(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, look())
    except FusionError as error:
        return Finding(subject, False, str(error))


def _package(name: str) -> Finding:
    found = importlib.util.find_spec(name) is not None
    return Finding(name, found, "installed" if found else "missing; install it with: pip install 'fusion-assets[ui]'")


def _storage(settings: Settings) -> str:
    storage = Storage(settings.storage)
    storage.check_writable()
    return f"{storage.root} can be written"


def _scenes(study: Study, settings: Settings, role: Role) -> str:
    """Scenes of every region, year by year."""
    from fusion_assets.imagery.archive import scenes_for
    from fusion_assets.requests import request_for

    lines = []
    for region in (region.name for region in study.regions):
        years = [year for year in study.years if role != "labels" or year == study.label_year]
        counts = {year: len(scenes_for(request_for(study, settings, role, region, year))) for year in years}
        lines.append(f"{region}: " + ", ".join(f"{count} in {year}" for year, count in counts.items()))
    return "; ".join(lines)


def _cluster(settings: Settings) -> str:
    from fusion_assets.resources import EngineResource

    EngineResource(storage=settings.storage, dask_scheduler=settings.dask_scheduler).connect_dask()
    return f"{settings.dask_scheduler} answers"
