"""The engine as a Dagster resource: thin, so that the rooms stay free of Dagster.

What it is made with comes from the environment and the study alone. A run cannot be configured: whoever may start
runs may not choose another scheduler, storage or address.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.grids.projections import check_projections
from fusion_assets.imagery.engines.protocol import CompositeEngine, SeriesEngine
from fusion_assets.imagery.memory import memory_of
from fusion_assets.redaction import public_url
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import EarthEngineUse, Study
from fusion_assets.study.earth_engine_use import workload_tag

if TYPE_CHECKING:
    from fusion_assets.imagery.engines.earth_engine.ingestion import Ingestions


@dataclass(frozen=True)
class EngineResource:
    """Where pixels come from.

    Attributes:
        settings: by name, without `study` and `archive`, which requests carry, and without what holds a login. Of the
            others those left out are taken from the environment where the engine runs.
        ee_use: how the study wants exports run on Earth Engine; see `study.EarthEngineUse`.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    ee_use: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, study: Study) -> EngineResource:
        """The engine of a code location."""
        places = dataclasses.asdict(dataclasses.replace(settings, study="", archive=""))
        use = study.earth_engine
        return cls(
            settings={name: value for name, value in places.items() if value and public_url(value) == value},
            ee_use={**use.model_dump(exclude_none=True), "workload_tag": use.workload_tag or workload_tag(study.name)},
        )

    def definition(self) -> dg.ResourceDefinition:
        """As Dagster takes it; a run configuration that gives it anything is refused."""
        return dg.ResourceDefinition(lambda context: self, config_schema={}, description="Where pixels come from.")

    def client(self) -> SeriesEngine:
        """The engine.

        Raises:
            FusionError: no such engine, storage that cannot be written, or coordinates cannot be projected here.
        """
        check_projections()
        settings = Settings.from_environment(self.settings)
        storage = Storage(settings.storage)
        storage.check_writable()
        if settings.engine == "archive":
            from fusion_assets.imagery.engines.archive.engine import ArchiveEngine

            return ArchiveEngine(storage, memory=memory_of(settings.memory))
        if settings.engine == "sentinel_hub":
            from fusion_assets.imagery.engines.sentinel_hub import SentinelHub

            return SentinelHub()
        from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions

        # Credentials are no part of the configuration: the client finds them where it runs.
        use = EarthEngineUse.model_validate(self.ee_use)
        connection = Connection(settings.ee_project, settings.ee_url, use.workload_tag or "")
        options = ExportOptions(
            bucket=settings.ee_bucket.removeprefix("gs://"), **use.model_dump(exclude={"workload_tag"})
        )
        return EarthEngine(storage, connection, options)

    def composites(self) -> CompositeEngine | None:
        """The engine, where it reduces passes to composites; None where it gives series only."""
        engine = self.client()
        return engine if isinstance(engine, CompositeEngine) else None

    def uploads(self) -> Ingestions:
        """Where rasters become image assets of Earth Engine, whatever engine pixels come from."""
        from fusion_assets.imagery.engines.earth_engine import Connection
        from fusion_assets.imagery.engines.earth_engine.ingestion import Ingestions

        settings = Settings.from_environment(self.settings)
        tag = EarthEngineUse.model_validate(self.ee_use).workload_tag or ""
        return Ingestions(Storage(settings.storage), Connection(settings.ee_project, settings.ee_url, tag))

    @property
    def bucket(self) -> str:
        """Address in Cloud Storage of what Earth Engine reads and writes.

        Raises:
            FusionError: none is set.
        """
        bucket = Settings.from_environment(self.settings).ee_bucket.removeprefix("gs://").rstrip("/")
        if not bucket:
            raise FusionError("no bucket that Earth Engine reads from", "the name of one", "set FUSION_EE_BUCKET")
        return f"gs://{bucket}"

    def connect_dask(self) -> None:
        """See `dask_cluster.connect_dask`."""
        if not Settings.from_environment(self.settings).dask_scheduler:
            return
        from fusion_assets.orchestration.dask_cluster import connect_dask

        connect_dask(Settings.from_environment(self.settings).dask_scheduler)
