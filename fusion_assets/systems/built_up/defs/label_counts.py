"""Labels of an archive counted before a run: what `fusion doctor` says of them."""

from __future__ import annotations

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export, ExportRequest
from fusion_assets.imagery.memory import memory_of
from fusion_assets.orchestration.engine_assets import realise
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import Study
from fusion_assets.study.imagery_requests import request_for
from fusion_assets.systems.built_up.defs.labels import labels_of

MOST_PIXELS = 4_000_000
"""Of a region whose labels are read here, some seconds' work. The run itself reads larger ones."""


def count_labels(study: Study, settings: Settings) -> str:
    """Labelled and built-up pixels of every region, read as a run would read them; nothing is written.

    Raises:
        FusionError: a region has no label, or labels of one class only; shows the first error.
    """
    assert study.label_year is not None
    counts, problem = [], None
    for region in study.regions:
        try:
            counts.append(f"{region.name}: {_counted(study, settings, region.name, study.label_year)}")
        except FusionError as error:
            counts.append(f"{region.name}: {error.found}")
            problem = problem or error
    if problem is not None:
        raise FusionError("; ".join(counts), problem.expected, problem.remedy)
    return "; ".join(counts)


def _counted(study: Study, settings: Settings, region: str, year: int) -> str:
    from fusion_assets.systems.built_up.features.labels import check_classes

    request = request_for(study, settings, "labels", region, year)
    pixels = request.grid.height * request.grid.width
    if pixels > MOST_PIXELS:
        return f"not read, for its grid has {pixels} pixels (at most {MOST_PIXELS} are read here)"
    label = _read(study, settings, request)
    check_classes(label)
    return f"{label.sum()} of {len(label)} labelled pixels are built-up ({label.mean():.2%}) in {year}"


def _read(study: Study, settings: Settings, request: ExportRequest) -> np.ndarray:
    """Whether each labelled pixel is built-up."""
    from fusion_assets.imagery.engines.archive.engine import ArchiveEngine, scenes_for
    from fusion_assets.systems.built_up.features.labels import BUILT_UP, NO_DATA

    scenes = tuple(scene.id for scene in scenes_for(request))
    export = Export("doctor", request, scenes, "SUCCEEDED", ArchiveEngine.name, "")
    labelled, _ = realise(
        ArchiveEngine(Storage(settings.storage), memory=memory_of(settings.memory)),
        export,
        lambda pixels, *_: labels_of(study, pixels, request)[BUILT_UP].values,
        study.max_unreadable_share,
    )
    return labelled[labelled != NO_DATA].astype(bool)
