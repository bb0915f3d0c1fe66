"""A dask cluster as where lazy arrays are computed, which says when it has no workers; imported where it is used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from distributed import CancelledError, Client, Future, default_client, futures_of, wait

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.retries import still_waiting
from fusion_assets.redaction import public_url

CONNECT_SECONDS, WORKERS_SECONDS = 15.0, 60.0
_LOOK_SECONDS = 2.0


def connect_dask(scheduler: str, patience: float = WORKERS_SECONDS) -> None:
    """Make a cluster the default of this process; lazy arrays are then computed on it.

    Args:
        scheduler: address of a dask.distributed scheduler; empty computes in threads of this process.
        patience: seconds that a cluster may be without workers, now and while it computes.

    Raises:
        FusionError: no scheduler answers at the address, or no worker joins it.
    """
    if not scheduler or _connected(scheduler):
        return
    try:
        client = PatientClient(scheduler, timeout=CONNECT_SECONDS, set_as_default=True)
    except (OSError, TimeoutError, ValueError) as error:
        raise FusionError(
            f"no dask scheduler answers at {public_url(scheduler)} ({type(error).__name__})",
            "a running `dask scheduler` with workers that can read the archive",
            "start it, correct FUSION_DASK_SCHEDULER, or unset it to compute here",
        ) from None
    client.patience = patience
    try:
        client.wait_until(lambda: client.workers() > 0)
    except BaseException:
        client.close(timeout=1)
        raise


def _connected(scheduler: str) -> bool:
    try:
        client = default_client()
    except ValueError:
        return False
    return client.scheduler is not None and client.scheduler.address == scheduler and client.status == "running"


class PatientClient(Client):
    """A client that waits for results, but neither for a scheduler that has gone nor long for workers."""

    patience = WORKERS_SECONDS

    def get(self, dsk: Any, keys: Any, *, sync: bool = True, **kwargs: Any) -> Any:  # type: ignore[override]
        """See `distributed.Client.get`.

        Raises:
            Unreachable: the scheduler has gone.
            FusionError: there have been no workers for a while.
        """
        packed = super().get(dsk, keys, sync=False, **kwargs)
        if not sync:
            return packed
        futures = futures_of(packed)
        try:
            self.wait_until(lambda: self._done(futures))
            return self.gather(packed)
        finally:
            for future in futures:
                future.release()

    def workers(self) -> int:
        """How many workers there are, as the scheduler has told this client last."""
        info = self.scheduler_info()
        return int(info.get("n_workers", len(info.get("workers", ()))))

    def wait_until(self, over: Any) -> None:
        """Look again and again whether something is over.

        Args:
            over: asked in turns; may take a moment.

        Raises:
            Unreachable: the scheduler has gone.
            FusionError: there have been no workers for a while.
        """
        started = seen = told = time.monotonic()
        while not over():
            now, address = time.monotonic(), public_url(self._address())
            if self.workers():
                seen = now
            elif now - seen > self.patience:
                raise FusionError(
                    f"no workers have joined the dask scheduler at {address} for {now - seen:.0f} s",
                    "at least one, started with `dask worker`",
                    "start workers that can read the archive, or unset FUSION_DASK_SCHEDULER to compute here",
                )
            if self.status != "running":
                raise self._gone()
            workers = number_of(self.workers(), "worker")
            told = still_waiting(f"the dask scheduler at {self._address()}, {workers}", started, told)
            time.sleep(min(_LOOK_SECONDS, self.patience) / 10)

    def _address(self) -> str:
        return str(self.scheduler.address) if self.scheduler is not None else "?"

    def _done(self, futures: Sequence[Future]) -> bool:
        try:
            wait(futures, timeout=_LOOK_SECONDS)
        except TimeoutError:
            return False
        except CancelledError:
            raise self._gone() from None
        return self.status == "running"

    def _gone(self) -> Unreachable:
        return Unreachable(
            f"the dask scheduler at {public_url(self._address())} has gone while it computed",
            "one that stays",
            "start it again, or unset FUSION_DASK_SCHEDULER to compute here",
        )
