"""How much memory composites may take."""

import sys
from types import SimpleNamespace

import dask
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import memory
from fusion_assets.imagery.memory import memory_of, memory_per_thread
from fusion_assets.settings import Settings


@pytest.mark.parametrize(("text", "amount"), [("", None), ("4GB", 4e9), ("512 MiB", 512 << 20), ("1.5gb", 1.5e9)])
def test_amounts(text, amount):
    assert memory_of(text) == amount


@pytest.mark.parametrize("text", ["4", "much", "-4GB", "4kB", "10MB", "0GB", "nan GB"])
def test_what_is_no_amount_is_refused_by_name(text, monkeypatch):
    monkeypatch.setenv("FUSION_MEMORY", text)
    with pytest.raises(FusionError, match="FUSION_MEMORY is"):
        Settings.from_environment()


def test_threads_share_a_quarter_of_the_machine_or_what_is_given(monkeypatch):
    monkeypatch.setattr(memory, "_machine", lambda: 64 << 30)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with dask.config.set(num_workers=4):
        assert memory_per_thread() == 4 << 30
        assert memory_per_thread(8 << 30) == 2 << 30


def test_a_container_has_what_it_is_limited_to(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path / "memory.max")
    whole = memory._machine()
    for text, expected in (("max\n", whole), (f"{1 << 28}\n", 1 << 28)):
        (tmp_path / "memory.max").write_text(text)
        assert memory._machine() == expected


def test_a_cluster_has_the_limits_of_its_workers(monkeypatch):
    workers = {
        "a": {"memory_limit": 8 << 30, "nthreads": 2},
        "b": {"memory_limit": 3 << 30, "nthreads": 1},
        "without a limit": {"memory_limit": 0, "nthreads": 4},
    }
    client = SimpleNamespace(scheduler_info=lambda n_workers: {"workers": workers})
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(default_client=lambda: client))
    assert memory_per_thread(1 << 40) == 3 << 29
