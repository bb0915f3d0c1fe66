"""What all stored artifacts share: where they lie, one run one partition, one value or a dict on load.

Every artifact carries the facts its study expects of it (grid and recipe digest), and loading compares them: a
storage root filled by another study, or by other settings, is an error and not an input.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.partitions import dimension_names, dimensions_of
from fusion_assets.storage.root import Storage, sha256_of
from fusion_assets.storage.simulation import MARK

Expected = Callable[[str, str | None, str | None], dict[str, str]]
"""(asset, region, year) -> facts the stored artifact must carry, for example grid_digest and recipe_digest."""


@dataclass(frozen=True)
class Artifact:
    """One asset and partition.

    Attributes:
        asset: asset name, parts joined by `/`.
        region: region name; None for an asset whose partitions are of no region.
        year: year; None for an asset whose partitions are of all years, or of none.
        others: dimensions of other names with their values, sorted by name.
    """

    asset: str
    region: str | None
    year: str | None
    others: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, key: dg.AssetKey, partition: str | None, definition: dg.PartitionsDefinition | None) -> Artifact:
        """Read region, year and whatever else a Dagster partition key says."""
        others = dimensions_of(partition, definition)
        region, year = others.pop("region", None), others.pop("year", None)
        return cls("/".join(key.path), region, year, others)

    @property
    def partition(self) -> str:
        """The partition as people and Dagster write it: `region|year`, or `region`; dimensions sorted by name."""
        named = {"region": self.region, "year": self.year, **self.others}
        return "|".join(value for _, value in sorted(named.items()) if value)

    @property
    def named(self) -> str:
        """Asset and partition, for messages."""
        return f"{self.asset} for partition {self.partition}" if self.partition else self.asset

    @property
    def command(self) -> str:
        """The command that makes it."""
        region = f" --region {self.region}" if self.region else ""
        return f"fusion run --select {self.asset}{region}" + (f" --years {self.year}" if self.year else "")


class ArtifactIOManager(dg.IOManager):
    """What all four share: where an artifact lies, one run one partition, dict or single value on load.

    Args:
        root: storage root, any fsspec URL.
        expected: facts the study expects of each artifact; nothing is compared without it.
    """

    extension: str

    def __init__(self, root: str, expected: Expected | None = None) -> None:
        self.root = root
        self.expected: Expected = expected or (lambda asset, region, year: {})

    @cached_property
    def storage(self) -> Storage:
        """The root, opened when first needed."""
        return Storage(self.root)

    def path(self, artifact: Artifact, extension: str | None = None) -> str:
        """Where the artifact lies: `<root>/<asset>/<region>/<year>.<ext>` or `<root>/<asset>/<region>.<ext>`."""
        extension = extension or self.extension
        return self.storage.path(artifact.asset, artifact.region, artifact.year, extension, artifact.others.values())

    def facts(self, artifact: Artifact) -> dict[str, str]:
        """What the current study expects of the artifact."""
        return {key: str(value) for key, value in self.expected(artifact.asset, artifact.region, artifact.year).items()}

    @abstractmethod
    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place a value and return metadata about it."""

    @abstractmethod
    def load(self, artifact: Artifact) -> Any:
        """Return a stored value."""

    def digests(self, artifact: Artifact) -> dict[str, str]:
        """Digests of what is stored that cost no more than reading the files that are read as a whole.

        Returns:
            By the names under which `save` gives them as metadata.
        """
        return {"digest": self._sha256(self.path(artifact))}

    def pixel_digests(self, artifact: Artifact) -> dict[str, str]:
        """The same of pixels, computed from all of them; nothing for artifacts without."""
        return {}

    def changed(self, artifact: Artifact) -> float | None:
        """When a stored artifact was last changed, seconds since 1970; None where that is not known."""
        return self.storage.changed(self.path(artifact))

    def _sha256(self, path: str) -> str:
        return sha256_of(self.storage.open_local(path))

    def verify(self, artifact: Artifact) -> None:
        """Find out whether a stored artifact is there, whole and this study's, as cheaply as that can be known.

        Raises:
            FusionError: it is not.
        """
        self.found(artifact)

    def owner(self, artifact: Artifact) -> str | None:
        """Study that made what is stored now; None where nothing readable is."""
        if not self.storage.exists(self.path(artifact)):
            return None
        try:
            return self.stored_facts(artifact).get("study")
        except FusionError:
            return None

    @abstractmethod
    def stored_facts(self, artifact: Artifact) -> Mapping[str, Any]:
        """Facts of a stored artifact, without loading it."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Place one partition, whole or not at all."""
        with explained(_attempts(context) or 0):
            self._place(context, obj)

    def _place(self, context: dg.OutputContext, obj: Any) -> None:
        from fusion_assets.storage.raster_writing import RasterFile

        keys = context.asset_partition_keys if context.has_asset_partitions else [None]
        if len(keys) != 1:
            raise FusionError(
                f"one run was given {len(keys)} partitions of {context.asset_key.to_user_string()}",
                "one partition per run",
                "start a run for each (a backfill does), or use `fusion run`",
            )
        definition = context.asset_partitions_def if context.has_asset_partitions else None
        artifact = Artifact.of(context.asset_key, keys[0], definition)
        try:
            self._check_owner(artifact)
            metadata = self.save(obj, artifact)
        finally:
            if isinstance(obj, RasterFile):
                obj.discard()
        path = self.path(artifact, metadata.pop("extension", None))
        size = metadata.pop("size_bytes", None) or self.storage.size(path)
        shown = {"preview": metadata.pop("preview")} if "preview" in metadata else {}  # people look before they read
        context.add_output_metadata(shown | {"path": dg.MetadataValue.path(path), "size_bytes": size, **metadata})
        context.log.info(f"stored {artifact.named}: {path}, {size:,} bytes")

    def _check_owner(self, artifact: Artifact) -> None:
        owner, ours = self.owner(artifact), self.facts(artifact).get("study")
        if owner and ours and owner != ours:
            raise FusionError(
                f"{self.path(artifact)} belongs to study {owner}",
                f"a storage root of study {ours}'s own",
                "point FUSION_STORAGE at another place; nothing was replaced",
            )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load one partition, or of an input with more dimensions a dict of all: `{"region|year": value}`."""
        # Outside a run (load_asset_value) nobody retries, and the plain FusionError says it best.
        attempts = _attempts(context)
        if attempts is None:
            return self._load(context, None)
        with explained(attempts):
            return self._load(context, context.instance)

    def _load(self, context: dg.InputContext, instance: dg.DagsterInstance | None) -> Any:
        def found(artifact: Artifact) -> Any:
            if instance is None:
                return self.found(artifact)
            from fusion_assets.orchestration.content_records import check_content, content_record

            self._exists(artifact)
            record = content_record(instance, context.asset_key, artifact.partition or None)
            check_content(self, artifact, record)
            return self.found(artifact)

        if not context.has_asset_partitions:
            return found(Artifact.of(context.asset_key, None, None))
        definition, keys = context.asset_partitions_def, list(context.asset_partition_keys)
        artifacts = sorted((Artifact.of(context.asset_key, key, definition) for key in keys), key=_order)
        # A region's asset that reads years gets a dict, even where the study has one year.
        several = instance is not None and not {*dimension_names(definition)} <= {*_dimensions(context)}
        if len(artifacts) == 1 and not several:
            return found(artifacts[0])
        if not artifacts:
            raise FusionError(
                f"no partition of {context.asset_key.to_user_string()} belongs to this one",
                "at least one upstream partition",
                "check the years of the study and the partition mapping of the asset",
            )
        return {artifact.partition: found(artifact) for artifact in artifacts}

    def found(self, artifact: Artifact) -> Any:
        """Load what is stored.

        Raises:
            FusionError: nothing is, or it is not what the study expects.
        """
        self._exists(artifact)
        return self.load(artifact)

    def _exists(self, artifact: Artifact) -> None:
        path = self.path(artifact)
        if not self.storage.exists(path):
            if self.storage.names_something(path):
                remedy = f"remove it, then make the artifact anew: {artifact.command}"
                raise FusionError(f"{path} is no file", artifact.named, remedy)
            raise FusionError(f"{artifact.named} is not stored: no {path}", "it to be made first", artifact.command)

    def compare(self, artifact: Artifact, path: str, stored: Mapping[str, Any]) -> None:
        """Refuse an artifact that another study or other settings made."""
        # What was made before there was such a mark is none the worse.
        expected = {key: value for key, value in self.facts(artifact).items() if key not in MARK}
        wrong = {key: stored.get(key, "nothing") for key, value in expected.items() if stored.get(key) != value}
        if wrong:
            raise FusionError(
                f"{artifact.named} was made by another study or with other settings: {path} has {_listed(wrong)}",
                _listed({key: expected[key] for key in wrong}),
                f"give each study its own FUSION_STORAGE, or make it anew: {artifact.command}",
            )


def _attempts(context: dg.InputContext | dg.OutputContext) -> int | None:
    """How often the step has failed before; None outside a run."""
    try:
        return context.step_context.previous_attempt_count
    except dg.DagsterInvariantViolationError:
        return None


def _order(artifact: Artifact) -> tuple[str, ...]:
    return artifact.region or "", artifact.year or "", *artifact.others.values()


def _dimensions(context: dg.InputContext) -> tuple[str, ...]:
    """Dimensions of the partition that is made."""
    return dimension_names(context.step_context.entity_partitions_def)


def _listed(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())
