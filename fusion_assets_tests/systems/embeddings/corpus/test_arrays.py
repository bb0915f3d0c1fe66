"""Patches as they are learned from: physical units, one grid, the order that was asked for."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.corpus.arrays import read_arrays
from fusion_assets.systems.embeddings.corpus.shards import make_shard, open_store
from fusion_assets_tests.systems.embeddings.corpus.small_archive import (
    LAYOUT,
    SIZE,
    archive_reader,
    optics_item,
    plan,
    values_of,
    write_file,
)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    root = tmp_path_factory.mktemp("shard")
    blue = values_of("B02")
    blue[0, :5] = 0
    item = optics_item(
        root, B02=write_file(root / "changed", "B02", blue), properties={"s2:processing_baseline": "05.09"}
    )
    storage = Storage(root / "store")
    path = storage.path("patches", None, "0000", "json")
    read = archive_reader(root, optics=item)
    made = make_shard(storage, path, plan(4), read, LAYOUT, root / "work", facts={})
    return root / "store/patches" / made.name


def test_arrays_are_physical_and_on_one_grid(shard):
    found, store = read_arrays(shard), open_store(shard)
    assert found["optics"].shape == (4, SIZE, SIZE, 12) and found["radar"].shape == (4, SIZE, SIZE, 2)
    assert np.isnan(found["optics"][0, 0, :5, 0]).all() and np.isfinite(found["optics"][1:]).all()
    names = LAYOUT.bands
    np.testing.assert_allclose(found["optics"][2, ..., names.index("B03")], store["b10"][2, 1] * 1e-4 - 0.1, atol=1e-6)
    coarse = store["b60"][3, 0] * 1e-4 - 0.1
    np.testing.assert_allclose(found["optics"][3, 3::6, 3::6, names.index("B01")], coarse, atol=1e-6)
    assert found["optics"][3, 0, 0, names.index("B01")] == found["optics"][3, 5, 5, names.index("B01")]
    np.testing.assert_allclose(found["radar"][1, ..., 1], store["radar"][1, 1] * 0.01, atol=1e-5)


def test_patches_and_bands_come_in_the_order_asked_for(shard):
    whole, part = read_arrays(shard), read_arrays(shard, [3, 0], ("B8A", "B02"))
    assert part["patch"].tolist() == [3, 0]
    np.testing.assert_array_equal(part["radar"], whole["radar"][[3, 0]])
    at = [LAYOUT.bands.index(band) for band in ("B8A", "B02")]
    np.testing.assert_array_equal(part["optics"], whole["optics"][[3, 0]][..., at])
    assert len(read_arrays(shard, [])["patch"]) == 0


def test_what_is_not_there_is_refused_by_name(shard):
    with pytest.raises(FusionError, match="has no B10"):
        read_arrays(shard, bands=("B10",))
    with pytest.raises(FusionError, match="position 4 in"):
        read_arrays(shard, [0, 4])
