"""Whether all that is stored is what was made: what `fusion verify` reads, compares and prints.

Everything is read, pixels too: their digests are computed anew, and compared with what the file says of itself and
with what Dagster recorded when it was made.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fusion_assets.cli import interruption
from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError, Replaced
from fusion_assets.orchestration.system import REGIONS, SELECTION, YEARS, System
from fusion_assets.redaction import printable_line
from fusion_assets.storage.companions import CUBE, FOLDER
from fusion_assets.storage.raster_classes import BESIDE

if TYPE_CHECKING:
    import dagster as dg

    from fusion_assets.cli.steps import Step
    from fusion_assets.orchestration.artifacts import Artifact, ArtifactIOManager
    from fusion_assets.orchestration.site import Site

_SHARED = ("_operations", "_ingestions", "_outlines", "stac")
_SHOWN = 20


def add_parser(commands: Any) -> None:
    """Add `fusion verify` to the commands."""
    parser = commands.add_parser(
        "verify",
        help="read all that is stored, and name what is not as it was made",
        epilog="examples: fusion verify; fusion verify --region nairobi --select built_up_prediction",
    )
    for flags, keywords in (REGIONS, YEARS, SELECTION):
        parser.add_argument(*flags, **keywords)
    parser.set_defaults(command=verify)


def verify(options: argparse.Namespace) -> int:
    """Look at what is stored of the configured study; 1 where something is not as it was made."""
    from fusion_assets.cli.run import prepare, progress_bar, screen
    from fusion_assets.orchestration.instance import opened_instance, prepare_home
    from fusion_assets.settings import Settings
    from fusion_assets.systems.registry import SYSTEMS

    prepared = prepare(Settings.from_environment(), options.region, options.years, options.select)
    site, study, steps = prepared.site, prepared.site.study, prepared.steps
    whole = not (options.region or options.years or options.select)
    console = screen()
    counts: Counter[str] = Counter()
    with opened_instance(prepare_home(study.name)) as instance, progress_bar(console) as progress:
        bar = progress.add_task("verifying", total=len(steps))
        for step in steps:
            interruption.check()
            progress.update(bar, description=step.name)
            state, problem = verdict(step, instance, site.managers)
            counts[state] += 1
            if problem:
                console.print(f"{step.name} {state}: {_told(problem)}", markup=False)
            progress.advance(bar)
        for problem in odd_catalogs(site, SYSTEMS, instance, {step.asset.key.to_user_string() for step in steps}):
            counts["different"] += 1
            console.print(f"catalog: {_told(problem)}", markup=False)
        for problem in odd_operations(site) if whole else ():
            counts["different"] += 1
            console.print(f"operation: {_told(problem)}", markup=False)
        strange = foreign(site, steps, _SHARED) if whole else []
        for path in strange[:_SHOWN]:
            console.print(f"{printable_line(path)} belongs to nothing of study {study.name}", markup=False)
        if len(strange) > _SHOWN:
            console.print(f"and {number_of(len(strange) - _SHOWN, 'more file')} of nothing in it")
        progress.update(bar, description="done")
    counts["foreign"] = len(strange)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()) if count)
    print(f"study {study.name}: {told or 'nothing is stored'}")
    return 1 if counts["different"] or counts["missing"] else 0


def _told(problem: FusionError) -> FusionError:
    """The same problem, whose parts are a line each, whatever names of files hold."""
    return FusionError(*(printable_line(part) for part in (problem.found, problem.expected, problem.remedy)))


def verdict(
    step: Step, instance: dg.DagsterInstance, managers: Mapping[str, ArtifactIOManager]
) -> tuple[str, FusionError | None]:
    """How one artifact is, and what is wrong with it.

    Returns:
        `as made`; `not recorded` (whole, but Dagster does not know of it); `not made yet`; `missing` (it was made); or
        `different`.
    """
    from fusion_assets.cli.runner import manager_of
    from fusion_assets.orchestration.content_records import content_record, while_replaced

    manager, artifact = manager_of(step, managers)
    record = content_record(instance, step.asset.key, step.partition)
    if not manager.storage.names_something(manager.path(artifact)):
        if record is None:
            return "not made yet", None
        path = manager.path(artifact)
        return "missing", FusionError(f"{path} is not there", "what was made", f"make it anew: {artifact.command}")
    try:
        while_replaced(lambda: _compare(manager, artifact, step, instance))
    except FusionError as error:
        return "different", error
    return ("not recorded" if record is None else "as made"), None


def _compare(manager: ArtifactIOManager, artifact: Artifact, step: Step, instance: dg.DagsterInstance) -> None:
    from fusion_assets.imagery.engines.protocol import Export
    from fusion_assets.orchestration.content_records import check_content, check_pixels, content_record
    from fusion_assets.study.provenance import EXPORT_ASSETS

    manager.verify(artifact)
    check_pixels(manager, artifact, manager.digests(artifact), "as the file says itself")
    if record := content_record(instance, step.asset.key, step.partition):
        check_content(manager, artifact, record)
    if artifact.asset in EXPORT_ASSETS.values():
        Export.from_dict(manager.load(artifact))


def odd_catalogs(
    site: Site, systems: Sequence[System], instance: dg.DagsterInstance, chosen: Collection[str]
) -> Iterator[FusionError]:
    """What is wrong with the documents of a published catalog that regions and systems share.

    Whoever publishes writes them anew, so each has to be what any of the regions recorded last.

    Args:
        site: of the study.
        systems: that may publish.
        instance: that holds the records.
        chosen: names of the assets that are looked at.
    """
    from fusion_assets.orchestration.content_records import while_replaced

    storage = site.managers["documents"].storage
    published = {f"{each.name}_catalog": each.items for system in systems for each in system.publications()}
    looked_at = {storage.path(published[name], "collection", None, "json"): [name] for name in {*chosen} & {*published}}
    documents = {path: ("collection_digest", names) for path, names in looked_at.items()}
    if documents:
        documents[storage.path("stac", "catalog", None, "json")] = ("catalog_digest", list(published))
    for path, (digest, names) in sorted(documents.items()):
        try:
            while_replaced(partial(_compare_shared, site, instance, path, digest, names))
        except FusionError as error:
            yield error


def _compare_shared(site: Site, instance: dg.DagsterInstance, path: str, digest: str, names: Sequence[str]) -> None:
    import dagster as dg

    from fusion_assets.orchestration.content_records import content_record
    from fusion_assets.storage.root import sha256_of

    storage, regions = site.managers["documents"].storage, site.study.regions
    records = (content_record(instance, dg.AssetKey(name), region.name) for name in names for region in regions)
    known = {record.digests[digest] for record in records if record and digest in record.digests}
    # What was made before there were such digests has none to be compared with; what is missing, its list names.
    if known and storage.exists(path) and sha256_of(storage.open_local(path)) not in known:
        kind = Replaced if storage.just_changed(path) else FusionError
        raise kind(
            f"{path} was changed after it was written",
            "what was published",
            "remove it, and publish anew: fusion run --select '*_catalog'",
        )


def odd_operations(site: Site) -> Iterator[FusionError]:
    """What is wrong with files of the engines' lists of operations."""
    from fusion_assets.imagery.engines import operations
    from fusion_assets.imagery.engines.earth_engine.ingestion import INGESTIONS, Ingestion
    from fusion_assets.imagery.engines.protocol import Export

    storage = site.managers["documents"].storage
    for folder, kind in ((operations.OPERATIONS, Export), (INGESTIONS, Ingestion)):
        for name in storage.names(folder):
            interruption.check()
            try:
                facts = operations.read(storage, name, folder)
                if facts is not None:
                    kind.from_dict(facts)
            except FusionError as error:
                yield error


def foreign(site: Site, steps: Sequence[Step], folders: Sequence[str]) -> list[str]:
    """Files of the storage that belong to no artifact of a study, and to nothing that lies beside them.

    Args:
        site: of the study.
        steps: all of them.
        folders: that hold something else, directly under the root.
    """
    from fusion_assets.cli.runner import manager_of
    from fusion_assets.systems.registry import SYSTEMS

    storage = site.managers["documents"].storage
    stems = {manager_of(step, site.managers)[0].path(manager_of(step, site.managers)[1]) for step in steps}
    ours = {path.removeprefix(f"{storage.root}/").rsplit(".", 1)[0] for path in stems}
    drawn = [folder for system in SYSTEMS for folder in system.folders]
    working = {*folders, *(folder for system in SYSTEMS for folder in system.working)}
    ours |= {f"{folder}/{region.name}" for folder in drawn for region in site.study.regions}
    strange = []
    for name in sorted(storage.sizes(storage.root)):
        first, last = name.split("/")[0], name.split("/")[-1]
        if first in working or last.startswith(".") or _artifact_of(name) in ours:
            continue
        strange.append(f"{storage.root}/{name}")
    return strange


def _artifact_of(name: str) -> str:
    """The artifact that a file belongs to by its name: without extension, and for one of a folder without its own."""
    folder = next((name.partition(f"{ending}/")[0] for ending in (CUBE, FOLDER) if f"{ending}/" in name), None)
    return folder.rsplit("-", 2)[0] if folder else name.removesuffix(".aux.xml").rsplit(".", 1)[0].partition(BESIDE)[0]
