"""Engine and storage as Dagster resources: thin, so that the rooms stay free of Dagster."""

from __future__ import annotations

from typing import Any

import dagster as dg
from pydantic import Field

from fusion_assets.errors import FusionError
from fusion_assets.grids.projections import check_projections
from fusion_assets.imagery.engines.protocol import Engine
from fusion_assets.settings import Settings
from fusion_assets.storage.addresses import public_url
from fusion_assets.storage.root import Storage
from fusion_assets.study import EarthEngineUse, Study
from fusion_assets.study.earth_engine import workload_tag

_EARTH_ENGINE = ("ee_project", "ee_url", "ee_bucket")


class EngineResource(dg.ConfigurableResource):
    """Where pixels come from.

    Attributes:
        engine: one of `settings.ENGINES`; `sentinel_hub` takes address and credentials from the environment.
        storage: root of all artifacts; the engines keep their list of operations there; empty takes FUSION_STORAGE.
        dask_scheduler: address of a dask.distributed scheduler, or empty to compute in threads of this process.
        ee_project: Google Cloud project that Earth Engine bills; empty takes EE_PROJECT.
        ee_url: address of the Earth Engine API; empty takes EE_URL, or the public one.
        ee_bucket: bucket for Earth Engine's tasks; empty takes FUSION_EE_BUCKET, or fetches pixels directly.
        ee_use: how the study wants exports run there; see `study.EarthEngineUse`.
    """

    engine: str = "archive"
    storage: str = ""
    dask_scheduler: str = ""
    ee_project: str = ""
    ee_url: str = ""
    ee_bucket: str = ""
    ee_use: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, study: Study) -> EngineResource:
        """The engine of a code location."""
        use = study.earth_engine
        return cls(
            engine=settings.engine,
            storage=_without_login(settings.storage),
            dask_scheduler=settings.dask_scheduler,
            ee_project=settings.ee_project,
            ee_url=_without_login(settings.ee_url),
            ee_bucket=_without_login(settings.ee_bucket),
            ee_use={**use.model_dump(exclude_none=True), "workload_tag": use.workload_tag or workload_tag(study.name)},
        )

    def client(self) -> Engine:
        """The engine.

        Raises:
            FusionError: no such engine, storage that cannot be written, or coordinates cannot be projected here.
        """
        check_projections()
        storage = Storage(self.storage or Settings.from_environment().storage)
        storage.check_writable()
        if self.engine == "archive":
            from fusion_assets.imagery.engines.archive.engine import ArchiveEngine

            return ArchiveEngine(storage)
        if self.engine == "sentinel_hub":
            from fusion_assets.imagery.engines.sentinel_hub import SentinelHub

            return SentinelHub()
        from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions

        chosen = {"engine": self.engine}
        chosen |= {name: value for name in _EARTH_ENGINE if (value := getattr(self, name))}
        settings = Settings.from_environment(chosen)
        # Credentials are no part of the configuration: the client finds them where it runs.
        use = EarthEngineUse.model_validate(self.ee_use)
        connection = Connection(settings.ee_project, settings.ee_url, use.workload_tag or "")
        options = ExportOptions(
            bucket=settings.ee_bucket.removeprefix("gs://"), **use.model_dump(exclude={"workload_tag"})
        )
        return EarthEngine(storage, connection, options)

    def connect_dask(self) -> None:
        """Make the configured cluster the default of this process; lazy arrays are then computed on it.

        Raises:
            FusionError: no scheduler answers at the address.
        """
        if not self.dask_scheduler:
            return
        from distributed import Client, default_client

        try:
            if default_client().scheduler.address == self.dask_scheduler:
                return
        except ValueError:
            pass
        try:
            Client(self.dask_scheduler, timeout="15s", set_as_default=True)
        except (OSError, TimeoutError) as error:
            raise FusionError(
                f"no dask scheduler answers at {self.dask_scheduler} ({type(error).__name__})",
                "a running `dask scheduler` with workers that can read the archive",
                "start it, correct FUSION_DASK_SCHEDULER, or unset it to compute here",
            ) from None


def _without_login(address: str) -> str:
    """An address as Dagster may record it: one that holds a login is left out, and taken from the environment."""
    return address if public_url(address) == address else ""
