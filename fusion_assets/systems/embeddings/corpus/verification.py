"""Whether shards are what was written: by the digest of each file, which the record of its shard holds.

A corpus of a million patches is some ten thousand shards of at most a hundred files; no patch is listed, and what is
compared are the bytes themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.storage.folders import changed_files
from fusion_assets.storage.root import Storage


def changed_shards(storage: Storage, shards: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Files that are not as they were written, by shard; shards that are whole are not among them.

    Args:
        storage: root.
        shards: path and record of each artifact, by key.
    """
    found = {key: changed_files(storage, path, record) for key, (path, record) in shards.items()}
    return {key: files for key, files in found.items() if files}


def check_index(said: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]], asked: Iterable[str]) -> None:
    """Refuse an index that is not of the shards which lie there.

    Args:
        said: `index.summary` as it was stored.
        records: of the shards that lie there, by key.
        asked: keys that there should be.

    Raises:
        FusionError: shards are missing, or were made anew after the index.
    """
    indexed = said["shards"]
    missing = sorted(set(asked) - set(records))
    other = sorted(key for key in records if indexed.get(key, {}).get("digest") != records[key]["digest"])
    if missing:
        raise FusionError(
            f"{number_of(len(missing), 'shard')} of the corpus are not there, {missing[0]} first",
            "all of them",
            "fusion run --select patches",
        )
    if other:
        raise FusionError(
            f"{number_of(len(other), 'shard')} were made after the index, {other[0]} first",
            "an index of the shards that lie there",
            "fusion run --select patch_index",
        )
