"""Series as Zarr: whole or not at all, on a disk and elsewhere."""

import json

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from affine import Affine

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.grids.grid import Grid
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.storage import companions
from fusion_assets.storage import cube_pieces as pieces
from fusion_assets.storage import cubes as store
from fusion_assets.storage.companions import beside

GRID = Grid("EPSG:32631", Affine(10, 0, 500_000, 0, -10, 5_600_000), 300, 520)
PLACE = Artifact("ndvi_clear", "here", "2019")
FACTS = {"study": "small", "recipe_digest": "abc"}


def series(dates=3, fail_at=None, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (dates, *GRID.shape)).astype(np.float32)
    values[:, :7] = np.nan
    stack = da.from_array(values, chunks=(1, 128, 128))

    def checked(block, block_info=None):
        if fail_at is not None and block_info[0]["chunk-location"] == fail_at:
            raise FusionError("a file broke")
        return block

    x, y = GRID.centres()
    coordinates = {"time": pd.date_range("2019-01-05", periods=dates, freq="5D"), "y": y, "x": x}
    stack = stack.map_blocks(checked, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    made = xr.Dataset({"ndvi": (("time", "y", "x"), stack)}, coordinates)
    return made.rio.write_crs(GRID.crs).rio.write_transform(GRID.transform), values


@pytest.fixture(params=["disk", "memory"])
def manager(request, tmp_path):
    root = str(tmp_path) if request.param == "disk" else f"memory://{tmp_path.name}"
    return managers(root, lambda asset, region, year: FACTS)["cubes"]


def placed_nowhere(manager, made):
    layers = dict.fromkeys(made.data_vars, store.steps(1e-4))
    return store.write_cube(made, manager.storage, manager.path(PLACE), encodings=layers, facts=FACTS)


def written(manager, **how):
    made, values = series(**how)
    return placed_nowhere(manager, made), values


def names(manager):
    return manager.storage.directories(f"{manager.storage.root}/ndvi_clear/here")


def test_what_is_written_is_read(manager):
    cube, values = written(manager)
    manager.save(cube, PLACE)
    found = manager.load(PLACE)
    assert found["ndvi"].dtype == np.float32 and Grid.of(found) == GRID
    np.testing.assert_allclose(found["ndvi"].values, values, atol=5.1e-5)
    np.testing.assert_array_equal(np.isnan(found["ndvi"].values), np.isnan(values))
    assert cube.stats["ndvi"]["valid_share"] == pytest.approx(np.isfinite(values).mean())
    manager.verify(PLACE)


def test_equal_series_have_equal_digests(manager):
    first, second, other = (written(manager, seed=seed)[0].digest for seed in (1, 1, 2))
    assert first == second != other


def test_a_series_that_fails_leaves_nothing(manager):
    with pytest.raises(FusionError, match="a file broke"):
        written(manager, fail_at=(1, 2, 3))
    assert names(manager) == [] and not manager.storage.exists(manager.path(PLACE))


def test_a_killed_process_leaves_nothing_that_loads(manager):
    cube, values = written(manager)
    manager.save(cube, PLACE)
    written(manager, seed=5)  # written, and never placed
    assert len(names(manager)) == 2
    np.testing.assert_allclose(manager.load(PLACE)["ndvi"].values, values, atol=5.1e-5)


def test_whoever_reads_the_old_series_goes_on_reading_it(manager):
    manager.save(written(manager, seed=1)[0], PLACE)
    held, before = manager.load(PLACE), written(manager, seed=1)[1]
    manager.save(written(manager, seed=2)[0], PLACE)
    np.testing.assert_allclose(held["ndvi"].values, before, atol=5.1e-5)
    manager.save(written(manager, seed=3)[0], PLACE)
    assert len(names(manager)) == 2 + 1, "the last two, and one that was never placed"


def test_a_missing_chunk_is_an_error_and_not_a_gap(manager):
    cube, _ = written(manager)
    manager.save(cube, PLACE)
    place = beside(manager.path(PLACE), cube.name)
    chunk = next(name for name in manager.storage.sizes(place) if name.startswith("ndvi/") and name[-1].isdigit())
    manager.storage.remove(f"{place}/{chunk}")
    with pytest.raises(FusionError, match="as they were written"):
        manager.verify(PLACE)


def test_other_settings_are_refused(manager):
    manager.save(written(manager)[0], PLACE)
    manager.expected = lambda asset, region, year: FACTS | {"recipe_digest": "other"}
    with pytest.raises(FusionError, match="recipe_digest abc"):
        manager.load(PLACE)


def test_what_was_abandoned_long_ago_is_swept(manager, monkeypatch):
    written(manager)
    monkeypatch.setattr(companions, "STALE_AFTER_S", -1)
    cube, _ = written(manager)
    manager.save(cube, PLACE)
    assert names(manager) == [cube.name]


def test_what_pieces_share_is_computed_once(manager, monkeypatch):
    made, values = series()
    reads = []

    def read(block, block_info=None):
        reads.append(block_info[0]["chunk-location"])
        return block

    monkeypatch.setattr(store, "CHUNK", 64)
    monkeypatch.setattr(pieces, "PIECE", 64)
    monkeypatch.setattr(pieces, "BATCH", (2, 4))  # windows of 128 x 256: whole blocks of the series
    made["ndvi"] = made["ndvi"].copy(
        data=made["ndvi"].data.map_blocks(read, dtype=np.float32, meta=np.empty((0, 0, 0)))
    )
    reads.clear()
    cube = placed_nowhere(manager, made)
    assert len(reads) == len(set(reads)) == made["ndvi"].data.npartitions
    manager.save(cube, PLACE)
    np.testing.assert_allclose(manager.load(PLACE)["ndvi"].values, values, atol=5.1e-5)


def test_batches_do_not_show(manager, monkeypatch):
    whole = written(manager)[0]
    monkeypatch.setattr(pieces, "BATCH", (1, 1))
    monkeypatch.setattr(pieces, "PIECE", 512)
    assert written(manager)[0].digest == whole.digest


def test_later_batches_wait(manager, monkeypatch):
    """Memory does not grow with the region: nothing is computed ahead of what is being written."""
    monkeypatch.setattr(store, "CHUNK", 128)
    monkeypatch.setattr(pieces, "PIECE", 128)
    monkeypatch.setattr(pieces, "BATCH", (1, 1))
    events = []
    made, _ = series(dates=1)
    layer = made["ndvi"].data.map_blocks(
        lambda block, block_info=None: events.append("read") or block, dtype=np.float32, meta=np.empty((0, 0, 0))
    )
    made["ndvi"] = made["ndvi"].copy(data=layer)
    write = pieces.write_piece
    monkeypatch.setattr(pieces, "write_piece", lambda *args: events.append("write") or write(*args))
    events.clear()
    placed_nowhere(manager, made)
    assert events == ["read", "write"] * layer.npartitions


def test_layers_made_together_are_made_once(manager, monkeypatch):
    monkeypatch.setattr(pieces, "BATCH", (1, 1))
    made, values = series()
    calls = []

    def both(block):
        calls.append(1)
        return block, -block

    blocks = made["ndvi"].data.rechunk((-1, 300, 520)).to_delayed(optimize_graph=False)[0, 0, 0]
    pair = dask.delayed(both, pure=False, nout=2)(blocks)
    layers = {name: da.from_delayed(pair[k], values.shape, np.float32) for k, name in enumerate(("ndvi", "low"))}
    made = made.assign({name: (("time", "y", "x"), layer) for name, layer in layers.items()})
    placed_nowhere(manager, made)
    assert len(calls) == 2, "300 x 520 pixels are two batches"


def test_a_preview_is_every_nth_pixel_of_a_few_dates_however_it_was_computed(manager, monkeypatch):
    whole, values = written(manager, dates=5)
    step = 3  # 520 pixels by at most 240
    days = ["2019-01-05", "2019-01-15", "2019-01-25"]
    assert list(whole.preview) == days
    for day, k in zip(days, (0, 2, 4), strict=True):
        np.testing.assert_array_equal(whole.preview[day], values[k, ::step, ::step])
    monkeypatch.setattr(store, "CHUNK", 64)
    monkeypatch.setattr(pieces, "PIECE", 64)
    again = written(manager, dates=5)[0]
    np.testing.assert_array_equal(again.preview[days[1]], whole.preview[days[1]])
    assert manager.save(again, PLACE)["preview"].value.startswith("here|2019, 2019-01-05, 2019-01-15")


def test_a_file_of_another_content_is_refused_when_it_is_read_and_by_name(tmp_path):
    manager = managers(str(tmp_path), lambda *place: FACTS)["cubes"]
    manager.save(written(manager)[0], PLACE)
    chunk = next(tmp_path.glob("**/ndvi/0.0.0"))
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(bytes(content))
    loaded = manager.load(PLACE)
    with pytest.raises(FusionError, match=r"ndvi/0\.0\.0 was changed after it was written"):
        loaded.compute()
    with pytest.raises(FusionError, match=r"has 1 changed file: ndvi/0\.0\.0"):
        manager.pixel_digests(PLACE)
    chunk.unlink()
    with pytest.raises(Replaced, match="is not there any more"):
        loaded.compute()


@pytest.mark.parametrize(
    ("layer", "declared", "said"),
    [
        ("ndvi", {"chunks": [3, 30_000, 30_000]}, "takes 5149 MiB at once"),
        ("ndvi", {"shape": [3, 30_000, 520]}, r"is of \(3, 30000, 520\)"),
        ("ndvi", {"dtype": "|V300000000"}, "cannot be used"),
        ("time", {"shape": [10**12], "chunks": [3]}, "has 1000000000000 dates"),
        ("x", {"shape": [10**12], "chunks": [520]}, "MiB at once|as its axes are|is of"),
        ("x", {"shape": []}, "cannot be used"),
    ],
)
def test_declared_sizes_are_not_believed(tmp_path, layer, declared, said):
    manager = managers(str(tmp_path), lambda *place: FACTS)["cubes"]
    cube, _ = written(manager)
    path, storage = manager.path(PLACE), manager.storage
    place = beside(path, cube.name)
    told = json.loads(storage.read_bytes(f"{place}/.zmetadata"))
    told["metadata"][f"{layer}/.zarray"] |= declared
    storage.write_bytes(json.dumps(told).encode(), f"{place}/.zmetadata")
    # As of before there were digests.
    record = cube.to_dict() | {"noted": {}, "size": sum(storage.sizes(place).values())}
    with pytest.raises(FusionError, match=said) as caught:
        store.open_cube(storage, path, record, "fusion run")
    assert "fusion run" in caught.value.remedy
