"""The patches themselves, shard by shard, and the index of all of them."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.storage.disk_space import temporary_folder
from fusion_assets.storage.simulation import MARK, are_simulated
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.defs import partitions
from fusion_assets.systems.embeddings.section import plan_digest, use_of

PATCHES = "patches"
WORK = "patch_journals"
"""Folder of the storage where shards lie while they are fetched."""
_CACHE = Path.home() / ".cache" / "fusion_assets" / PATCHES
"""Copies of shards whose store is on another machine."""


def corpus_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Shards of patches, and their index."""
    return [_patches(site), _patch_index(site)]


def _patches(site: Site) -> dg.AssetsDefinition:
    study, settings, use = site.study, site.settings, use_of(site.study)

    @site.asset("folders", partitions.shards(site), [versions.CORPUS, plan_digest(study)], kinds={"zarr"})
    def patches(shard: str, patch_plan: tuple[Table, dict]) -> Iterator[dg.Output]:
        """**Pixels of both sensors**, as their sources hold them: one Zarr store a shard, one chunk a patch.

        Every band lies on its own pixels of 10, 20 or 60 m, radar in steps of 0.01 dB. A shard that was interrupted
        goes on where it ended; what could not be had is counted and named, and how the two sensors lie on each other
        is measured.
        """
        from fusion_assets.storage.root import Storage
        from fusion_assets.systems.embeddings.corpus.reader import layout_of, reader_of
        from fusion_assets.systems.embeddings.corpus.shards import forget, make_shard

        storage = Storage(settings.storage)
        path = storage.path(PATCHES, None, None, "json", (shard,))
        rows = planned_rows(patch_plan[0], shard)
        facts = site.facts(PATCHES, None, None) | (MARK if are_simulated(row["optics"] for row in rows) else {})
        work = work_folder(settings.storage)
        layout = layout_of(use)
        folder = make_shard(storage, path, rows, reader_of(use, settings, rows), layout, work, facts=facts)
        shown: dict[str, Any] = {name: folder.about[name] for name in ("asked", "got", "missing", "alignment")}
        yield dg.Output(folder, data_version=dg.DataVersion(folder.digest), metadata=readable(shown))
        # Dagster goes on from here when the shard is stored: a full disk costs nothing that was fetched.
        forget(path, work)

    return patches


def _patch_index(site: Site) -> dg.AssetsDefinition:
    use = use_of(site.study)

    @site.asset("tables", None, [versions.INDEX])
    def patch_index(patch_plan: tuple[Table, dict], patches: dict) -> dg.Output[tuple[Table, dict]]:
        """**A row for every place of the plan**: where its patch lies, how good it is, or why there is none.

        What was asked for, what was got and what is missing are counted; the document beside the table has the digest
        of every shard, by which the corpus is verified without listing its patches.
        """
        from fusion_assets.systems.embeddings.corpus.index import index_table, summary
        from fusion_assets.systems.embeddings.corpus.reader import layout_of

        shards = entries(site, patches)
        table = index_table(patch_plan[0], shards, layout_of(use))
        document = summary(table, shards)
        shown = {name: document[name] for name in ("asked", "got", "missing", "splits", "flags")}
        version = digest([document, patch_plan[1]])
        return dg.Output((table, document), data_version=dg.DataVersion(version), metadata=readable(shown))

    return patch_index


def planned_rows(plan: Table, shard: str) -> list[dict[str, Any]]:
    """Rows of a shard that have a pair of scenes."""
    from fusion_assets.systems.embeddings.pairing import PLANNED

    wanted = plan[(plan["shard"] == int(shard)) & (plan["state"] == PLANNED)]
    rows = wanted.drop(columns="geometry").to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def by_shard(site: Site, loaded: Any) -> dict[str, Any]:
    """What was loaded of all shards, by key; of one shard alone Dagster hands on the thing itself."""
    names = use_of(site.study).shards
    return {str(key): each for key, each in loaded.items()} if len(names) > 1 else {names[0]: loaded}


def folders_of(site: Site, patches: Any) -> dict[int, Path]:
    """Folders of all shards, by number."""
    return {int(key): folder_of(site, key, files) for key, files in by_shard(site, patches).items()}


def entries(site: Site, patches: Any) -> list[Any]:
    """Shards as the index knows them, from the paths of their files by key."""
    from fusion_assets.systems.embeddings.corpus.index import ShardEntry
    from fusion_assets.systems.embeddings.corpus.shards import read_table

    return [
        ShardEntry(key, record_of(site, key), read_table(folder_of(site, key, files)))
        for key, files in sorted(by_shard(site, patches).items())
    ]


def record_of(site: Site, shard: str) -> dict[str, Any]:
    """What a shard's JSON says."""
    manager: Any = site.managers["folders"]
    return manager.document(Artifact(PATCHES, None, None, {"shard": shard}))[0]


def folder_of(site: Site, shard: str, files: Mapping[str, str]) -> Path:
    """Local folder of a shard, from the paths of its files; of a store elsewhere a copy, which is kept."""
    from fusion_assets.storage.root import Storage
    from fusion_assets.systems.embeddings.corpus.shards import TABLE

    storage = Storage(site.settings.storage)
    if storage.is_local:
        return Path(files[TABLE]).parent
    place = _CACHE / record_of(site, shard)["digest"]
    if not place.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with temporary_folder(_CACHE) as partial:
            for name, path in files.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(storage.open_local(path), partial / name)
            os.rename(partial, place)
    return place


def work_folder(storage: str) -> Path:
    """Where shards lie while they are fetched, on this machine."""
    from fusion_assets.storage.root import Storage

    root = Storage(storage)
    return Path(root.root) / WORK if root.is_local else _CACHE / WORK
