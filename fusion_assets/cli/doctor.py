"""What is configured, what is missing and how to fix it: the findings that `fusion doctor` prints.

How Earth Engine is looked at is in `imagery/engines/earth_engine/access.py`, how Sentinel Hub is in
`imagery/engines/sentinel_hub/connection.py`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import partial

from fusion_assets.cli.diagnosis import Diagnosis, Finding, counted, usable
from fusion_assets.cli.verification import odd_operations
from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.grids.projections import check_projections
from fusion_assets.imagery.engines.earth_engine import Connection
from fusion_assets.imagery.engines.protocol import ExportRequest, NoScenes
from fusion_assets.orchestration.assembly import roles_of as composite_roles
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.orchestration.instance import check_instance
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.system import Series, System, present, sections_of
from fusion_assets.redaction import public_url
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import Region, Role, Study
from fusion_assets.study.imagery_requests import mask_of, request_for
from fusion_assets.study.provenance import roles_of
from fusion_assets.study.stored_outlines import configured_study
from fusion_assets.systems.registry import SYSTEMS

_AT_ONCE = 8
"""Questions that are put to Earth Engine at the same time."""


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything a run needs. What is tried out leaves nothing behind but outlines."""
    diagnosis = Diagnosis()
    diagnosis.look("python", lambda: sys.version.split()[0])
    for name in ("tensorflow", "sklearn", "numba", "rasterio"):
        diagnosis.look(name, partial(_package, name, "fusion-assets"))
    diagnosis.look("dagster_webserver", partial(_package, "dagster_webserver", "fusion-assets[ui]"))
    diagnosis.look("projections", check_projections)
    diagnosis.look("storage", partial(_storage, settings))
    sites: list[Site] = []

    def read() -> str:
        study = configured_study(settings, sections_of(SYSTEMS))
        sites.append(site_of(SYSTEMS, study, settings))
        return f"{study.name}: {number_of(len(study.regions), 'region')}, {study.years[0]} to {study.years[-1]}"

    diagnosis.look("study", read)
    site = sites[0] if sites else None
    if site is not None:
        diagnosis.look("Dagster instance", partial(check_instance, site.study.name))
        diagnosis.look("operations", partial(_operations, site), "storage")
    diagnosis.gather(settings.engine, partial(_ENGINES[settings.engine], diagnosis, settings, site))
    if site is not None:
        for system in present(SYSTEMS, site.study):
            diagnosis.gather(system.name, partial(_look_at_system, diagnosis, settings, site, system))
    if settings.dask_scheduler:
        diagnosis.look("dask cluster", partial(_cluster, settings))
    return diagnosis.findings


def _look_at_system(diagnosis: Diagnosis, settings: Settings, site: Site, system: System) -> None:
    for look in system.looks(site):
        if not look.engines or settings.engine in look.engines:
            diagnosis.look(look.subject, look.work, *look.needs, *_outlines_of(site.study))


def _look_at_archive(diagnosis: Diagnosis, settings: Settings, site: Site | None) -> None:
    from fusion_assets.imagery.engines.archive.engine import scenes_for

    if site is None:
        return
    study = site.study

    def scenes(request: ExportRequest) -> int:
        return usable(scenes_for(request), request, study.max_unreadable_share)

    drawn = _look_at_outlines(diagnosis, study)
    archive_of = partial(_archive_look, diagnosis)
    for role in _roles(study):
        use = study.use(role).archive
        opened = archive_of(use.location if use else settings.archive)
        requests = partial(_requests, study, settings, role)
        count = partial(counted, requests, scenes, 1)
        diagnosis.look(f"scenes of {role}", count, opened, *drawn)
    _look_at_series(diagnosis, site, scenes, 1, *drawn, archive_of=archive_of)


def _archive_look(diagnosis: Diagnosis, archive: str) -> str:
    """Open an archive, once however many products it holds; returns what those who need it need."""
    from fusion_assets.imagery.engines.archive.search import collections

    def opened() -> str:
        held = collections(archive)
        return f"opens; {number_of(len(held), 'collection')}"

    subject = f"archive {public_url(archive)}"
    if subject not in {finding.subject for finding in diagnosis.findings}:
        diagnosis.look(subject, opened)
    return subject


def _look_at_earth_engine(diagnosis: Diagnosis, settings: Settings, site: Site | None) -> None:
    from fusion_assets.imagery.engines.earth_engine import access, shards
    from fusion_assets.imagery.engines.earth_engine.scene_lists import CLOUD_SCORE_PLUS, is_linked, list_scenes

    connection = access.Once(settings.ee_project, settings.ee_url)
    look = diagnosis.look
    look("earthengine-api", partial(access.package, "earthengine-api"))
    look("endpoint", partial(access.endpoint, connection), "earthengine-api")
    look("credentials", partial(access.credentials, connection), "earthengine-api")
    look("project", partial(access.project, connection), "endpoint", "credentials")
    look("Earth Engine", partial(access.answers, connection), "project")
    if site is None:
        return
    study = site.study

    def passes(request: ExportRequest) -> int:
        return usable(list_scenes(request, connection)[1], request, study.max_unreadable_share)

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
    for role in _roles(study):
        requests = partial(_requests, study, settings, role)
        look(f"collection of {role}", partial(_collection, requests, connection), "Earth Engine", *drawn)
        count = partial(counted, requests, passes, _AT_ONCE)
        look(f"scenes of {role}", count, f"collection of {role}")
        if is_linked(mask_of(study.use(role))):
            look("Cloud Score+", partial(access.readable, CLOUD_SCORE_PLUS, connection), "Earth Engine")
            count = partial(counted, requests, lambda request: access.scores(request, connection), _AT_ONCE)
            look(f"scores of {role}", count, "Cloud Score+")
    _look_at_series(diagnosis, site, passes, _AT_ONCE, "Earth Engine", *drawn)


def _look_at_sentinel_hub(diagnosis: Diagnosis, settings: Settings, site: Site | None) -> None:
    from fusion_assets.imagery.engines.sentinel_hub import check
    from fusion_assets.imagery.engines.sentinel_hub.series import scenes_for

    diagnosis.look("Sentinel Hub", check)
    if site is None:
        return
    study = site.study
    diagnosis.look("systems", partial(_made_of_series, study))
    drawn = _look_at_outlines(diagnosis, study)
    _look_at_series(diagnosis, site, lambda request: len(scenes_for(request)), 1, "Sentinel Hub", *drawn)


def _made_of_series(study: Study) -> str:
    """What of a study an engine can make that serves series alone."""
    systems = present(SYSTEMS, study)
    names = [system.name for system in systems if not system.roles(study)]
    if not names:
        lacking = [need for system in SYSTEMS if (need := system.lacking(study).get(system.name))]
        raise FusionError(
            f"the study {study.name} lacks {' or '.join(lacking)}, and Sentinel Hub serves nothing but series",
            "a part of the study that is made of series alone, or another engine",
            "add it to the study, or set FUSION_ENGINE to archive or earth_engine",
        )
    commands = " and ".join(f"fusion run --select 'group:{name}'" for name in names)
    others = ", ".join(system.name for system in systems if system.name not in names)
    return f"made by {commands}" + (f"; {others} needs another engine" if others else "")


def _look_at_series(
    diagnosis: Diagnosis,
    site: Site,
    count: Callable[[ExportRequest], int],
    at_once: int,
    *needs: str,
    archive_of: Callable[[str], str] | None = None,
) -> None:
    """Count the passes of every series that the systems ask for, in every region and year.

    Args:
        diagnosis: to add to.
        site: of the study.
        count: scenes of a request, by the chosen engine.
        at_once: requests that may be counted at the same time.
        needs: subjects without which this is not tried.
        archive_of: looks at an archive, and returns its subject.
    """

    def number(request: ExportRequest, optional: bool) -> int:
        try:
            return count(request)
        except NoScenes:
            if optional:
                return 0
            raise

    for system in present(SYSTEMS, site.study):
        for series in system.series(site):
            requests = partial(_series_requests, site.study, series)
            work = partial(counted, requests, partial(number, optional=series.optional), at_once)
            opened = []
            if archive_of and not _outlines_of(site.study):
                opened = [archive_of(each.archive) for each in requests()[:1]]
            diagnosis.look(f"{system.name}: {series.subject}", work, *opened, *needs)


def _series_requests(study: Study, series: Series) -> list[ExportRequest]:
    names = series.regions or [region.name for region in study.regions]
    return [series.request(name, year) for name in names for year in series.years]


_ENGINES = {
    "archive": _look_at_archive,
    "earth_engine": _look_at_earth_engine,
    "sentinel_hub": _look_at_sentinel_hub,
}


def _look_at_outlines(diagnosis: Diagnosis, study: Study, *needs: str) -> tuple[str, ...]:
    """Look up the outlines that Earth Engine keeps; returns what their users need."""
    needed = _outlines_of(study)
    if needed:
        far = [region for region in study.regions if not region.outline_is_local]
        diagnosis.look("outlines", partial(_outlines, far), *needs)
    return needed


def _outlines(regions: list[Region]) -> str:
    from fusion_assets.imagery.engines.earth_engine import access

    for region in regions:
        access.within(partial(getattr, region, "polygon"), f"the outline of {region.name}")
    return ", ".join(region.name for region in regions)


def _outlines_of(study: Study) -> tuple[str, ...]:
    """What all that needs outlines needs."""
    return () if all(region.outline_is_local for region in study.regions) else ("outlines",)


def _package(name: str, distribution: str) -> str:
    if importlib.util.find_spec(name) is None:
        raise FusionError("missing", "it", f"pip install '{distribution}'")
    return "installed"


def _storage(settings: Settings) -> str:
    storage = Storage(settings.storage)
    storage.check_writable()
    return f"{storage.root} can be written"


def _operations(site: Site) -> str:
    """What the list of operations holds, file by file."""
    odd = list(odd_operations(site))
    if odd:
        more = f"; and {len(odd) - 1} more, which `fusion verify` names" if len(odd) > 1 else ""
        raise FusionError(f"{odd[0].found}{more}", odd[0].expected, odd[0].remedy)
    return "all can be read"


def _roles(study: Study) -> list[Role]:
    """Imagery that is asked for: composites that systems need, and labels."""
    return list(dict.fromkeys((*composite_roles(SYSTEMS, study), *roles_of(study))))


def _requests(study: Study, settings: Settings, role: Role) -> list[ExportRequest]:
    """What will be asked for one role: every region and year."""
    years = [year for year in study.years if role != "labels" or year == study.label_year]
    return [request_for(study, settings, role, region.name, year) for region in study.regions for year in years]


def _collection(requests: Callable[[], list[ExportRequest]], connection: Connection) -> str:
    from fusion_assets.imagery.engines.earth_engine import access

    return access.collections(requests(), connection)


def _no_bucket(way: str) -> str:
    if way == "batch":
        raise FusionError("not configured, but the study says `way: batch`", "a bucket", "set FUSION_EE_BUCKET")
    return "not configured; pixels are fetched directly"


def _cluster(settings: Settings) -> str:
    from fusion_assets.orchestration.dask_cluster import connect_dask

    connect_dask(settings.dask_scheduler)
    return f"{settings.dask_scheduler} answers"
