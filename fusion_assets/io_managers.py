"""How assets are stored and loaded: rasters, tables, documents and models on any fsspec root.

Belongs here: the names artifacts get from partitions, what is checked on load, and the metadata people see. Does not
belong here: file formats (`imagery/rasters.py`, `artifact_files.py`) and atomic placing (`imagery/storage.py`).

Every artifact carries the facts its study expects of it (grid and recipe digest), and loading compares them: a
storage root filled by another study, or by other settings, is an error and not an input.
"""

from __future__ import annotations

import json
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from fusion_assets import artifact_files
from fusion_assets.errors import FusionError
from fusion_assets.failures import explained
from fusion_assets.imagery.previews import preview_markdown
from fusion_assets.imagery.rasters import RasterFile, open_raster
from fusion_assets.imagery.storage import Storage

Expected = Callable[[str, str | None, str | None], Mapping[str, str]]
"""(asset, region, year) -> facts the stored artifact must carry, for example grid_digest and recipe_digest."""
MAX_DOCUMENT_CHARS = 20_000


@dataclass(frozen=True)
class Artifact:
    """One asset and partition.

    Attributes:
        asset: asset name, parts joined by `/`.
        region: region name; None for an asset without partitions.
        year: year; None for an asset per region.
    """

    asset: str
    region: str | None
    year: str | None

    @classmethod
    def of(cls, key: dg.AssetKey, partition: str | None, definition: dg.PartitionsDefinition | None) -> Artifact:
        """Read region and year from a Dagster partition key."""
        asset = "/".join(key.path)
        if partition is None:
            return cls(asset, None, None)
        if isinstance(definition, dg.MultiPartitionsDefinition):
            dimensions = definition.get_partition_key_from_str(partition).keys_by_dimension
            return cls(asset, dimensions["region"], dimensions["year"])
        return cls(asset, partition, None)

    @property
    def partition(self) -> str:
        """The partition as people write it: `region|year`, or `region`."""
        return "|".join(part for part in (self.region, self.year) if part)

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
        return self.storage.path(artifact.asset, artifact.region, artifact.year, extension or self.extension)

    def facts(self, artifact: Artifact) -> dict[str, str]:
        """What the current study expects of the artifact."""
        return {key: str(value) for key, value in self.expected(*_fields(artifact)).items()}

    @abstractmethod
    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place a value and return metadata about it."""

    @abstractmethod
    def load(self, artifact: Artifact) -> Any:
        """Return a stored value."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Place one partition, whole or not at all."""
        with explained():
            self._place(context, obj)

    def _place(self, context: dg.OutputContext, obj: Any) -> None:
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
            metadata = self.save(obj, artifact)
        finally:
            if isinstance(obj, RasterFile):
                obj.discard()
        path = self.path(artifact, metadata.pop("extension", None))
        context.add_output_metadata(
            {"path": dg.MetadataValue.path(path), "size_bytes": self.storage.size(path), **metadata}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load one partition, or for an asset per region a dict of all years: `{"region|year": value}`."""
        # Outside a run (load_asset_value) nobody retries, and the plain FusionError says it best.
        with explained() if _in_run(context) else nullcontext():
            return self._load(context)

    def _load(self, context: dg.InputContext) -> Any:
        if not context.has_asset_partitions:
            return self._found(Artifact.of(context.asset_key, None, None))
        definition, keys = context.asset_partitions_def, list(context.asset_partition_keys)
        artifacts = sorted((Artifact.of(context.asset_key, key, definition) for key in keys), key=_fields)
        per_region = context.has_partition_key and "|" not in context.partition_key
        if len(artifacts) == 1 and not (artifacts[0].year and per_region):
            return self._found(artifacts[0])
        if not artifacts:
            raise FusionError(
                f"no partition of {context.asset_key.to_user_string()} belongs to this one",
                "at least one upstream partition",
                "check the years of the study and the partition mapping of the asset",
            )
        return {artifact.partition: self._found(artifact) for artifact in artifacts}

    def _found(self, artifact: Artifact) -> Any:
        path = self.path(artifact)
        if not self.storage.exists(path):
            raise FusionError(f"{artifact.named} is not stored: no {path}", "it to be made first", artifact.command)
        return self.load(artifact)

    def _compare(self, artifact: Artifact, path: str, stored: Mapping[str, Any]) -> None:
        """Refuse an artifact that another study or other settings made."""
        expected = self.facts(artifact)
        wrong = {key: stored.get(key, "nothing") for key, value in expected.items() if stored.get(key) != value}
        if wrong:
            raise FusionError(
                f"{artifact.named} was made by another study or with other settings: {path} has {_listed(wrong)}",
                _listed({key: expected[key] for key in wrong}),
                f"give each study its own FUSION_STORAGE, or make it anew: {artifact.command}",
            )


class RasterIOManager(ArtifactIOManager):
    """Rasters as COG: takes the RasterFile of `write_raster`, gives a lazy Dataset. Facts are the file's tags."""

    extension = "tif"

    def save(self, value: RasterFile, artifact: Artifact) -> dict[str, Any]:
        """Place the file and describe it: CRS, shape, statistics and a preview."""
        _require(value, RasterFile, artifact, "the RasterFile that write_raster returns")
        path = self.path(artifact)
        self._compare(artifact, path, value.tags)  # never place what loading would refuse
        self.storage.put_file(value.path, path)
        records = [
            {"band": band, **{key: "" if entry is None else entry for key, entry in value.stats[band].items()}}
            for band in value.bands
        ]
        return {
            "crs": value.grid.crs,
            "shape": f"{value.grid.height} x {value.grid.width} pixels of {value.grid.resolution:g}",
            "valid_share": min(value.stats[band]["valid_share"] for band in value.bands),
            "bands": dg.MetadataValue.table([dg.TableRecord(record) for record in records]),
            "statistics": dg.MetadataValue.json(value.stats),
            "digest": value.digest,
            "preview": dg.MetadataValue.md(preview_markdown(value.preview, value.stats, artifact.partition)),
        }

    def load(self, artifact: Artifact) -> Any:
        """Open the file lazily, after comparing its tags."""
        path = self.path(artifact)
        dataset = open_raster(self.storage.open_local(path))
        self._compare(artifact, path, dataset.attrs)
        return dataset


class TableIOManager(ArtifactIOManager):
    """Tables as Parquet, GeoParquet for a GeoDataFrame; a tuple (table, dict) has its dict beside it as JSON."""

    extension = "parquet"

    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place the table, then the JSON that holds its sha256: without both, loading refuses."""
        import pandas as pd

        table, document = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        _require(table, pd.DataFrame, artifact, "a DataFrame, or a tuple of DataFrame and dict")
        facts = self.facts(artifact)
        with tempfile.TemporaryDirectory(prefix="fusion-") as directory:
            file = Path(directory) / "table.parquet"
            artifact_files.write_table(table, file, facts | ({"document": "json"} if document is not None else {}))
            digest = artifact_files.place_pair(self.storage, file, self.path(artifact), document, facts)
        metadata = {"digest": digest, "dagster/row_count": len(table), "columns": ", ".join(map(str, table.columns))}
        return metadata if document is None else metadata | {"document": _shown(document)}

    def load(self, artifact: Artifact) -> Any:
        """Return the table, or the tuple that was stored."""
        path = self.path(artifact)
        table, facts = artifact_files.read_table(self.storage.open_local(path), path, artifact.command)
        self._compare(artifact, path, facts)
        if "document" not in facts:
            return table
        return table, artifact_files.read_pair(self.storage, path, artifact.command)[0]


class DocumentIOManager(ArtifactIOManager):
    """Documents: a dict as JSON, a str as HTML."""

    extension = "json"

    def save(self, value: dict[str, Any] | str, artifact: Artifact) -> dict[str, Any]:
        """Place the document."""
        _require(value, (dict, str), artifact, "a dict (JSON) or a str (HTML)")
        if isinstance(value, str):
            self.storage.write_bytes(value.encode(), self.path(artifact, "html"))
            return {"extension": "html"}
        content = artifact_files.to_json(value, self.facts(artifact))
        self.storage.write_bytes(content, self.path(artifact))
        return {"document": _shown(value)}

    def path(self, artifact: Artifact, extension: str | None = None) -> str:
        """Where the document lies: the HTML file where there is one and no JSON file."""
        path, html = super().path(artifact, extension), super().path(artifact, "html")
        return html if extension is None and not self.storage.exists(path) and self.storage.exists(html) else path

    def load(self, artifact: Artifact) -> dict[str, Any] | str:
        """Return the dict or the HTML text."""
        path = self.path(artifact)
        if path.endswith(".html"):
            return self.storage.read_bytes(path).decode()
        document, facts = artifact_files.from_json(self.storage.read_bytes(path), path, artifact.command)
        self._compare(artifact, path, facts)
        return document


class ModelIOManager(ArtifactIOManager):
    """Models as `.keras` with their card beside them as JSON; the card holds the sha256 of the model file."""

    extension = "keras"

    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place the model, then the card."""
        from fusion_assets.built_up.classifier import TrainedModel

        _require(value, TrainedModel, artifact, "a TrainedModel")
        with tempfile.TemporaryDirectory(prefix="fusion-") as directory:
            file = Path(directory) / "model.keras"
            value.keras_model.save(file)
            facts = self.facts(artifact)
            digest = artifact_files.place_pair(self.storage, file, self.path(artifact), value.card, facts)
        return {"digest": digest, "card": _shown(value.card)}

    def load(self, artifact: Artifact) -> Any:
        """Return the model after checking its file, its study and its features."""
        from fusion_assets.built_up.classifier import TrainedModel

        path = self.path(artifact)
        card, facts = artifact_files.read_pair(self.storage, path, artifact.command)
        self._compare(artifact, path, facts)
        model = artifact_files.read_model(self.storage.open_local(path), path, card, artifact.command)
        return TrainedModel(model, card)


def io_managers(root: str, expected: Expected | None = None) -> dict[str, dg.IOManagerDefinition]:
    """Return the four IO managers as resources: `rasters`, `tables`, `documents`, `models`.

    In a run, each finds out whether the root can be written before any asset computes.

    Args:
        root: storage root, any fsspec URL.
        expected: facts the study expects of each artifact.
    """

    def definition(kind: type[ArtifactIOManager]) -> dg.IOManagerDefinition:
        @dg.io_manager(description=(kind.__doc__ or "").splitlines()[0])
        def build(context: dg.InitResourceContext) -> ArtifactIOManager:
            manager = kind(root, expected)
            if context.run is not None:
                manager.storage.check_writable()
            return manager

        return build

    kinds: dict[str, type[ArtifactIOManager]] = {
        "rasters": RasterIOManager,
        "tables": TableIOManager,
        "documents": DocumentIOManager,
        "models": ModelIOManager,
    }
    return {name: definition(kind) for name, kind in kinds.items()}


def _in_run(context: dg.InputContext) -> bool:
    try:
        return context.step_context is not None
    except dg.DagsterInvariantViolationError:
        return False


def _fields(artifact: Artifact) -> tuple[str, str | None, str | None]:
    return artifact.asset, artifact.region, artifact.year


def _listed(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())


def _require(value: Any, kind: type | tuple[type, ...], artifact: Artifact, wanted: str) -> None:
    if not isinstance(value, kind):
        raise FusionError(f"{artifact.named} returned a {type(value).__name__}", wanted, "correct the asset's function")


def _shown(document: Mapping[str, Any]) -> dg.MetadataValue:
    text = artifact_files.to_json(document, {}).decode()
    if len(text) > MAX_DOCUMENT_CHARS:
        return dg.MetadataValue.text(f"{text[:MAX_DOCUMENT_CHARS]} ... ({len(text)} characters in all)")
    return dg.MetadataValue.json(json.loads(text))
