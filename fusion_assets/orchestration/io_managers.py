"""How assets are stored and loaded: rasters, tables, documents, models, cubes and folders on any fsspec root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import rows_and_columns
from fusion_assets.orchestration.artifacts import Artifact, ArtifactIOManager, Expected
from fusion_assets.orchestration.instance import note_process
from fusion_assets.storage import documents as artifact_files
from fusion_assets.storage.companions import CUBE, FOLDER, beside, tidy
from fusion_assets.storage.disk_space import temporary_folder
from fusion_assets.storage.json_objects import as_written, json_object
from fusion_assets.storage.simulation import MARK, WORD, is_marked

if TYPE_CHECKING:
    from fusion_assets.storage import cubes as store
    from fusion_assets.storage.raster_writing import RasterFile

MAX_DOCUMENT_CHARS = 20_000


class RasterIOManager(ArtifactIOManager):
    """Rasters as COGs: takes the RasterFile of `write_raster`, gives a lazy Dataset. Facts are the file's tags."""

    extension = "tif"

    def save(self, value: RasterFile, artifact: Artifact) -> dict[str, Any]:
        """Place the file and describe it: CRS, shape, statistics and a preview."""
        from fusion_assets.reports.previews import preview_markdown
        from fusion_assets.storage.raster_writing import RasterFile
        from fusion_assets.storage.stored_rasters import place_raster

        _require(value, RasterFile, artifact, "the RasterFile that write_raster returns")
        path = self.path(artifact)
        self.compare(artifact, path, value.tags)  # never place what loading would refuse
        placed = place_raster(self.storage, value, path)
        records = [
            {"band": band, **{key: _rounded(entry) for key, entry in value.stats[band].items()}} for band in value.bands
        ]
        stamp = WORD if is_marked(value.tags) else ""
        preview = preview_markdown(value.preview, value.stats, artifact.partition, value.palettes, stamp)
        return {
            "crs": value.grid.crs,
            "shape": f"{rows_and_columns(*value.grid.shape)} of {value.grid.resolution:g} m",
            "valid_share": min(value.stats[band]["valid_share"] for band in value.bands),
            "bands": dg.MetadataValue.table([dg.TableRecord(record) for record in records]),
            "digest": value.digest,
            "size_bytes": sum(map(self.storage.size, placed)),
            "preview": dg.MetadataValue.md(preview),
        }

    def stored_facts(self, artifact: Artifact) -> Mapping[str, Any]:
        """The main file's tags."""
        from fusion_assets.storage.raster_contents import file_tags

        return file_tags(self.storage.open_local(self.path(artifact)))

    def digests(self, artifact: Artifact) -> dict[str, str]:
        """What the file's tags say of its pixels."""
        from fusion_assets.storage.raster_contents import said_digest

        return {"digest": said_digest(self.storage.open_local(self.path(artifact)))}

    def pixel_digests(self, artifact: Artifact) -> dict[str, str]:
        """What its pixels say."""
        from fusion_assets.storage.stored_rasters import pixel_digest

        return {"digest": pixel_digest(self.storage, self.path(artifact))}

    def changed(self, artifact: Artifact) -> float | None:
        """The newest of its files."""
        from fusion_assets.storage.stored_rasters import raster_paths

        times = [self.storage.changed(path) for path in raster_paths(self.storage, self.path(artifact)).values()]
        return max((moment for moment in times if moment is not None), default=None)

    def load(self, artifact: Artifact) -> Any:
        """Open the file lazily, after comparing its tags."""
        from fusion_assets.storage.stored_rasters import open_stored

        path = self.path(artifact)
        dataset = open_stored(self.storage, path)
        self.compare(artifact, path, dataset.attrs)
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
        with temporary_folder() as folder:
            file = folder / "table.parquet"
            artifact_files.write_table(table, file, facts | ({"document": "json"} if document is not None else {}))
            digest = artifact_files.place_pair(self.storage, file, self.path(artifact), document, facts)
        columns = [dg.TableColumn(str(name), str(kind)) for name, kind in table.dtypes.items()]
        metadata = {
            "digest": digest,
            "dagster/row_count": len(table),
            "dagster/column_schema": dg.TableSchema(columns),
        }
        return metadata if document is None else metadata | self._beside(artifact) | {"document": _shown(document)}

    def digests(self, artifact: Artifact) -> dict[str, str]:
        """Of the table, and of the JSON beside it."""
        return super().digests(artifact) | self._beside(artifact)

    def _beside(self, artifact: Artifact) -> dict[str, str]:
        document = artifact_files.beside(self.path(artifact))
        return {"document_digest": self._sha256(document)} if self.storage.exists(document) else {}

    def stored_facts(self, artifact: Artifact) -> Mapping[str, Any]:
        """What the Parquet metadata say."""
        path = self.path(artifact)
        return artifact_files.read_table(self.storage.open_local(path), path, artifact.command)[1]

    def load(self, artifact: Artifact) -> Any:
        """Return the table, or the tuple that was stored."""
        path = self.path(artifact)
        table, facts = artifact_files.read_table(self.storage.open_local(path), path, artifact.command)
        self.compare(artifact, path, facts)
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
            content = value.encode()
            self.storage.write_bytes(content, self.path(artifact, "html"))
            return {"extension": "html", "digest": hashlib.sha256(content).hexdigest()}
        content = artifact_files.to_json(value, self.facts(artifact))
        self.storage.write_bytes(content, self.path(artifact))
        return {"document": _shown(value), "digest": hashlib.sha256(content).hexdigest()}

    def path(self, artifact: Artifact, extension: str | None = None) -> str:
        """Where the document lies: the HTML file where there is one and no JSON file."""
        path, html = super().path(artifact, extension), super().path(artifact, "html")
        return html if extension is None and not self.storage.exists(path) and self.storage.exists(html) else path

    def document(self, artifact: Artifact) -> tuple[dict[str, Any], dict[str, str]]:
        """The JSON and its facts, not compared."""
        path = self.path(artifact)
        return artifact_files.read_document(self.storage, path, artifact.command)

    def stored_facts(self, artifact: Artifact) -> Mapping[str, Any]:
        """What the JSON says of itself; nothing for HTML."""
        return {} if self.path(artifact).endswith(".html") else self.document(artifact)[1]

    def _record(self, artifact: Artifact) -> dict[str, Any]:
        try:
            return self.document(artifact)[0]
        except FusionError:
            return {}

    def load(self, artifact: Artifact) -> Any:
        """Return the dict or the HTML text."""
        path = self.path(artifact)
        if path.endswith(".html"):
            return self.storage.read_bytes(path).decode()
        document, facts = self.document(artifact)
        self.compare(artifact, path, facts)
        return document


class CatalogIOManager(DocumentIOManager):
    """Catalogs: the JSON says what was published under the root, and is worth nothing without that."""

    def load(self, artifact: Artifact) -> Any:
        """Return the dict, after looking at every document it names."""
        written = super().load(artifact)
        with as_written(self.path(artifact), f"publish anew: {artifact.command}"):
            expected = {written["catalog"]: None, written["collection"]: None}
            expected |= {item["path"]: item["sha256"] for item in written["items"].values()}
        for name, sha256 in expected.items():
            path = f"{self.storage.root}/{name}"
            content = self.storage.read_bytes(path) if self.storage.exists(path) else None
            if content is not None and not sha256:
                json_object(content, path, f"publish anew: {artifact.command}")
            if content is None or (sha256 and hashlib.sha256(content).hexdigest() != sha256):
                state = "is not there" if content is None else "was changed after it was written"
                raise FusionError(f"{path} {state}", "what was published", artifact.command)
        return written


class ModelIOManager(ArtifactIOManager):
    """Models as `.keras` with their card beside them as JSON; the card holds the sha256 of the model file."""

    extension = "keras"

    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place the model, then the card."""
        from fusion_assets.learning import saved_model

        _require(value, saved_model.TrainedModel, artifact, "a TrainedModel")
        with temporary_folder() as folder:
            file = folder / "model.keras"
            value.keras_model.save(file)
            saved_model.without_time(file)
            facts = self.facts(artifact)
            digest = artifact_files.place_pair(self.storage, file, self.path(artifact), value.card, facts)
        return {"digest": digest, **self._card_digest(artifact), "card": _shown(value.card)}

    def digests(self, artifact: Artifact) -> dict[str, str]:
        """Of the model, and of its card."""
        return super().digests(artifact) | self._card_digest(artifact)

    def _card_digest(self, artifact: Artifact) -> dict[str, str]:
        card = artifact_files.beside(self.path(artifact))
        return {"card_digest": self._sha256(card)} if self.storage.exists(card) else {}

    def stored_facts(self, artifact: Artifact) -> Mapping[str, Any]:
        """What the card says of the file."""
        return artifact_files.read_pair(self.storage, self.path(artifact), artifact.command)[1]

    def verify(self, artifact: Artifact) -> None:
        """Compare file and card; TensorFlow is not needed for that."""
        self.compare(artifact, self.path(artifact), self.stored_facts(artifact))

    def load(self, artifact: Artifact) -> Any:
        """Return the model after checking its file, its study and its features."""
        from fusion_assets.learning import saved_model

        path = self.path(artifact)
        card, facts = artifact_files.read_pair(self.storage, path, artifact.command)
        self.compare(artifact, path, facts)
        model = saved_model.read_model(self.storage.open_local(path), path, card, artifact.command)
        return saved_model.TrainedModel(model, card)


class CompanionIOManager(DocumentIOManager):
    """What lies beside its artifact under a name of its own, which a small JSON at the artifact's path gives.

    Attributes:
        key: of that name in the JSON.
        ending: of such names.
    """

    key: str
    ending: str

    def _name(self, value: Any, artifact: Artifact) -> bytes:
        """Place the JSON that names what was written, and remove what nobody can be reading any more."""
        path = self.path(artifact)
        before = self._record(artifact) if self.storage.exists(path) else {}
        record = {**value.to_dict(), "replaced": before.get(self.key)}
        marks = MARK if is_marked(value.facts) else {}
        content = artifact_files.to_json(record, self.facts(artifact) | marks)
        self.storage.write_bytes(content, path)
        tidy(self.storage, path, self.ending, (value.name, before.get(self.key)), before.get("replaced"))
        return content

    def digests(self, artifact: Artifact) -> dict[str, str]:
        """Of the JSON, and what it says of the files; it holds digests of all of them, which reading compares."""
        said = str(self.document(artifact)[0].get("digest"))
        return {"digest": said, "record_digest": self._sha256(self.path(artifact))}

    def changed(self, artifact: Artifact) -> float | None:
        """The newest of its files."""
        return self.storage.changed(beside(self.path(artifact), str(self._record(artifact).get(self.key))))


class CubeIOManager(CompanionIOManager):
    """Series of rasters as Zarr: takes the Cube of `store.write_cube`, gives a lazy Dataset.

    What lies at the artifact's path is a small JSON that names the store; it is placed last, so that a store which is
    not whole is never loaded, and whoever reads the one before goes on reading it.
    """

    key, ending = "store", CUBE

    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place the JSON, and remove stores that nobody can be reading any more."""
        from fusion_assets.storage import cubes as store

        _require(value, store.Cube, artifact, "the Cube that write_cube returns")
        path = self.path(artifact)
        self.compare(artifact, path, value.facts)
        content = self._name(value, artifact)
        records = [
            {"layer": name, **{key: _rounded(x) for key, x in each.items()}} for name, each in value.stats.items()
        ]
        return {
            "store": dg.MetadataValue.path(beside(path, value.name)),
            "size_bytes": sum(self.storage.sizes(beside(path, value.name)).values()),
            "dates": value.dates,
            "layers": dg.MetadataValue.table([dg.TableRecord(record) for record in records]),
            "digest": value.digest,
            "record_digest": hashlib.sha256(content).hexdigest(),
            **({"preview": dg.MetadataValue.md(_series_markdown(value, artifact))} if value.preview else {}),
        }

    def pixel_digests(self, artifact: Artifact) -> dict[str, str]:
        """Nothing, when all files have been read.

        Raises:
            FusionError: some are not as they were written.
        """
        from fusion_assets.storage import cubes as store

        path, record = self.path(artifact), self.document(artifact)[0]
        if changed := store.changed_files(self.storage, path, record):
            files = number_of(len(changed), "changed file")
            raise FusionError(
                f"{beside(path, record['store'])} has {files}: {changed[0]}",
                "all files as they were written",
                f"remove {path}, and make it anew: {artifact.command}",
            )
        return {}

    def load(self, artifact: Artifact) -> Any:
        """Open the store lazily, after comparing its facts and counting its files."""
        from fusion_assets.storage import cubes as store

        return store.open_cube(self.storage, self.path(artifact), super().load(artifact), artifact.command)


class FolderIOManager(CompanionIOManager):
    """Folders of files for other software: takes the Folder of `write_folder`, gives the paths of its files by name.

    As for series, what lies at the artifact's path is a small JSON that names the folder, and is placed last.
    """

    key, ending = "folder", FOLDER

    def save(self, value: Any, artifact: Artifact) -> dict[str, Any]:
        """Place the JSON, and remove folders that nobody can be reading any more."""
        from fusion_assets.storage import folders

        _require(value, folders.Folder, artifact, "the Folder that write_folder returns")
        path = self.path(artifact)
        self.compare(artifact, path, value.facts)
        content = self._name(value, artifact)
        return {
            "folder": dg.MetadataValue.path(beside(path, value.name)),
            "size_bytes": value.size,
            "files": len(value.files),
            "digest": value.digest,
            "record_digest": hashlib.sha256(content).hexdigest(),
        }

    def pixel_digests(self, artifact: Artifact) -> dict[str, str]:
        """Nothing, when all files have been read.

        Raises:
            FusionError: some are not as they were written.
        """
        from fusion_assets.storage import folders

        path = self.path(artifact)
        if changed := folders.changed_files(self.storage, path, self.document(artifact)[0]):
            files = number_of(len(changed), "changed file")
            remedy = f"make it anew: {artifact.command}"
            raise FusionError(f"the folder of {path} has {files}: {changed[0]}", "all files as they were", remedy)
        return {}

    def load(self, artifact: Artifact) -> Any:
        """Return paths by name, after comparing facts, names and sizes."""
        from fusion_assets.storage import folders

        return folders.paths_of(self.storage, self.path(artifact), super().load(artifact), artifact.command)


KINDS: dict[str, type[ArtifactIOManager]] = {
    "rasters": RasterIOManager,
    "tables": TableIOManager,
    "documents": DocumentIOManager,
    "catalogs": CatalogIOManager,
    "models": ModelIOManager,
    "cubes": CubeIOManager,
    "folders": FolderIOManager,
}


def managers(root: str, expected: Expected) -> dict[str, ArtifactIOManager]:
    """Return the IO managers themselves, by resource key, for use outside a run."""
    return {name: kind(root, expected) for name, kind in KINDS.items()}


def io_managers(root: str, expected: Expected | None = None) -> dict[str, dg.IOManagerDefinition]:
    """Return the IO managers as resources, by the names of `KINDS`.

    In a run, each finds out whether the root can be written before any asset computes.

    Args:
        root: storage root, any fsspec URL.
        expected: facts the study expects of each artifact.
    """

    def definition(kind: type[ArtifactIOManager]) -> dg.IOManagerDefinition:
        @dg.io_manager(config_schema={}, description=(kind.__doc__ or "").splitlines()[0])
        def build(context: dg.InitResourceContext) -> ArtifactIOManager:
            manager = kind(root, expected)
            if context.run is not None and context.instance is not None:
                note_process(context.instance, context.run)
                manager.storage.check_writable()
            return manager

        return build

    return {name: definition(kind) for name, kind in KINDS.items()}


def _require(value: Any, kind: type | tuple[type, ...], artifact: Artifact, wanted: str) -> None:
    if not isinstance(value, kind):
        raise FusionError(f"{artifact.named} returned a {type(value).__name__}", wanted, "correct the asset's function")


def _series_markdown(cube: store.Cube, artifact: Artifact) -> str:
    """The first layer of a series on a few dates, side by side in the same colours."""
    from fusion_assets.reports.previews import preview_markdown

    layer = next(iter(cube.stats))
    parts: list[np.ndarray] = []
    for shown in cube.preview.values():
        between = np.full((shown.shape[0], max(1, shown.shape[1] // 40)), np.nan, np.float32)
        parts += [shown, between]
    title = f"{artifact.partition}, {', '.join(cube.preview)}"
    stamp = WORD if is_marked(cube.facts) else ""
    return preview_markdown({layer: np.concatenate(parts[:-1], axis=1)}, cube.stats, title, cube.palettes, stamp)


def _rounded(entry: Any) -> Any:
    """A figure as people read it: six digits, nothing where there is none."""
    return float(f"{entry:.6g}") if isinstance(entry, float) else "" if entry is None else entry


def _shown(document: Mapping[str, Any]) -> dg.MetadataValue:
    text = artifact_files.to_json(document, {}).decode()
    if len(text) > MAX_DOCUMENT_CHARS:
        return dg.MetadataValue.text(f"{text[:MAX_DOCUMENT_CHARS]} ... ({len(text)} characters in all)")
    return dg.MetadataValue.json(json.loads(text))
