"""Engine and storage as Dagster resources: thin, so that the rooms stay free of Dagster."""

from __future__ import annotations

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.archive import ArchiveEngine
from fusion_assets.imagery.exports import Engine
from fusion_assets.imagery.storage import Storage


class EngineResource(dg.ConfigurableResource):
    """Where pixels come from.

    Attributes:
        engine: `archive` or `earth_engine`.
        storage: root of all artifacts; the archive engine keeps its list of operations there.
        dask_scheduler: address of a dask.distributed scheduler, or empty to compute in threads of this process.
    """

    engine: str = "archive"
    storage: str
    dask_scheduler: str = ""

    def client(self) -> Engine:
        """The engine.

        Raises:
            FusionError: engine not available in this installation, or storage that cannot be written.
        """
        if self.engine != "archive":
            raise FusionError(
                f"the engine {self.engine!r} is not part of this version",
                "`archive`, any STAC catalog or API",
                "unset FUSION_ENGINE",
            )
        storage = Storage(self.storage)
        storage.check_writable()
        return ArchiveEngine(storage)

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
