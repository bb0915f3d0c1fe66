"""What Dagster recorded of an artifact's content when it was made, and whether what is stored is still that.

A file says itself what it holds, and whoever changes it may change that too; the record lies elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import dagster as dg

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.storage.root import Storage

_CLOCK_S = 2
_RECORDS = 4
_VERSION_TAG = "dagster/data_version"
_PAUSES_S = (0.5, 1, 2, 3)
T = TypeVar("T")


class Place(Protocol):
    """An artifact: what it is called, and how it is made."""

    @property
    def command(self) -> str:
        """The command that makes it."""
        ...


P = TypeVar("P", bound=Place, contravariant=True)


class Holder(Protocol[P]):
    """What knows how artifacts are stored; see `artifacts.ArtifactIOManager`."""

    @property
    def storage(self) -> Storage:
        """The root."""
        ...

    def path(self, artifact: P) -> str:
        """Where it lies."""
        ...

    def digests(self, artifact: P) -> dict[str, str]:
        """Digests of what is read as a whole."""
        ...

    def pixel_digests(self, artifact: P) -> dict[str, str]:
        """Digests of pixels."""
        ...

    def changed(self, artifact: P) -> float | None:
        """When it was changed."""
        ...


@dataclass(frozen=True)
class ContentRecord:
    """What was recorded of the content of an artifact.

    Attributes:
        digests: by the names of metadata.
        at: when, seconds since 1970.
        before: digests of earlier records of the same data version: of two runs at once, the one that has placed its
            file last need not be the last to record it.
    """

    digests: Mapping[str, str]
    at: float
    before: tuple[Mapping[str, str], ...] = ()


def content_record(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> ContentRecord | None:
    """The newest record of an asset and partition; None where there is none."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
    records = instance.fetch_materializations(wanted, limit=_RECORDS).records
    if not records:
        return None
    newest, *before = [
        (_texts(record.asset_materialization), version_of(record.event_log_entry))
        for record in records
        if record.asset_materialization is not None
    ]
    same = tuple(texts for texts, version in before if version is not None and version == newest[1])
    return ContentRecord(newest[0], records[0].timestamp, same)


def version_of(entry: dg.EventLogEntry) -> str | None:
    """The data version of a materialization."""
    event = entry.asset_materialization
    return None if event is None else (event.tags or {}).get(_VERSION_TAG)


def _texts(event: dg.AssetMaterialization) -> dict[str, str]:
    values: dict[str, Any] = {name: held.value for name, held in event.metadata.items()}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def check_content(manager: Holder[P], artifact: P, record: ContentRecord | None) -> None:
    """Compare what is stored with its record.

    Files that are read as a whole anyway are compared every time; pixels are where they were changed after they had
    been recorded.

    Args:
        manager: of the artifact.
        artifact: that is stored.
        record: of it; nothing is compared without one.

    Raises:
        Replaced: they differ, and another run may be about to record what it has just placed.
        FusionError: they differ; names both.
    """
    if record is None:
        return
    found = manager.digests(artifact)
    known = {name: text for name, text in found.items() if name in record.digests}
    if not any(known.items() <= earlier.items() for earlier in record.before):
        _compare(manager, artifact, found, record.digests, "as recorded")
    changed = manager.changed(artifact)
    if changed is not None and changed > record.at + _CLOCK_S:
        check_pixels(manager, artifact, record.digests, "as recorded")


def check_pixels(manager: Holder[P], artifact: P, expected: Mapping[str, str], source: str) -> None:
    """Compare the pixels of what is stored, all of which are read.

    Args:
        manager: of the artifact.
        artifact: that is stored.
        expected: digests by name.
        source: of these, in words.

    Raises:
        FusionError: they differ; names both.
    """
    _compare(manager, artifact, manager.pixel_digests(artifact), expected, source)


def _compare(
    manager: Holder[P], artifact: P, found: Mapping[str, str], expected: Mapping[str, str], source: str
) -> None:
    wrong = _differing(found, expected)
    if wrong:
        # A run places an artifact, then records it.
        kind = Replaced if manager.storage.just_changed(manager.path(artifact)) else FusionError
        raise kind(
            f"{manager.path(artifact)} was changed after it was made: {_listed(wrong)}",
            f"{_listed({name: expected[name] for name in wrong})}, {source}",
            f"remove it, and make it anew: {artifact.command}",
        )


def _differing(found: Mapping[str, str], expected: Mapping[str, str]) -> dict[str, str]:
    # What was made before there were such digests has none to be compared with.
    return {name: text for name, text in found.items() if expected.get(name, text) != text}


def _listed(digests: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text[:16]}" for name, text in digests.items())


def while_replaced(look: Callable[[], T]) -> T:
    """Look again, as long as another run replaces what is looked at, which takes a few seconds at most.

    Raises:
        Replaced: it took longer.
    """
    for pause in _PAUSES_S:
        try:
            return look()
        except Replaced:
            time.sleep(pause)
    return look()
