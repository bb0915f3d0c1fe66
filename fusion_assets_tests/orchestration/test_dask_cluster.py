"""Clusters that lack workers, lose them, or go away: named, soon, and never waited for."""

import threading
import time

import dask
import pytest
from distributed import LocalCluster

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.orchestration import dask_cluster
from fusion_assets.orchestration.dask_cluster import PatientClient, connect_dask


@pytest.fixture
def cluster():
    with LocalCluster(
        n_workers=0, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp://", host="127.0.0.1"
    ) as made:
        yield made
        for client in list(PatientClient._instances):
            client.close(timeout=1)


def test_no_scheduler_is_an_error(monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(FusionError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        connect_dask("tcp://127.0.0.1:9")


def test_no_workers_are_named_and_the_cluster_is_no_default_then(cluster):
    with pytest.raises(FusionError, match=r"no workers have joined the dask scheduler at tcp://127\.0\.0\.1"):
        connect_dask(cluster.scheduler_address, patience=0.3)
    assert dask.delayed(sum)([1, 2]).compute() == 3


def test_workers_compute_and_are_missed_when_they_leave(cluster):
    cluster.scale(1)
    connect_dask(cluster.scheduler_address, patience=3)
    assert dask.delayed(sum)([1, 2]).compute() == 3
    with pytest.raises(ZeroDivisionError):
        dask.delayed(lambda: 1 / 0)().compute()
    threading.Timer(0.5, lambda: cluster.scale(0)).start()
    with pytest.raises(FusionError, match="no workers have joined"):
        dask.compute(*[dask.delayed(time.sleep)(1 + number / 100) for number in range(100)])


def test_a_scheduler_that_goes_is_named(cluster):
    cluster.scale(1)
    connect_dask(cluster.scheduler_address, patience=3)
    threading.Timer(0.5, cluster.close).start()
    with pytest.raises(Unreachable, match="has gone"):
        dask.compute(*[dask.delayed(time.sleep)(1 + number / 100) for number in range(100)])
