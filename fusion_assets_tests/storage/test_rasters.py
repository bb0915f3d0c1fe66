"""Rasters as files: round trip, digest, validity, streaming, damage."""

import threading

import dask.array as da
import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo import cog_validate
from shapely.geometry import box

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_writing import open_raster, write_raster


def make_grid(height=700, width=900, crs="EPSG:32631"):
    return Grid(crs, Affine(250.0, 0, 500_000, 0, -250.0, 5_600_000), height, width)


def make_dataset(grid, chunks=256):
    values = np.random.default_rng(1).normal(0.1, 0.02, grid.shape).astype(np.float32)
    values[:50, :60] = np.nan
    count = np.full(grid.shape, 7, np.uint16)
    dataset = grid.dataset({"B02": da.from_array(values, chunks), "observation_count": da.from_array(count, chunks)})
    dataset["B02"].attrs["units"] = "1"
    return dataset


@pytest.fixture
def written(tmp_path):
    return write_raster(
        make_dataset(make_grid()), nodata=-9999, tags={"study_digest": "abc", "Product": "p"}, directory=tmp_path
    )


def test_file_is_a_valid_cog_with_names_units_crs_nodata_and_tags(written):
    assert cog_validate(written.path, strict=True) == (True, [], [])
    with rasterio.open(written.path) as source:
        assert source.descriptions == ("B02", "observation_count")
        assert source.units[0] == "1"
        assert (source.crs, source.nodata) == ("EPSG:32631", -9999)
        assert source.tags()["FUSION_STUDY_DIGEST"] == "abc"
        assert source.tags()["FUSION_CONTENT_DIGEST"] == written.digest
        assert source.overviews(1)
        assert source.read(1)[0, 0] == -9999


def test_what_comes_back_is_what_was_written(written):
    given, back = make_dataset(make_grid()).compute(), open_raster(written.path)
    assert back["B02"].chunks is not None
    for band in given.data_vars:
        assert back[band].dtype == given[band].dtype
        np.testing.assert_array_equal(back[band].to_numpy(), given[band].to_numpy())
    assert Grid.of(back) == make_grid()
    assert back.attrs["product"] == "p" and back.attrs["grid_digest"] == make_grid().digest
    assert back["B02"].attrs["units"] == "1"
    assert open_raster(written.path, masked=False)["B02"].to_numpy()[0, 0] == -9999


@pytest.mark.parametrize("crs", ["ESRI:54009", "EPSG:3035"])
def test_grid_survives_the_file(tmp_path, crs):
    grid = make_grid(20, 30, crs)
    file = write_raster(make_dataset(grid), nodata=np.nan, tags={}, directory=tmp_path)
    assert Grid.of(open_raster(file.path)) == grid


def test_labels_stay_integers_and_their_overviews_stay_classes(tmp_path):
    grid = make_grid(1100, 1100)
    labels = np.where(np.add(*np.indices(grid.shape)) % 3 == 0, 30, 10).astype(np.int16)
    labels[0, 0] = 255
    file = write_raster(
        grid.dataset({"smod_code": labels, "built_up": (labels == 30).astype(np.uint8)}),
        palettes={"smod_code": {}, "built_up": {}}, nodata=255, tags={}, directory=tmp_path,
    )  # fmt: skip
    back = open_raster(file.path)
    assert back["smod_code"].dtype == np.int16 and back["built_up"].dtype == np.uint8
    assert back["smod_code"].to_numpy()[0, 0] == 255
    with rasterio.open(file.path, overview_level=0) as overview:
        assert set(np.unique(overview.read(1))) <= {10, 30, 255}
    assert set(np.unique(file.preview["smod_code"])) <= {10, 30}


@pytest.mark.parametrize("chunks", [700, (100, 901), (333, 64), None])
def test_digest_and_statistics_do_not_depend_on_chunks(tmp_path, written, chunks):
    dataset = make_dataset(make_grid(), chunks or 256)
    other = write_raster(dataset if chunks else dataset.compute(), nodata=-9999, tags={}, directory=tmp_path)
    assert (other.digest, other.stats) == (written.digest, written.stats)


def test_digest_sees_pixels_names_grid_and_nothing_else(tmp_path, written):
    def digest(dataset):
        return write_raster(dataset, nodata=-9999, tags={"other": "tags"}, directory=tmp_path).digest

    dataset = make_dataset(make_grid())
    zero = dataset.assign(B02=dataset["B02"].where(dataset["B02"] > 0.1, 0.0))
    assert digest(dataset) == written.digest
    assert digest(zero) == digest(zero.assign(B02=zero["B02"].where(zero["B02"] != 0, -0.0)))
    assert digest(dataset.rename(B02="B03")) != written.digest
    assert digest(dataset.assign_coords(x=dataset["x"] + 250)) != written.digest
    changed = dataset["B02"].to_numpy().copy()
    changed[-1, -1] = np.nextafter(changed[-1, -1], 1)
    assert digest(make_grid().dataset({"B02": changed, "observation_count": dataset["observation_count"].data}))


def test_statistics_and_the_share_inside_a_region(tmp_path, written):
    stats = written.stats["B02"]
    values = make_dataset(make_grid())["B02"].to_numpy()
    assert stats["valid_share"] == pytest.approx(np.isfinite(values).mean())
    assert (stats["min"], stats["max"]) == (np.nanmin(values), np.nanmax(values))
    assert stats["mean"] == pytest.approx(np.nanmean(values, dtype=float))
    grid = make_grid()
    lon, lat = grid.lonlat()
    region = box(lon[40, 0] - 1, lat[40, 0], lon[0, 40], lat[0, 0] + 1)  # in the no-data corner
    inside = grid.inside(region)
    assert inside.any()
    assert write_raster(make_dataset(grid), nodata=-9999, tags={}, directory=tmp_path, region=region).stats["B02"][
        "valid_share"
    ] == pytest.approx(np.isfinite(values[inside]).mean())


def test_a_bounded_number_of_blocks_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("fusion_assets.storage.raster_writing.BATCH_BYTES", 4 * 128 * 128 * 4)
    state, lock = {"computed": 0, "most": 0, "written": 0}, threading.Lock()

    def block(block_info=None):
        with lock:
            state["computed"] += 1
            state["most"] = max(state["most"], state["computed"] - state["written"])
        return np.ones((128, 128), np.float32)

    grid = make_grid(128 * 8, 128 * 8)
    values = da.map_blocks(block, chunks=((128,) * 8, (128,) * 8), dtype=np.float32, meta=np.empty((0, 0), np.float32))
    seen = []

    def progress(done, total):
        state["written"] = done
        seen.append((done, total))

    write_raster(grid.dataset({"a": values}), nodata=np.nan, tags={}, directory=tmp_path, progress=progress)
    assert state["computed"] == 64  # each block once
    assert state["most"] <= 4
    assert seen[-1] == (64, 64)


def test_a_failing_block_leaves_nothing(tmp_path):
    def block(block_info=None):
        raise FusionError("no such scene")

    values = da.map_blocks(block, chunks=((64,), (64,)), dtype=np.float32, meta=np.empty((0, 0), np.float32))
    with pytest.raises(FusionError, match="no such scene"):
        write_raster(make_grid(64, 64).dataset({"a": values}), nodata=np.nan, tags={}, directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_values_that_do_not_fit_are_refused(tmp_path):
    dataset = make_grid(4, 4).dataset({"a": np.full((4, 4), 300.0)})
    with pytest.raises(FusionError, match=r"band a reaches.*300"):
        write_raster(dataset, nodata=255, dtype="uint8", tags={}, directory=tmp_path)
    with pytest.raises(FusionError, match="no-data nan does not fit a uint8 file"):
        write_raster(dataset, nodata=np.nan, dtype="uint8", tags={}, directory=tmp_path)


def test_no_room_is_noticed_before_computing(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10_000})())
    with pytest.raises(FusionError, match="free") as caught:
        write_raster(make_dataset(make_grid()), nodata=np.nan, tags={}, directory=tmp_path)
    assert "TMPDIR" in caught.value.remedy


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused_by_name(written, keep):
    with written.path.open("rb+") as file:
        file.truncate(int(written.path.stat().st_size * keep))
    with pytest.raises(FusionError, match=written.path.name):
        open_raster(written.path)


def test_a_damaged_tile_is_named_when_it_is_read(written):
    with rasterio.open(written.path) as source:
        offset = int(source.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    with written.path.open("rb+") as file:
        file.seek(offset + 20)
        file.write(b"\xff" * 2000)
    with pytest.raises(FusionError, match=written.path.name) as caught:
        open_raster(written.path).compute()
    assert caught.value.__context__ is None  # GDAL's errors cannot cross process boundaries


def test_a_file_replaced_while_open_is_not_mixed_with_the_new_one(tmp_path, written):
    lazy = open_raster(written.path)
    other = make_dataset(make_grid())
    other = write_raster(other.assign(B02=other["B02"] * 2), nodata=-9999, tags={}, directory=tmp_path)
    other.path.replace(written.path)
    with pytest.raises(FusionError, match="replaced while"):
        lazy.compute()


def test_bands_are_read_together(written, monkeypatch):
    from fusion_assets.storage import raster_reading

    reads, real = [], raster_reading.open_file
    monkeypatch.setattr(raster_reading, "open_file", lambda *args: reads.append(args) or real(*args))
    dataset = open_raster(written.path, chunks=512)
    reads.clear()
    dataset.compute()
    assert len(reads) == 4  # 2 x 2 blocks, not once more per band


def test_a_remote_raster_is_downloaded_once(written, tmp_path, monkeypatch):
    import fsspec

    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    url = "memory://test_rasters/remote.tif"
    fsspec.filesystem("memory").pipe_file(url, written.path.read_bytes())
    np.testing.assert_array_equal(open_raster(url)["B02"].to_numpy(), open_raster(written.path)["B02"].to_numpy())
    open_raster(url)
    assert len(list(tmp_path.glob("fusion-cache-*/*"))) == 1
