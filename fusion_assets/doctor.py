"""What is configured, what is missing and how to fix it: the findings that `fusion doctor` prints.

Belongs here: what is looked at, in which order, and what rests on what. How Earth Engine is looked at is in
`imagery/earth_engine/access.py`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

from fusion_assets.errors import FusionError
from fusion_assets.imagery.earth_engine import Connection
from fusion_assets.imagery.exports import ExportRequest
from fusion_assets.imagery.storage import Storage
from fusion_assets.outlines import configured_study
from fusion_assets.requests import mask_of, request_for
from fusion_assets.role_assets import roles_of
from fusion_assets.settings import Settings
from fusion_assets.study import Region, Role, Study

_AT_ONCE = 8
"""Questions that are put to Earth Engine at the same time."""


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        subject: what was looked at.
        state: `ok`, `FAIL`, or `--` where it was not tried because of another finding.
        text: what was found and, where that is wrong, what to do.
    """

    subject: str
    state: Literal["ok", "FAIL", "--"]
    text: str

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return self.state == "ok"


class Diagnosis:
    """Findings in the order in which they were looked for."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def look(self, subject: str, work: Callable[[], str], *needs: str) -> None:
        """Add a finding; one that needs another subject is not tried where that was not fine."""
        fine = {finding.subject for finding in self.findings if finding.fine}
        missing = next((need for need in needs if need not in fine), None)
        if missing is not None:
            self.findings.append(Finding(subject, "--", f"not tried: first see to {missing}"))
            return
        try:
            self.findings.append(Finding(subject, "ok", work()))
        except FusionError as error:
            self.findings.append(Finding(subject, "FAIL", str(error)))


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything a run needs. Nothing is computed; what is tried out leaves nothing behind but outlines."""
    diagnosis = Diagnosis()
    diagnosis.look("python", lambda: sys.version.split()[0])
    for name in ("tensorflow", "sklearn", "numba", "rasterio"):
        diagnosis.look(name, partial(_package, name, "fusion-assets"))
    diagnosis.look("dagster_webserver", partial(_package, "dagster_webserver", "fusion-assets[ui]"))
    diagnosis.look("storage", partial(_storage, settings))
    study: list[Study] = []

    def read() -> str:
        study.append(configured_study(settings))
        return f"{study[0].name}: {len(study[0].regions)} regions, {study[0].years[0]} to {study[0].years[-1]}"

    diagnosis.look("study", read)
    looking = _look_at_earth_engine if settings.engine == "earth_engine" else _look_at_archive
    looking(diagnosis, settings, study[0] if study else None)
    if study and study[0].reference_sample is not None:
        diagnosis.look("reference sample", partial(_reference, study[0], settings), *_outlines_of(study[0]))
    if settings.dask_scheduler:
        diagnosis.look("dask cluster", partial(_cluster, settings))
    return diagnosis.findings


def _look_at_archive(diagnosis: Diagnosis, settings: Settings, study: Study | None) -> None:
    from fusion_assets.imagery.archive import scenes_for

    if study is None:
        return
    drawn = _look_at_outlines(diagnosis, study)
    for role in roles_of(study):
        requests = partial(_requests, study, settings, role)
        count = partial(_counted, requests, lambda request: len(scenes_for(request)), 1)
        diagnosis.look(f"scenes of {role}", count, *drawn)


def _look_at_earth_engine(diagnosis: Diagnosis, settings: Settings, study: Study | None) -> None:
    from fusion_assets.imagery.earth_engine import access, shards
    from fusion_assets.imagery.earth_engine.scenes import CLOUD_SCORE_PLUS, find_scenes, is_linked

    connection = access.Once(settings.ee_project, settings.ee_url)
    look = diagnosis.look
    look("earthengine-api", partial(access.package, "earthengine-api"))
    look("endpoint", partial(access.endpoint, connection), "earthengine-api")
    look("credentials", partial(access.credentials, connection), "earthengine-api")
    look("project", partial(access.project, connection), "endpoint", "credentials")
    look("Earth Engine", partial(access.answers, connection), "project")
    if study is None:
        return
    use = study.earth_engine
    look("tasks", partial(access.queue, connection, use.most_tasks, use.when_full == "wait"), "Earth Engine")
    if settings.ee_bucket:
        look("gcsfs", partial(access.package, "gcsfs"))

        def bucket() -> str:
            folder = settings.ee_bucket if "://" in settings.ee_bucket else f"gs://{settings.ee_bucket}"
            access.within(partial(shards.check_bucket, folder), f"the bucket {settings.ee_bucket}")
            return (
                f"{settings.ee_bucket} can be written and read from here; Earth Engine's tasks write there in the name "
                "of the credentials above, which need the role Storage Object Admin there"
            )

        look("bucket", bucket, "gcsfs", "credentials")
    else:
        look("bucket", partial(_no_bucket, use.way))
    drawn = _look_at_outlines(diagnosis, study, "Earth Engine")
    for role in roles_of(study):
        requests = partial(_requests, study, settings, role)
        look(f"collection of {role}", partial(_collection, requests, connection), "Earth Engine", *drawn)
        count = partial(_counted, requests, lambda request: len(find_scenes(request, connection).ids), _AT_ONCE)
        look(f"scenes of {role}", count, f"collection of {role}")
        if is_linked(mask_of(study.use(role))):
            look("Cloud Score+", partial(access.readable, CLOUD_SCORE_PLUS, connection), "Earth Engine")
            count = partial(_counted, requests, lambda request: access.scores(request, connection), _AT_ONCE)
            look(f"scores of {role}", count, "Cloud Score+")


def _look_at_outlines(diagnosis: Diagnosis, study: Study, *needs: str) -> tuple[str, ...]:
    """Look up the outlines that Earth Engine keeps; returns what their users need."""
    needed = _outlines_of(study)
    if needed:
        far = [region for region in study.regions if not region.outline_is_local]
        diagnosis.look("outlines", partial(_outlines, far), *needs)
    return needed


def _outlines(regions: list[Region]) -> str:
    from fusion_assets.imagery.earth_engine import access

    for region in regions:
        access.within(partial(getattr, region, "polygon"), f"the outline of {region.name}")
    return ", ".join(region.name for region in regions)


def _outlines_of(study: Study) -> tuple[str, ...]:
    """What all that needs outlines needs."""
    return () if all(region.outline_is_local for region in study.regions) else ("outlines",)


def _reference(study: Study, settings: Settings) -> str:
    from fusion_assets.built_up.reference import reference_of

    parts = []
    for region in study.regions:
        points = reference_of(study, settings.archive, region.name)
        assert points is not None
        counts = ", ".join(f"{count} in {year}" for year, count in points.groupby("year").size().items())
        parts.append(f"{region.name}: {counts}")
    return "points " + "; ".join(parts)


def _package(name: str, distribution: str) -> str:
    if importlib.util.find_spec(name) is None:
        raise FusionError("missing", "it", f"pip install '{distribution}'")
    return "installed"


def _storage(settings: Settings) -> str:
    storage = Storage(settings.storage)
    storage.check_writable()
    return f"{storage.root} can be written"


def _requests(study: Study, settings: Settings, role: Role) -> list[ExportRequest]:
    """What will be asked for one role: every region and year."""
    years = [year for year in study.years if role != "labels" or year == study.label_year]
    return [request_for(study, settings, role, region.name, year) for region in study.regions for year in years]


def _counted(requests: Callable[[], list[ExportRequest]], count: Callable[[ExportRequest], int], at_once: int) -> str:
    """Scenes of every region, year by year.

    Raises:
        FusionError: not for every one of them; shows the first error.
    """

    def number(request: ExportRequest) -> int | FusionError:
        try:
            return count(request)
        except FusionError as error:
            return error

    asked = requests()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(number, asked))
    lines: dict[str, list[str]] = {}
    for request, answer in zip(asked, answers, strict=True):
        lines.setdefault(request.region, []).append(f"{answer if isinstance(answer, int) else 0} in {request.year}")
    text = "; ".join(f"{region}: {', '.join(parts)}" for region, parts in lines.items())
    for answer in answers:
        if isinstance(answer, FusionError):
            raise FusionError(f"{text}; {answer.found}", answer.expected, answer.remedy)
    return text


def _collection(requests: Callable[[], list[ExportRequest]], connection: Connection) -> str:
    from fusion_assets.imagery.earth_engine import access

    return access.collection(requests()[0], connection)


def _no_bucket(way: str) -> str:
    if way == "batch":
        raise FusionError("not configured, but the study says `way: batch`", "a bucket", "set FUSION_EE_BUCKET")
    return "not configured; pixels are fetched directly"


def _cluster(settings: Settings) -> str:
    from fusion_assets.resources import EngineResource

    EngineResource(storage=settings.storage, dask_scheduler=settings.dask_scheduler).connect_dask()
    return f"{settings.dask_scheduler} answers"
