"""What `fusion doctor` looks at for gap-free NDVI, whatever the engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fusion_assets.cli.diagnosis import Diagnosis, counted
from fusion_assets.imagery.engines.protocol import ExportRequest, NoScenes
from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.systems.ndvi.imagery_requests import optics_request, radar_request

Ask = Callable[[Study, Settings, str, int], ExportRequest]


def look_at_ndvi(
    diagnosis: Diagnosis,
    settings: Settings,
    study: Study,
    count: Callable[[ExportRequest], int],
    at_once: int,
    *needs: str,
) -> None:
    """Count the passes of every region and year, of both sensors; nothing for a study without the section `ndvi`.

    Args:
        diagnosis: to add to.
        settings: of the code location.
        study: see `study.NdviUse`.
        count: scenes of a request, by the chosen engine.
        at_once: requests that may be counted at the same time.
        needs: subjects without which this is not tried.
    """
    if study.ndvi is None:
        return

    def passes(request: ExportRequest) -> int:
        try:
            return count(request)
        except NoScenes:
            return 0  # the gaps of a year without radar are filled without it

    asked = partial(_requests, study, settings, optics_request)
    diagnosis.look("ndvi: passes of sentinel2", partial(counted, asked, count, at_once), *needs)
    if study.ndvi.sentinel1 is not None:
        asked = partial(_requests, study, settings, radar_request)
        diagnosis.look("ndvi: passes of sentinel1", partial(counted, asked, passes, at_once), *needs)


def _requests(study: Study, settings: Settings, ask: Ask) -> list[ExportRequest]:
    return [ask(study, settings, region.name, year) for region in study.regions for year in study.ndvi_years]
