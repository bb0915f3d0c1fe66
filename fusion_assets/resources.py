"""Engine and storage as Dagster resources: thin, so that the rooms stay free of Dagster."""

from __future__ import annotations

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.archive import ArchiveEngine
from fusion_assets.imagery.earth_engine import Connection, EarthEngine, ExportOptions
from fusion_assets.imagery.exports import Engine
from fusion_assets.imagery.storage import Storage
from fusion_assets.settings import Settings

_EARTH_ENGINE = ("ee_project", "ee_url", "ee_bucket")


class EngineResource(dg.ConfigurableResource):
    """Where pixels come from.

    Attributes:
        engine: `archive` or `earth_engine`.
        storage: root of all artifacts; the engines keep their list of operations there.
        dask_scheduler: address of a dask.distributed scheduler, or empty to compute in threads of this process.
        ee_project: Google Cloud project that Earth Engine bills; empty takes EE_PROJECT.
        ee_url: address of the Earth Engine API; empty takes EE_URL, or the public one.
        ee_bucket: bucket for Earth Engine's tasks; empty takes FUSION_EE_BUCKET, or fetches pixels directly.
    """

    engine: str = "archive"
    storage: str
    dask_scheduler: str = ""
    ee_project: str = ""
    ee_url: str = ""
    ee_bucket: str = ""

    def client(self) -> Engine:
        """The engine.

        Raises:
            FusionError: no such engine, or storage that cannot be written.
        """
        storage = Storage(self.storage)
        storage.check_writable()
        if self.engine == "archive":
            return ArchiveEngine(storage)
        chosen = {"engine": self.engine}
        chosen |= {name: value for name in _EARTH_ENGINE if (value := getattr(self, name))}
        settings = Settings.from_environment(chosen)
        # Credentials are no part of the configuration: the client finds them where it runs.
        connection = Connection(settings.ee_project, settings.ee_url)
        return EarthEngine(storage, connection, ExportOptions(bucket=settings.ee_bucket.removeprefix("gs://")))

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
